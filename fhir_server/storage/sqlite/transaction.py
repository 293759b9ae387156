"""One work's view of a commit that it may share with others: it reads its own writes, and fails alone.

https://www.sqlite.org/lang_savepoint.html
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import apsw

from fhir_server.concepts import Concept, Concepts, System
from fhir_server.model import Key, Version
from fhir_server.outcome import Conflict
from fhir_server.search.query import EVERYTHING, Access, Explanation, IndexEntry, Page, SearchQuery
from fhir_server.storage.base import Drafts, HistoryPage, Record, StateStore, VersionConflict, Write
from fhir_server.storage.sql.prose import of_words
from fhir_server.storage.sqlite import state
from fhir_server.storage.sqlite.batch import Batch, Place, remove_entries, replace_entries, update_entries
from fhir_server.storage.sqlite.concept_rows import define, describe, forget
from fhir_server.storage.sqlite.concepts import StoredConcepts
from fhir_server.storage.sqlite.drafts import StoredDrafts
from fhir_server.storage.sqlite.explain import explain
from fhir_server.storage.sqlite.history import Scope, history
from fhir_server.storage.sqlite.names import WritableNames
from fhir_server.storage.sqlite.prose import with_words, words_of
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.rows import (
    COLUMNS,
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
    unpack,
    written,
)
from fhir_server.storage.sqlite.search import search

T = TypeVar("T")

SECONDS_A_CONCEPT = 0.001
SECONDS_A_WRITE = 0.01
"""What a work may take longer for each concept that it defines, and for each version that it writes: many times what that takes on
an idle machine."""


class Commit:
    """What the works of one commit share: the connection inside its transaction, rows that wait, the next sequence number."""

    def __init__(self, reads: Reads, names: WritableNames, allow: Callable[[float], None]) -> None:
        """`allow` gives the work that runs so many seconds more."""
        self.allow = allow
        self.reads = reads
        self.names = names
        self.batch = Batch()
        self.sequence = reads.newest()
        self.revisions: dict[tuple[str, str], int] = {}  # of state records that works have asked for

    def flush(self) -> None:
        self.batch.flush(self.reads.db, self.names)

    def finish(self) -> None:
        """All that the works did is in the tables."""
        self.flush()
        self.batch.prose.flush(self.reads.db)


class Work:
    """A Transaction (see storage.base) for one work."""

    def __init__(self, commit: Commit, access: Access) -> None:
        self._commit = commit
        self._access = access
        self._batch = Batch()
        self._saved = False
        self._lent = False
        self._mark = commit.names.mark()

    # ---- how it ends

    def keep(self) -> None:
        """What it did belongs to the commit."""
        if self._saved:
            self._commit.reads.db.execute("RELEASE work")
        if self._lent:
            self._commit.batch.prose.clear()
        self._commit.batch.take(self._batch)

    def undo(self) -> None:
        """Nothing of what it did is left."""
        if self._saved and self._commit.reads.db.in_transaction:
            self._commit.reads.db.execute("ROLLBACK TO work")
            self._commit.reads.db.execute("RELEASE work")
        self._commit.names.forget(self._mark)
        self._commit.revisions.clear()

    def tables(self) -> Reads:
        """Reads that see everything written so far, in the tables."""
        if not self._saved:
            self._commit.flush()
            self._commit.reads.db.execute("SAVEPOINT work")
            self._saved = True
        self._batch.flush(self._commit.reads.db, self._commit.names)
        return self._commit.reads

    def plain(self) -> apsw.Connection:
        """The connection, for tables whose rows never wait in memory."""
        return self._commit.reads.db

    @property
    def revisions(self) -> dict[tuple[str, str], int]:
        """Of state records, as far as they are known in this commit."""
        return self._commit.revisions

    def tables_with_words(self) -> Reads:
        """As `tables`, words too. Those of earlier works go into this one's savepoint at need, and wait on until it is kept."""
        earlier = self._commit.batch.prose
        if not self._saved:
            earlier.flush(self._commit.reads.db)
        elif not self._lent:
            earlier.write(self._commit.reads.db)
            self._lent = True
        reads = self.tables()
        self._batch.prose.flush(reads.db)
        return reads

    # ---- Reader

    async def read(self, key: Key) -> Version | None:
        if self._access.of(key.type) == EVERYTHING:
            current = self._waiting(self._place(key))
            if current is not None:
                return _version(key, current)
            return self._commit.reads.read(self._access, key)
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
        return explain(self.tables(), self._access, query)

    @property
    def concepts(self) -> Concepts:
        return StoredConcepts(self._at_once, self._access)

    # ---- Transaction

    @property
    def state(self) -> StateStore:
        return WorkState(self)  # a new one each time: two that know each other would wait for the garbage collector

    async def lock(self, *names: str) -> None:
        """There is one writer: every transaction holds every lock."""

    async def append(self, writes: Sequence[Write]) -> None:
        self._commit.allow(SECONDS_A_WRITE * len(writes))
        for write in writes:
            self._append(write)

    async def define(self, id_: str, system: System | None, concepts: Sequence[Concept] = ()) -> None:
        self._commit.allow(SECONDS_A_CONCEPT * len(concepts))
        define(self.tables().db, id_, system, concepts)

    async def describe(self, id_: str, system: System) -> None:
        describe(self.tables().db, id_, system)

    @property
    def drafts(self) -> Drafts:
        return StoredDrafts(self.tables().db, lambda concepts: self._commit.allow(SECONDS_A_CONCEPT * concepts))

    async def purge(self, key: Key, version_id: str | None = None) -> int:
        reads, current = self.tables(), self._current(key)
        if current is None:
            return 0
        self._correct(reads)
        return (
            self._purge_all(reads, current) if version_id is None else self._purge_one(reads, current, key, version_id)
        )

    async def reindex(self, writes: Sequence[Write]) -> int:
        reads, names, done, changed = self.tables(), self._commit.names, 0, []
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
                    unpack(current.entries), names
                ):
                    self._batch.prose.put(current.rid, words_of(key.type, write.entries, names), new=False)
        update_entries(reads.db, reads.names, changed)
        return done

    def repair(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        """See Store.reindex."""
        reads, current = self.tables(), self._current(key)
        if current is None or str(current.version) != version_id or current.body is None:
            return False
        self._correct(reads)
        names = self._commit.names
        packed = pack(key.type, entries, names)
        replace_entries(reads.db, names, current, packed, names.make_outline(key.type, outline(packed)))
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
        self._commit.sequence += 1
        sequence = self._commit.sequence
        names, type_ = self._commit.names, version.key.type
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
        number = self._commit.names.of_type(key.type)
        return None if number is None else (number, key.id)

    def _waiting(self, place: Place | None) -> Current | None:
        if place is None:
            return None
        return self._batch.current.get(place) or self._commit.batch.current.get(place)

    def _current(self, key: Key) -> Current | None:
        place = self._place(key)
        if place is None:
            return None
        waiting = self._waiting(place)
        if waiting is not None:
            return waiting
        row = self._commit.reads.db.execute(
            f"SELECT {COLUMNS} FROM resource WHERE type = ? AND id = ?", place
        ).fetchone()
        return None if row is None else Current(*row)

    def _purge_all(self, reads: Reads, current: Current) -> int:
        remove_entries(reads.db, reads.names, current)
        past = reads.db.execute("SELECT sequence FROM past WHERE rid = ?", (current.rid,)).fetchall()
        reads.db.executemany("DELETE FROM version WHERE sequence = ?", [*past, (current.changed,)])
        reads.db.execute("DELETE FROM past WHERE rid = ?", (current.rid,))
        reads.db.execute("DELETE FROM resource WHERE rid = ?", (current.rid,))
        self._batch.prose.put(current.rid, [], new=False)
        if current.type == self._commit.names.of_type("CodeSystem"):
            forget(reads.db, current.id)
        self._remember_sequence(reads)
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

    def _correct(self, reads: Reads) -> None:
        """What is found changes without a new version: totals that were remembered no longer count."""
        reads.db.execute(
            "INSERT INTO counter (name, value) VALUES ('corrected', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
        )

    def _remember_sequence(self, reads: Reads) -> None:
        """Numbers are never given twice: a row of no type holds the newest one where its version is gone."""
        if reads.newest() < self._commit.sequence:
            reads.db.execute(
                "INSERT INTO version (sequence, type, rid, version, updated) VALUES (?, 0, 0, 0, 0)",
                (self._commit.sequence,),
            )


class WorkState:
    """A StateStore (see storage.base) inside a transaction."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def read(self, space: str, name: str) -> Record | None:
        return state.read(self._work.tables().db, space, name)

    async def revision(self, space: str, name: str) -> int:
        known = self._work.revisions
        if (space, name) not in known:
            known[space, name] = state.revision(self._work.plain(), space, name)
        return known[space, name]

    async def names(self, space: str) -> Sequence[str]:
        return state.names(self._work.tables().db, space)

    async def spaces(self) -> Sequence[str]:
        return state.spaces(self._work.tables().db)

    async def write(
        self, space: str, name: str, value: bytes, *, expected: int | None = None, expires: datetime | None = None
    ) -> int:
        self._work.revisions.clear()
        return state.write(self._work.tables().db, space, name, value, expected=expected, expires=expires)

    async def delete(self, space: str, name: str, *, expected: int) -> None:
        self._work.revisions.clear()
        state.delete(self._work.tables().db, space, name, expected=expected)


def _version(key: Key, current: Current) -> Version:
    return Version(key, str(current.version), instant(current.updated), current.body, method=METHODS[current.method])
