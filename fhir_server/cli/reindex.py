"""`fhir-server reindex`: what resources are found by, worked out again; the server may go on running."""

import asyncio
import secrets
from typing import Annotated

import typer

from fhir_server import jobs
from fhir_server.cli.options import Quiet
from fhir_server.cli.options import Store as StoreOption
from fhir_server.cli.progress import Bar, bar
from fhir_server.cli.stores import opened
from fhir_server.definitions import definitions
from fhir_server.indexing import record
from fhir_server.indexing.reindex import Reindex
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import SettingError, from_environment
from fhir_server.storage.base import Store, Transaction

LOOK_EVERY = 0.5
"""Seconds between two looks at what another process does."""


def reindex(
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type (may be repeated).")
    ] = None,
    store: StoreOption = None,
    quiet: Quiet = False,
) -> None:
    """Work out the index entries of every current resource again (after an update of the search parameters)."""
    print(f"{asyncio.run(_reindex(type_ or [], store, quiet=quiet)):,} resources indexed")


async def _reindex(types: list[str], url: str | None, *, quiet: bool) -> int:
    for name in types:
        if not definitions().is_resource(name):
            raise SettingError(f"--type {name}: no resource type of R4")
    async with opened(from_environment(store=url)) as store:
        counts = await store.counts()
        await store.transact(UNRESTRICTED, lambda transaction: _ask(transaction, types))
        total = sum(count for name, count in counts.items() if not types or name in types)
        with bar("reindex", total, quiet=quiet) as shown:
            return await _followed(store, shown)


async def _ask(transaction: Transaction, types: list[str]) -> None:
    await record.ask(transaction.state, types)


async def _followed(store: Store, shown: Bar) -> int:
    """How many resources were indexed, by this process, or by a running server that was faster."""
    seen = 0

    def told(job: jobs.Job) -> None:
        nonlocal seen
        if job.done > seen:
            shown.advance(job.done - seen)
        seen = job.done

    owner = secrets.token_hex(8)
    while (await record.read(store.state))[0].wanted:
        held = await jobs.claim(store.state, record.JOB, owner)
        if held is not None:
            await Reindex(store, share=1, told=told).run(held)
        elif (job := await jobs.find(store.state, record.JOB)) is not None:
            shown.say("reindex (the server is at it)")
            told(job)
            await asyncio.sleep(LOOK_EVERY)
    if (job := await jobs.find(store.state, record.JOB)) is not None:
        told(job)
    return seen
