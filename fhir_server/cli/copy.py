"""`fhir-server copy`: a whole server moves to another store, with its history."""

import asyncio
from typing import Annotated

import typer

from fhir_server.app import assemble
from fhir_server.cli.copier import Copier
from fhir_server.cli.digest import differences, digest
from fhir_server.cli.options import Quiet
from fhir_server.cli.progress import bar
from fhir_server.cli.stores import opened
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import SettingError, from_environment


def copy(
    source: Annotated[str, typer.Option("--from", help="The store to copy: sqlite:///FILE or postgresql://…")],
    target: Annotated[str, typer.Option("--to", help="The store that becomes the copy: an empty one.")],
    quiet: Quiet = False,
) -> None:
    """Copy a whole server to another store: every version with its id and time, concepts, and records such as packages.

    Stop the servers on the source first. Interrupted? The same command goes on where it stopped.
    """
    if source == target:
        raise SettingError("--from and --to name the same store")
    versions, records = asyncio.run(_copy(source, target, quiet=quiet))
    print(f"{versions:,} versions and {records:,} records copied and verified")


async def _copy(source: str, target: str, *, quiet: bool) -> tuple[int, int]:
    async with (
        opened(from_environment(store=source)) as origin,
        opened(from_environment(store=target), create=True) as copy,
    ):
        server = await assemble(from_environment(store=source), origin)
        copier = Copier(server, copy)
        total = (await origin.reader(UNRESTRICTED).history(None, count=0)).total
        done = await copier.begin()
        with bar("copy", total, quiet=quiet) as shown:
            shown.advance(done)
            await copier.copy(shown.advance)
            shown.say("concepts and records")
            await copier.copy_concepts()
            await copier.copy_records()
        with bar("verify", 2 * (total or 0), quiet=quiet) as shown:
            here = await digest(origin, shown.advance)
            there = await digest(copy, shown.advance)
        wrong = differences(here, there)
        if wrong:
            raise SettingError(
                "the copy differs from its source, which may have been written to meanwhile; with all its servers stopped the"
                " same command goes on, and an empty target begins afresh: " + "; ".join(wrong[:10])
            )
        await copier.finish()
    return sum(kind.count for kind in here.versions.values()), sum(kind.count for kind in here.records.values())
