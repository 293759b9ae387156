"""The record of the search parameters that were added: one for the database, in its state; every process follows it.

http://hl7.org/fhir/R4/searchparameter.html

Its revision is the number of the set of parameters. A transaction that writes resources holds the revision under which
their index entries were made, so that no write commits under parameters that are no longer in force: after a change has
committed, whatever commits later is indexed by the new set, and what committed before is found by the walk that follows.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from fhir_server import jobs
from fhir_server.definitions import SearchParameter, definitions
from fhir_server.search.parameters import stored
from fhir_server.search.query import UNRESTRICTED
from fhir_server.search.registry import R4, Added, Registry, under
from fhir_server.storage.base import REBUILT, StateStore, Store, Transaction

log: Final = logging.getLogger(__name__)

SPACE: Final = "search"
NAME: Final = "parameters"
JOB: Final = "reindex"

FORMAT: Final = 4
"""What resources are indexed by: counted up whenever R4's own parameters get other entries than before, so that a database
which an older version of the server has filled is indexed again."""


class Wanted(msgspec.Struct, frozen=True):
    """A reason to index the resources of some types again: a new parameter's serial, or that of its going.

    `repair`: entries are also written where they seem right, as after damage. `behind`: until then searches by R4's own
    parameters may miss matches.
    """

    serial: int
    types: tuple[str, ...]
    repair: bool = False
    behind: bool = False


class Record(msgspec.Struct, frozen=True):
    """What was added, and what is still to be indexed."""

    added: tuple[Added, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    serial: int = 0

    def registry(self, revision: int = 0) -> Registry:
        behind = any(wanted.behind for wanted in self.wanted)
        found = Registry(self.added, revision, wanted=bool(self.wanted), behind=behind)
        if not self.added:
            found.memory = R4.memory
        return found


async def read(state: StateStore) -> tuple[Record, int]:
    """The record and its revision; (nothing, 0) where nothing was ever added."""
    found = await state.read(SPACE, NAME)
    return (Record(), 0) if found is None else (msgspec.msgpack.decode(found.value, type=Record), found.revision)


async def write(state: StateStore, record: Record, revision: int) -> None:
    """The record takes the place of that revision. Raises StateConflict."""
    await state.write(SPACE, NAME, msgspec.msgpack.encode(record), expected=revision or None)


async def revision(state: StateStore) -> int:
    """The number of the set of parameters in force. Inside a transaction it stays in force until the commit."""
    return await state.revision(SPACE, NAME)


async def latest(state: StateStore, known: Registry) -> Registry:
    """The registry in force: `known` itself where it still is. How far indexing is comes fresh with it."""
    chosen = known
    if await revision(state) != known.revision:
        record, number = await read(state)
        chosen = record.registry(number) if number else R4
    if chosen.wanted:
        job = await jobs.find(state, JOB)
        chosen.progress = "" if job is None or job.over else progress(job)
    return chosen


def progress(job: jobs.Job) -> str:
    """How far it is, for people: `1,200 of 5,000 resources`."""
    return f"{job.done:,} of {job.total:,} resources" + (f"; it fails: {job.error}" if job.error else "")


async def declare(state: StateStore, source: str, parameters: Sequence[SearchParameter]) -> bool:
    """From this transaction's commit on, `source` adds exactly these parameters: the one door for all that adds any.

    `state` is a transaction's. A definition that says the same as before stays as it is; a new or changed one is searched
    by when all resources are indexed by it, which happens in the background. The caller has made sure that they can be
    used (see search.admission). False: nothing changed.
    """
    record, number = await read(state)
    before = {a.definition.url: a for a in record.added if a.source == source}
    others = tuple(a for a in record.added if a.source != source)
    serial, now, wanted = record.serial, [], []
    for definition in parameters:
        old = before.pop(definition.url, None)
        if old is not None and _same(old.definition, definition):
            now.append(replace(old, definition=definition))
            continue
        serial += 1
        types = {*_own(definition), *(_own(old.definition) if old is not None else ())}
        now.append(Added(definition, source, serial, ready=not types))
        wanted.append(Wanted(serial, tuple(sorted(types))))
    for old in before.values():
        serial += 1
        wanted.append(Wanted(serial, tuple(sorted(_own(old.definition)))))
    alive = {a.serial for a in (*others, *now)}
    gone = {a.serial for a in record.added} - alive
    kept = [w for w in record.wanted if w.serial not in gone]
    changed = Record((*others, *now), tuple(w for w in (*kept, *wanted) if w.types), serial)
    if changed == record:
        return False
    await write(state, changed, number)
    return True


async def ask(state: StateStore, types: Iterable[str] = ()) -> None:
    """All resources (of these types) are to be indexed again, whatever their entries say; what had failed is tried again.

    `state` is a transaction's.
    """
    record, number = await read(state)
    serial = record.serial + 1
    again = tuple(types) or definitions().resource_types
    wanted = [*record.wanted, Wanted(serial, tuple(sorted(again)), repair=True, behind=True)]
    added = []
    for one in record.added:
        if one.failed:
            serial += 1
            wanted.append(Wanted(serial, tuple(sorted(_own(one.definition)))))
            added.append(replace(one, serial=serial, failed=""))
        else:
            added.append(one)
    await write(state, Record(tuple(added), tuple(wanted), serial), number)


async def keep_up(store: Store) -> None:
    """A database that was filled by a version with another FORMAT is indexed again, in the background; searches say so. Where the
    store has made its entries anew without the parameters that were added, nobody searches by these until they are indexed.
    """
    if await store.state.revision(*REBUILT):
        await store.transact(UNRESTRICTED, _index_added)

    async def work(transaction: Transaction) -> None:
        state = transaction.state
        kept = await state.read(SPACE, "format")
        if kept is not None and kept.value == _FORMAT:
            return
        await state.write(SPACE, "format", _FORMAT, expected=kept.revision if kept else None)
        if not types:
            return
        record, number = await read(state)
        serial = record.serial + 1
        wanted = (*record.wanted, Wanted(serial, types, behind=True))
        await write(state, Record(record.added, wanted, serial), number)
        log.warning("the index is of another version: all resources are indexed again in the background")

    kept = await store.state.read(SPACE, "format")
    if kept is None or kept.value != _FORMAT:
        types = tuple(sorted(await store.counts()))
        await store.transact(UNRESTRICTED, work)


async def _index_added(transaction: Transaction) -> None:
    """What was added is not ready any more where the store has lost its entries."""
    state = transaction.state
    rebuilt = await state.read(*REBUILT)
    if rebuilt is None:
        return
    await state.delete(*REBUILT, expected=rebuilt.revision)
    record, number = await read(state)
    serial, added, wanted = record.serial, [], []
    for one in record.added:
        types = tuple(_own(one.definition))
        if one.failed or not types:
            added.append(one)
            continue
        serial += 1
        added.append(replace(one, serial=serial, ready=False))
        wanted.append(Wanted(serial, types))
    if wanted:
        before = {one.serial for one in record.added}
        kept = (each for each in record.wanted if each.serial not in before)
        await write(state, Record(tuple(added), (*kept, *wanted), serial), number)
        log.warning("the index was made anew: %d search parameters are indexed again in the background", len(wanted))


_FORMAT: Final = str(FORMAT).encode()


def _same(one: SearchParameter, other: SearchParameter) -> bool:
    """They mean the same: they differ in their description at most."""
    return replace(one, description="") == replace(other, description="")


def _own(definition: SearchParameter) -> list[str]:
    """The types whose resources get entries for it; those of R4's parameters serve where they say the same.

    For a composite, its components' entries get the number of the element that they are on: all of its types.
    """
    d = definitions()
    types = [type_ for type_ in d.resource_types if any(d.is_a(type_, base) for base in definition.base)]
    if definition.type == "composite":
        return types
    with under(Registry((Added(definition, "", 0),))):
        return [type_ for type_ in types if definition.code in stored(type_)]
