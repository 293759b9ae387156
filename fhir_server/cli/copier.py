"""Copying a store into an empty one, in steps that each leave a mark: what was interrupted goes on, nothing comes twice.

Versions come in the order of writing and keep ids, version ids, times and methods; what they are found by is worked out anew,
so that both stores are of this program's making.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import msgspec

from fhir_server.concepts import EVERY, Concept, Placed, System
from fhir_server.context import Server
from fhir_server.model import Key, Version
from fhir_server.search.index import extract
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, IndexEntry, SearchQuery
from fhir_server.search.registry import under
from fhir_server.settings import SettingError
from fhir_server.storage import unfinished
from fhir_server.storage.base import Record, StateConflict, Store, Transaction, Write
from fhir_server.storage.unfinished import SPACE, Unfinished
from fhir_server.terminology.hierarchy import placed

TOGETHER = 400
"""Versions in one transaction."""

RECORDS = 100
CONCEPTS = 5_000


class Copier:
    """The copy of a server's store to `target`: `begin`, then `copy`, `copy_concepts` and `copy_records`, then `finish`."""

    def __init__(self, server: Server, target: Store) -> None:
        self._server = server
        self._source = server.store
        self._target = target
        self._mark = Unfinished(hashlib.sha256(server.signing_key).hexdigest())
        self._revision: int | None = None

    async def begin(self) -> int:
        """The target holds the mark of this copy; returns how many versions it has already. Raises SettingError where the
        target holds anything else.
        """
        mark, revision = await unfinished.read(self._target.state)
        if mark is None:
            await _require_empty(self._target)
            revision = await unfinished.write(self._target.state, self._mark, None)
        elif mark.source != self._mark.source:
            raise SettingError(
                "the target is an unfinished copy of another store: finish that one, or name an empty target"
            )
        else:
            self._mark = mark
        self._revision = revision
        return self._mark.versions

    async def copy(self, advance: Callable[[int], None]) -> None:
        """All versions that the source has are in the target."""
        while True:
            versions, place = await self._source.versions(UNRESTRICTED, self._mark.place, TOGETHER)
            if not versions:
                return
            with under(self._server.registry):
                found = [(version, () if version.deleted else extract(version.resource)) for version in versions]
            mark = Unfinished(self._mark.source, place, self._mark.versions + len(versions))
            self._revision = await self._append(found, mark)
            self._mark = mark
            advance(len(versions))

    async def _append(self, found: Sequence[tuple[Version, Sequence[IndexEntry]]], mark: Unfinished) -> int:
        """The versions follow those that are there, and so says the mark; returns its revision."""

        async def work(transaction: Transaction) -> int:
            latest: dict[Key, str | None] = {}
            writes = []
            for version, entries in found:
                if version.key not in latest:
                    before = None if version.version_id == "1" else await transaction.read(version.key)
                    latest[version.key] = before.version_id if before else None
                writes.append(Write(version, entries, latest[version.key]))
                latest[version.key] = version.version_id
            revision = await unfinished.write(transaction.state, mark, self._revision)
            await transaction.append(writes)
            return revision

        try:
            return await self._target.transact(UNRESTRICTED, work)
        except StateConflict as error:
            raise SettingError("another process copies to the same target") from error

    async def copy_concepts(self) -> None:
        """The code systems have the concepts that they have in the source."""
        place = ""
        query = SearchQuery({"CodeSystem": EVERYTHING}, count=100)
        while True:
            found, place = await self._source.scan(UNRESTRICTED, query, place)
            if not found:
                return
            for version in found:
                system = await self._source.defined(version.key.id)
                if system is not None:
                    await self._define(version.key.id, system)

    async def _define(self, id_: str, system: System) -> None:
        there = await self._target.defined(id_)
        if there is not None and msgspec.structs.replace(there, number=system.number) == system:
            return
        concepts = await concepts_of(self._source, system)
        tree, name = placed(concepts), f"copy/{id_}"
        start = await self._target.transact(UNRESTRICTED, lambda t: t.drafts.begin(name, len(concepts)))
        for _ in islice(tree, start):
            pass  # the interrupted run has brought these
        while part := list(islice(tree, CONCEPTS)):
            await self._add(name, start, part)
            start += len(part)
        await self._target.transact(UNRESTRICTED, lambda t: t.drafts.publish(name, id_, system))

    async def _add(self, name: str, start: int, part: Sequence[Placed]) -> None:
        await self._target.transact(UNRESTRICTED, lambda t: t.drafts.add(name, start, part))

    async def copy_records(self) -> None:
        """The target has the records that the source has; they expire when they do there."""
        source, target = self._source.state, self._target.state
        for space in sorted({*await source.spaces(), *await target.spaces()} - {SPACE}):
            names = sorted({*await source.names(space), *await target.names(space)})
            for start in range(0, len(names), RECORDS):
                wanted = {name: await source.read(space, name) for name in names[start : start + RECORDS]}
                await self._write(space, wanted)

    async def _write(self, space: str, wanted: Mapping[str, Record | None]) -> None:
        async def work(transaction: Transaction) -> None:
            for name, record in wanted.items():
                there = await transaction.state.read(space, name)
                revision = there.revision if there else None
                if record is not None and (
                    there is None or (there.value, there.expires) != (record.value, record.expires)
                ):
                    await transaction.state.write(space, name, record.value, expected=revision, expires=record.expires)
                elif record is None and revision is not None:
                    await transaction.state.delete(space, name, expected=revision)

        await self._target.transact(UNRESTRICTED, work)

    async def finish(self) -> None:
        """The copy is whole: a server may start on it."""
        await self._target.state.delete(SPACE, unfinished.NAME, expected=self._revision or 0)


async def concepts_of(store: Store, system: System) -> list[Concept]:
    """All concepts of a code system, in their order."""
    found: list[Concept] = []
    while part := await store.reader(UNRESTRICTED).concepts.select(system, EVERY, count=CONCEPTS, offset=len(found)):
        found += part
    return found


async def _require_empty(target: Store) -> None:
    there, _ = await target.versions(UNRESTRICTED, "", 1)
    spaces = await target.state.spaces()
    if there or spaces:
        what = f"{there[0].key} and more" if there else f"records ({', '.join(spaces)})"
        raise SettingError(f"the target is not empty, it holds {what}: a copy needs a store of its own")
