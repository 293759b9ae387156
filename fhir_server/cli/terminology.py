"""`fhir-server terminology import | list | remove`: releases of code systems in the store, from files that the user owns."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from fhir_server.app import assemble
from fhir_server.cli.options import Quiet, Store
from fhir_server.cli.progress import bar
from fhir_server.cli.stores import opened
from fhir_server.interactions import releases
from fhir_server.releases.files import Files
from fhir_server.releases.formats import FORMATS
from fhir_server.releases.importing import bring, forget
from fhir_server.releases.release import Wanted
from fhir_server.settings import SettingError, from_environment

terminology = typer.Typer(
    name="terminology",
    help="Code systems from the files of their publishers: import, list, remove.",
    no_args_is_help=True,
)

_FILES = (
    f"Archives (.zip), folders or files, as their publishers deliver them: {', '.join(each.name for each in FORMATS)}."
)


@terminology.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help=_FILES)],
    together: Annotated[bool, typer.Option("--together", help="The files are of one release.")] = False,
    url: Annotated[str, typer.Option(help="Which code system it is, where the files do not tell.")] = "",
    version: Annotated[str, typer.Option(help="Its version, where the files do not tell.")] = "",
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    language: Annotated[str, typer.Option(help="Of its displays, as in en-GB.")] = "",
    store: Store = None,
    quiet: Quiet = False,
) -> None:
    """Bring releases in. Each is seen when it is whole. Interrupted? The same command goes on. Nothing is fetched."""
    wanted = Wanted(url, version, title, language)
    several = [files] if together else [[file] for file in files]
    if len(several) > 1 and (url or version):
        raise SettingError("--url and --version are of one release: import one at a time, or say --together")
    asyncio.run(_import(several, wanted, store, quiet=quiet))


@terminology.command("list")
def list_(store: Store = None) -> None:
    """Show what is there."""
    asyncio.run(_list(store))


@terminology.command()
def remove(name: Annotated[str, typer.Argument(help="url|version, as listed.")], store: Store = None) -> None:
    """Delete a code system that was imported, with its concepts."""
    asyncio.run(_remove(name, store))


async def _import(several: Sequence[list[Path]], wanted: Wanted, url: str | None, *, quiet: bool) -> None:
    settings = from_environment(store=url)
    async with opened(settings, create=True) as store:
        server = await assemble(settings, store)
        for paths in several:
            start = perf_counter()
            with bar("import", quiet=quiet) as shown:
                found, new = await bring(server, Files(paths), wanted, shown)
            if new:
                print(
                    f"{found.canonical}: {found.concepts:,} concepts in {perf_counter() - start:.1f} s ({found.format})"
                )
            else:
                print(f"{found.canonical}: there already, {found.concepts:,} concepts from the same files")


async def _list(url: str | None) -> None:
    async with opened(from_environment(store=url)) as store:
        for one in await releases.every(store.state):
            there = f"{one.concepts:,} concepts" if one.digest else "nothing yet"
            state = " (an import was interrupted, or goes on: import it again)" if one.draft else ""
            print(f"{one.canonical}  {there}  {one.title}{state}")


async def _remove(canonical: str, url: str | None) -> None:
    settings = from_environment(store=url)
    async with opened(settings) as store:
        gone = await forget(await assemble(settings, store), canonical)
        print(f"{gone.canonical}: removed")
