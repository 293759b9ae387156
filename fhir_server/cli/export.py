"""`fhir-server export`: every current resource as NDJSON, a file for each type.

http://hl7.org/fhir/R4/nd-json.html
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from fhir_server.cli.options import Quiet, Store
from fhir_server.cli.progress import Bar, bar
from fhir_server.cli.stores import opened
from fhir_server.definitions import definitions
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.settings import SettingError, from_environment
from fhir_server.storage.base import Store as StoreContract


def export(
    folder: Annotated[Path, typer.Argument(help="Folder for the files; it is made where it does not exist.")],
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type (may be repeated).")
    ] = None,
    store: Store = None,
    quiet: Quiet = False,
) -> None:
    """Write every current resource to FOLDER/[type].ndjson. A file appears under its name once it is complete."""
    known = definitions().resource_types
    wrong = [name for name in type_ or () if name not in known]
    if wrong:
        raise SettingError(f"no resource type of FHIR R4: {', '.join(wrong)}")
    print(f"{asyncio.run(_export(folder, type_, store, quiet=quiet)):,} resources in {folder}")


async def _export(folder: Path, types: list[str] | None, url: str | None, *, quiet: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    async with opened(from_environment(store=url)) as store:
        counts = await store.counts()
        wanted = {name: counts[name] for name in sorted(counts) if counts[name] and (not types or name in types)}
        with bar("export", sum(wanted.values()), quiet=quiet) as shown:
            return sum([await _export_type(store, name, folder, shown) for name in wanted])


async def _export_type(store: StoreContract, type_: str, folder: Path, shown: Bar) -> int:
    shown.say(type_)
    draft, written = folder / f".{type_}.ndjson.part", 0
    with draft.open("wb") as file:
        async for version in store.stream(UNRESTRICTED, SearchQuery({type_: EVERYTHING})):
            file.write((version.body or b"") + b"\n")
            written += 1
            shown.advance()
    draft.replace(folder / f"{type_}.ndjson")
    return written
