"""The background reindex: walks over resources and gives them the index entries that the parameters in force ask for.

http://hl7.org/fhir/R4/searchparameter.html

One process does it, in small steps with pauses, so that requests are served meanwhile; how far it is goes down with every
step, in the same transaction. A walk covers what was wanted when it began; a parameter becomes one to search by when a walk
that covers it is through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

import msgspec

from fhir_server.indexing import record as records
from fhir_server.indexing.record import Record, Wanted
from fhir_server.jobs import Held, Job
from fhir_server.model import Version
from fhir_server.outcome import FhirError
from fhir_server.search.index import extract
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.search.registry import Registry, under
from fhir_server.storage.base import Store, Transaction, Write

STEP: Final = 100
"""Resources in one transaction: some milliseconds of the writer."""

SLICE: Final = 20
"""Resources that are worked out before requests get their turn."""


class Walk(msgspec.Struct, frozen=True):
    """Where a walk is: behind `place` among the resources of type number `at` of `types`."""

    covers: tuple[int, ...]
    types: tuple[str, ...]
    repair: bool = False
    at: int = 0
    place: str = ""


class _Outdated(Exception):
    """The parameters in force are other ones than those that entries were made by."""


class Reindex:
    """The work of one process on the job. `share` of the time is spent on it, the rest is left to requests."""

    def __init__(self, store: Store, *, share: float = 0.5, told: Callable[[Job], None] = lambda _: None) -> None:
        self._store = store
        self._share = share
        self._told = told

    async def run(self, held: Held) -> None:
        """Walks until nothing is wanted any more, and ends the job. Raises Lost."""
        while True:
            record, revision = await records.read(self._store.state)
            if not record.wanted:
                await held.end(self._store.state, "done")
                return
            walk = msgspec.msgpack.decode(held.job.place, type=Walk) if held.job.place else None
            if walk is None or not self._stands(walk, record):
                walk = await self._begin(held, record)
            await self._walk(held, walk, record, revision)

    @staticmethod
    def _stands(walk: Walk, record: Record) -> bool:
        """Something that it covers is still wanted."""
        return not {w.serial for w in record.wanted}.isdisjoint(walk.covers)

    async def _begin(self, held: Held, record: Record) -> Walk:
        types = tuple(sorted({type_ for wanted in record.wanted for type_ in wanted.types}))
        counts = await self._store.counts()
        walk = Walk(
            tuple(w.serial for w in record.wanted),
            tuple(type_ for type_ in types if counts.get(type_)),
            any(w.repair for w in record.wanted),
        )
        total = sum(counts[type_] for type_ in walk.types)
        await held.write(self._store.state, place=_packed(walk), done=0, total=total, error="")
        return walk

    async def _walk(self, held: Held, walk: Walk, record: Record, revision: int) -> None:
        """One step after the other to the end of the walk; returns early where the record has changed."""
        registry = record.registry(revision)
        while walk.at < len(walk.types):
            began = monotonic()
            query = SearchQuery({walk.types[walk.at]: EVERYTHING}, count=STEP)
            versions, place = await self._store.scan(UNRESTRICTED, query, walk.place)
            further = msgspec.structs.replace(walk, place=place)
            if not versions:
                further = msgspec.structs.replace(walk, at=walk.at + 1, place="")
            try:
                writes, failed = await self._entries(versions, registry)
                if failed:
                    await self._fail(failed)
                    return
                await self._step(held, further, writes, revision)
            except _Outdated:
                return
            walk = further
            self._told(held.job)
            await asyncio.sleep((monotonic() - began) * (1 / self._share - 1))
        await self._through(walk)
        await held.write(self._store.state, place=b"")

    async def _entries(self, versions: Sequence[Version], registry: Registry) -> tuple[list[Write], dict[int, str]]:
        """What the resources are found by; and the serials of parameters that cannot be worked out, with the reason."""
        writes: list[Write] = []
        with under(registry):
            for n, version in enumerate(versions, 1):
                try:
                    writes.append(Write(version, extract(version.resource), None))
                except FhirError as error:
                    failed = _culprits(version, registry)
                    if not failed:
                        raise
                    return [], dict.fromkeys(failed, f"{version.key}: {error}")
                if n % SLICE == 0:
                    await asyncio.sleep(0)
        return writes, {}

    async def _step(self, held: Held, walk: Walk, writes: Sequence[Write], revision: int) -> None:
        """The entries and the place, in one transaction. Raises Lost, _Outdated."""
        mark = held.mark()
        done = held.job.done + len(writes)

        async def work(transaction: Transaction) -> None:
            held.back(mark)
            if await records.revision(transaction.state) != revision:
                raise _Outdated
            if walk.repair:
                await transaction.reindex([replace(write, entries=()) for write in writes])
            await transaction.reindex(writes)
            await held.write(transaction.state, place=_packed(walk), done=done)

        await self._transact(held, mark, work)

    async def _transact(
        self, held: Held, mark: tuple[Job, int], work: Callable[[Transaction], Awaitable[None]]
    ) -> None:
        try:
            await self._store.transact(UNRESTRICTED, work)
        except BaseException:
            held.back(mark)
            raise

    async def _through(self, walk: Walk) -> None:
        """What the walk covers is not wanted any more, and can be searched by."""

        async def work(transaction: Transaction) -> None:
            record, revision = await records.read(transaction.state)
            added = tuple(replace(a, ready=not a.failed) if a.serial in walk.covers else a for a in record.added)
            wanted = tuple(w for w in record.wanted if w.serial not in walk.covers)
            await records.write(transaction.state, Record(added, wanted, record.serial), revision)

        await self._store.transact(UNRESTRICTED, work)

    async def _fail(self, failed: dict[int, str]) -> None:
        """These parameters cannot be indexed: nothing is indexed by them any more, and their error says why."""

        async def work(transaction: Transaction) -> None:
            record, revision = await records.read(transaction.state)
            added = tuple(replace(a, failed=failed.get(a.serial, a.failed)) for a in record.added)
            left = tuple(  # what the walk has written so far goes again
                Wanted(record.serial + n, wanted.types)
                for n, wanted in enumerate((w for w in record.wanted if w.serial in failed), 1)
            )
            changed = Record(added, (*record.wanted, *left), record.serial + len(left))
            await records.write(transaction.state, changed, revision)

        await self._store.transact(UNRESTRICTED, work)


def _culprits(version: Version, registry: Registry) -> list[int]:
    """The serials of the parameters, not searched by yet, that a resource cannot be indexed by."""
    found = []
    for added in registry.added_to(version.key.type):
        if added.ready or added.failed:
            continue
        with under(Registry((added,))):
            try:
                extract(version.resource)
            except FhirError:
                found.append(added.serial)
    return found


def _packed(walk: Walk) -> bytes:
    return msgspec.msgpack.encode(walk)
