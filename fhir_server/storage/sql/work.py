"""A Transaction over the relational layout: it reads its own writes, which wait in memory until a search needs them in the tables."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from fhir_server.concepts import Concept, Concepts, System
from fhir_server.model import Key, Version
from fhir_server.outcome import Conflict
from fhir_server.search.query import EVERYTHING, Access, Explanation, IndexEntry, Page, SearchQuery
from fhir_server.storage.base import Drafts, HistoryPage, StateStore, VersionConflict, Write
from fhir_server.storage.sql.batch import Batch, Place, Tables, remove_entries, replace_entries, update_entries
from fhir_server.storage.sql.concept_reads import StoredConcepts
from fhir_server.storage.sql.concept_rows import define, describe, forget
from fhir_server.storage.sql.drafts import StoredDrafts
from fhir_server.storage.sql.history import Scope, history
from fhir_server.storage.sql.layout import Numbering
from fhir_server.storage.sql.prose import of_words
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.rows import (
    METHODS,
    NO_OUTLINE,
    NOTHING_PACKED,
    Current,
    instant,
    method_number,
    milliseconds,
    number_of,
    outline,
    pack,
    written,
)
from fhir_server.storage.sql.search import search
from fhir_server.storage.sql.words import with_words, words_of

T = TypeVar("T")

SECONDS_A_CONCEPT = 0.001
SECONDS_A_WRITE = 0.01
"""What a work may take longer for each concept that it defines, and for each version that it writes: many times what that takes on
an idle machine."""


class Work(ABC):
    """What the Transactions (see storage.base) of relational stores have in common."""

    def __init__(self, access: Access, names: Numbering, tables: Tables) -> None:
        self._access = access
        self._names = names
        self._tables = tables
        self._batch = Batch()

    # ---- what stores do each in their own way

    @property
    @abstractmethod
    def _reads(self) -> Reads:
        """Reads that need not see what this work has written."""

    @abstractmethod
    def tables(self) -> Reads:
        """Reads that see everything written so far, in the tables."""

    @abstractmethod
    def tables_with_words(self) -> Reads:
        """As `tables`, words too."""

    @abstractmethod
    def _waiting(self, place: Place | None) -> Current | None:
        """What is current, where the tables do not have it yet."""

    @abstractmethod
    def _stored(self, place: Place) -> Current | None:
        """What is current in the tables."""

    @abstractmethod
    def _sequence(self) -> int:
        """The number of the next version."""

    @abstractmethod
    def _explained(self, reads: Reads, query: SearchQuery) -> Explanation: ...

    @abstractmethod
    def _expect(self, writes: Sequence[Write]) -> None:
        """These are about to be appended."""

    @abstractmethod
    def _allow(self, seconds: float) -> None:
        """The work may take so much longer."""

    @abstractmethod
    def _correct(self) -> None:
        """What is found changes without a new version."""

    @abstractmethod
    def _remember_sequence(self) -> None:
        """Numbers are never given twice, though versions go."""

    # ---- Reader

    async def read(self, key: Key) -> Version | None:
        if self._access.of(key.type) == EVERYTHING:
            current = self._waiting(self._place(key))
            if current is not None:
                return _version(key, current)
            return self._reads.read(self._access, key)
        return self.tables().read(self._access, key)

    async def read_many(self, keys: Iterable[Key]) -> list[Version]:
        found = [await self.read(key) for key in keys]
        return [version for version in found if version is not None and not version.deleted]

    async def vread(self, key: Key, version_id: str) -> Version | None:
        return self.tables().vread(self._access, key, version_id)

    async def history(
        self,
        scope: Key | str | None,
        *,
        since: datetime | None = None,
        at: tuple[datetime, datetime] | None = None,
        count: int,
        after: str | None = None,
    ) -> HistoryPage:
        return history(self.tables(), self._access, Scope.of(scope, since, at), count, after)

    async def search(self, query: SearchQuery) -> Page:
        words = any(of_words(each) for each in (*query.where.values(), *self._access.where.values()))
        return search(self.tables_with_words() if words else self.tables(), self._access, query)

    async def explain(self, query: SearchQuery) -> Explanation:
        return self._explained(self.tables(), query)

    @property
    def concepts(self) -> Concepts:
        return StoredConcepts(self._at_once, self._access)

    # ---- Transaction

    @property
    @abstractmethod
    def state(self) -> StateStore: ...

    @abstractmethod
    async def lock(self, *names: str) -> None: ...

    async def append(self, writes: Sequence[Write]) -> None:
        self._allow(SECONDS_A_WRITE * len(writes))
        self._expect(writes)
        for write in writes:
            self._append(write)

    async def define(self, id_: str, system: System | None, concepts: Sequence[Concept] = ()) -> None:
        self._allow(SECONDS_A_CONCEPT * len(concepts))
        define(self.tables().db, self._reads.dialect, id_, system, concepts)

    async def describe(self, id_: str, system: System) -> None:
        describe(self.tables().db, id_, system)

    @property
    def drafts(self) -> Drafts:
        return StoredDrafts(
            self.tables().db, self._reads.dialect, lambda concepts: self._allow(SECONDS_A_CONCEPT * concepts)
        )

    async def purge(self, key: Key, version_id: str | None = None) -> int:
        reads, current = self.tables(), self._current(key)
        if current is None:
            return 0
        self._correct()
        return (
            self._purge_all(reads, current) if version_id is None else self._purge_one(reads, current, key, version_id)
        )

    async def reindex(self, writes: Sequence[Write]) -> int:
        self.tables()
        names, done, changed = self._names, 0, []
        for write in writes:
            key = write.version.key
            current = self._current(key)
            if current is None or str(current.version) != write.version.version_id or current.body is None:
                continue
            packed = pack(key.type, write.entries, names)
            text, number = written(packed), names.make_outline(key.type, outline(packed))
            done += 1
            if (text, number) != (current.entries, current.outline):
                changed.append((current, packed, text, number))
                if number != current.outline and with_words(packed, names) != with_words(
                    self._tables.unpack(current.entries), names
                ):
                    self._batch.prose.put(current.rid, words_of(key.type, write.entries, names), new=False)
        update_entries(self._tables, changed)
        return done

    def repair(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        """See Store.reindex."""
        self.tables()
        current = self._current(key)
        if current is None or str(current.version) != version_id or current.body is None:
            return False
        self._correct()
        names = self._names
        packed = pack(key.type, entries, names)
        replace_entries(self._tables, current, packed, names.make_outline(key.type, outline(packed)))
        self._batch.prose.put(current.rid, words_of(key.type, entries, names), new=False)
        return True

    # ---- within

    async def _at_once(self, ask: Callable[[Reads], T]) -> T:
        return ask(self.tables())

    def _append(self, write: Write) -> None:
        version = write.version
        before = None if write.new else self._current(version.key)
        found = None if before is None else str(before.version)
        if found != write.expected:
            raise VersionConflict(
                f"{version.key} is at version {found}, not {write.expected}."
                if found and write.expected
                else f"{version.key} {'exists already' if found else 'does not exist'}."
            )
        number = number_of(version.version_id)
        if number is None:
            raise ValueError(f"a version id counts up from 1, {version.version_id!r} does not")
        sequence = self._sequence()
        names, type_ = self._names, version.key.type
        packed = {} if version.body is None else pack(type_, write.entries, names)
        self._batch.append(
            Current(
                sequence if before is None else before.rid,
                names.make_type(type_),
                version.key.id,
                number,
                sequence,
                milliseconds(version.last_updated),
                method_number(version.method),
                written(packed) if packed else NOTHING_PACKED,
                version.body,
                NO_OUTLINE if version.body is None else names.make_outline(type_, outline(packed)),
            ),
            packed,
            [] if version.body is None else words_of(type_, write.entries, names),
            before,
        )

    def _place(self, key: Key) -> Place | None:
        number = self._names.of_type(key.type)
        return None if number is None else (number, key.id)

    def _current(self, key: Key) -> Current | None:
        place = self._place(key)
        return None if place is None else self._waiting(place) or self._stored(place)

    def _purge_all(self, reads: Reads, current: Current) -> int:
        remove_entries(self._tables, current)
        past = reads.db.execute("SELECT sequence FROM past WHERE rid = ?", (current.rid,)).fetchall()
        reads.db.executemany("DELETE FROM version WHERE sequence = ?", [*past, (current.changed,)])
        reads.db.execute("DELETE FROM past WHERE rid = ?", (current.rid,))
        reads.db.execute("DELETE FROM resource WHERE rid = ?", (current.rid,))
        self._batch.prose.put(current.rid, [], new=False)
        if current.type == self._names.of_type("CodeSystem"):
            forget(reads.db, current.id)
        self._remember_sequence()
        return len(past) + 1

    def _purge_one(self, reads: Reads, current: Current, key: Key, version_id: str) -> int:
        number = number_of(version_id)
        if number == current.version:
            raise Conflict(f"{key} version {version_id} is the current one: delete the resource, or purge all of it.")
        row = reads.db.execute(
            "SELECT ended, sequence, until FROM past WHERE rid = ? AND version = ?", (current.rid, number)
        ).fetchone()
        if row is None:
            return 0
        ended, sequence, until = row
        reads.db.execute("DELETE FROM past WHERE ended = ?", (ended,))
        reads.db.execute("DELETE FROM version WHERE sequence = ?", (sequence,))
        reads.db.execute("UPDATE past SET ended = ?, until = ? WHERE ended = ?", (ended, until, sequence))
        return 1


def _version(key: Key, current: Current) -> Version:
    return Version(key, str(current.version), instant(current.updated), current.body, method=METHODS[current.method])
