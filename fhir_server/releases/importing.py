"""Importing a release: read onto a workbench, put down as a draft part by part, published by one small write.

http://hl7.org/fhir/R4/codesystem.html

Nobody sees a code system before it is whole. What was interrupted, however hard, goes on where it stopped with the same files.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from itertools import islice
from typing import Final, Protocol, TypeVar

import msgspec

from fhir_server.concepts import Placed
from fhir_server.context import Body, Context, Prepared, Server, context
from fhir_server.interactions import releases
from fhir_server.interactions.releases import Released
from fhir_server.interactions.write import prepare, remove, save, writable
from fhir_server.model import Key
from fhir_server.outcome import Conflict, NotFound
from fhir_server.releases.files import Files
from fhir_server.releases.formats import format_of
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.workbench import Workbench
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import StateConflict, Store, Transaction
from fhir_server.terminology import codesystems

TOGETHER: Final = 2_000
"""Concepts in one commit: other writers wait for a fraction of a second."""
READING: Final = "2"
"""What is made of files; another one, and they are read anew."""

T = TypeVar("T")


class Watch(Protocol):
    """Who watches an import: stages, each of so many steps."""

    def stage(self, text: str, total: int) -> None: ...

    def advance(self, steps: float) -> None: ...


async def bring(server: Server, files: Files, wanted: Wanted, watch: Watch) -> tuple[Released, bool]:
    """The release is in the store, visible as a whole; False where it was there already, from the same files.

    Raises Invalid for what the files say wrong, Conflict where somebody else imports the same at the moment.
    """
    ctx = context(server, UNRESTRICTED, "import")
    format_ = format_of(files)
    digest = await asyncio.to_thread(files.digest, READING, format_.name, *astuple(wanted))
    there = await _there(server, digest)
    if there is not None:
        return there, False
    with Workbench() as bench:
        watch.stage("read", sum(entry.size for entry in files.entries))
        release = await asyncio.to_thread(format_.read, files, bench, wanted, watch.advance)
        watch.stage("put in order", 0)
        size = await asyncio.to_thread(bench.settle)
        key = Key("CodeSystem", release.id)
        ready = await asyncio.to_thread(_written, release, size, key.id)
        name = f"{release.id} {digest}"
        known = Released(release.id, release.url, release.version, release.title, format_.name, size, digest, name)
        watch.stage("store", size)
        done = await _run(ctx, lambda inside: _begin(inside, known))
        watch.advance(done)
        await _put_down(ctx, bench, name, done, watch)
    await _run(ctx, lambda inside: _publish(inside, known, ready))
    await swept(server.store)
    return msgspec.structs.replace(known, draft=""), True


async def _there(server: Server, digest: str) -> Released | None:
    """What has been published from these files, if it is still there."""
    for one in await releases.every(server.store.state):
        if one.digest == digest and not one.draft:
            found = await server.store.reader(UNRESTRICTED).concepts.systems(one.url)
            if any((system.version or "") == one.version and system.complete for system in found):
                return one
    return None


def _written(release: Release, size: int, id_: str) -> Prepared:
    resource = release.resource(size)
    return prepare("CodeSystem", id_, Body(resource, resource))


async def _run(ctx: Context, work: Callable[[Context], Awaitable[T]]) -> T:
    """`work` in a transaction. Raises Conflict where somebody else has written the record meanwhile."""
    try:
        return await ctx.transact(work)
    except StateConflict as error:
        raise Conflict("somebody else imports or removes the same release at the moment") from error


async def _begin(ctx: Context, known: Released) -> int:
    """The record tells of the draft. Returns how many concepts are there from an import that was interrupted."""
    transaction = writable(ctx)
    before, revision = await releases.read(transaction.state, known.id)
    if before is None or before.draft != known.draft:
        if before is not None and before.draft:
            await transaction.drafts.drop(before.draft)
        blank = msgspec.structs.replace(known, concepts=0, digest="")
        coming = blank if before is None else msgspec.structs.replace(before, draft=known.draft)
        await releases.write(transaction.state, coming, revision)
    return await transaction.drafts.begin(known.draft, known.concepts)


async def _put_down(ctx: Context, bench: Workbench, name: str, done: int, watch: Watch) -> None:
    """The concepts from the place `done` on, part by part."""
    placed = bench.placed()
    await asyncio.to_thread(lambda: next(islice(placed, done, done), None))
    while part := await asyncio.to_thread(lambda: list(islice(placed, TOGETHER))):

        async def add(inside: Context, start: int = done, part: Sequence[Placed] = part) -> None:
            await writable(inside).drafts.add(name, start, part)

        await _run(ctx, add)
        done += len(part)
        watch.advance(len(part))


async def _publish(ctx: Context, known: Released, ready: Prepared) -> None:
    transaction = writable(ctx)
    before, revision = await releases.read(transaction.state, known.id)
    if before is None or before.draft != known.draft:
        raise Conflict(f"somebody else imports or removes {known.canonical} at the moment")
    await releases.write(transaction.state, msgspec.structs.replace(known, draft=""), revision)
    await save(ctx, ready, method="PUT")
    system = msgspec.structs.replace(codesystems.system(ready.tree), content="complete")
    await transaction.drafts.publish(known.draft, known.id, system)


async def forget(server: Server, canonical: str) -> Released:
    """The release is not in the store any more, its CodeSystem is deleted. Raises NotFound where there is none."""
    found = [one for one in await releases.every(server.store.state) if one.canonical == canonical]
    if not found:
        raise NotFound(f"there is no release {canonical} here")

    async def work(inside: Context) -> None:
        transaction = writable(inside)
        known, _ = await releases.read(transaction.state, found[0].id)
        if known is not None and known.draft:
            await transaction.drafts.drop(known.draft)
        if known is not None and known.digest:
            await remove(inside, Key("CodeSystem", known.id))
        known, revision = await releases.read(transaction.state, found[0].id)
        if known is not None:
            await releases.delete(transaction.state, known.id, revision)

    await _run(context(server, UNRESTRICTED, "import"), work)
    await swept(server.store)
    return found[0]


async def swept(store: Store, most: int = TOGETHER) -> None:
    """The space of all concepts that are not seen any more is free."""

    async def work(transaction: Transaction) -> int:
        return await transaction.drafts.sweep(most)

    asked = await store.state.read(releases.WORK, releases.SWEEP)
    found = most
    while found >= most:
        found = await store.transact(UNRESTRICTED, work)
    if asked is not None:
        try:
            await store.state.delete(releases.WORK, releases.SWEEP, expected=asked.revision)
        except StateConflict:
            return  # it was asked for again, or somebody else was faster
