"""`fhir-server reindex`: what resources are found by, worked out again; the server may go on running."""

import asyncio
from typing import Annotated

import typer

from fhir_server.cli.options import Quiet, Store
from fhir_server.cli.progress import bar
from fhir_server.cli.stores import opened
from fhir_server.search.index import extract
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.settings import from_environment


def reindex(
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type (may be repeated).")
    ] = None,
    store: Store = None,
    quiet: Quiet = False,
) -> None:
    """Work out the index entries of every current resource again (after an update of the search parameters)."""
    print(f"{asyncio.run(_reindex(type_, store, quiet=quiet)):,} resources indexed")


async def _reindex(types: list[str] | None, url: str | None, *, quiet: bool) -> int:
    done = 0
    async with opened(from_environment(store=url)) as store:
        counts = await store.counts()
        wanted = [name for name in sorted(counts) if not types or name in types]
        with bar("reindex", sum(counts[name] for name in wanted), quiet=quiet) as shown:
            for name in wanted:
                shown.say(name)
                async for version in store.stream(UNRESTRICTED, SearchQuery({name: EVERYTHING})):
                    done += await store.reindex(version.key, version.version_id, extract(version.resource))
                    shown.advance()
    return done
