"""One work's view of a commit that it may share with others: it reads its own writes, and fails alone.

https://www.sqlite.org/lang_savepoint.html
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import apsw

from fhir_server.search.query import Access, Explanation, SearchQuery
from fhir_server.storage.base import Record, StateStore, Write
from fhir_server.storage.sql.batch import Batch, Place
from fhir_server.storage.sql.reads import Reads as SqlReads
from fhir_server.storage.sql.rows import Current, columns
from fhir_server.storage.sql.work import Work as SqlWork
from fhir_server.storage.sqlite import state
from fhir_server.storage.sqlite.dialect import SQLITE
from fhir_server.storage.sqlite.explain import explain
from fhir_server.storage.sqlite.names import WritableNames
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.tables import Tables, write_words

_CURRENT = f"SELECT {columns(SQLITE)} FROM resource WHERE type = ? AND id = ?"


class Commit:
    """What the works of one commit share: the connection inside its transaction, rows that wait, the next sequence number."""

    def __init__(self, reads: Reads, names: WritableNames, allow: Callable[[float], None]) -> None:
        """`allow` gives the work that runs so many seconds more."""
        self.allow = allow
        self.reads = reads
        self.names = names
        self.batch = Batch()
        self.tables = Tables(reads.db, names)
        self.sequence = reads.newest()
        self.revisions: dict[tuple[str, str], int] = {}  # of state records that works have asked for

    def flush(self) -> None:
        self.batch.flush(self.tables)

    def finish(self) -> None:
        """All that the works did is in the tables."""
        self.flush()
        self.write_words(self.batch)

    def write_words(self, batch: Batch) -> None:
        """What waits in the batch is in the index."""
        write_words(self.reads.db, batch.prose)
        batch.prose.clear()


class Work(SqlWork):
    """A Transaction (see storage.base) for one work."""

    def __init__(self, commit: Commit, access: Access) -> None:
        super().__init__(access, commit.names, commit.tables)
        self._commit = commit
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
        self._batch.flush(self._commit.tables)
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
        if not self._saved:
            self._commit.write_words(self._commit.batch)
        elif not self._lent:
            write_words(self._commit.reads.db, self._commit.batch.prose)
            self._lent = True
        reads = self.tables()
        self._commit.write_words(self._batch)
        return reads

    # ---- what SQLite does in its own way

    @property
    def state(self) -> StateStore:
        return WorkState(self)  # a new one each time: two that know each other would wait for the garbage collector

    async def lock(self, *names: str) -> None:
        """There is one writer: every transaction holds every lock."""

    @property
    def _reads(self) -> Reads:
        return self._commit.reads

    def _waiting(self, place: Place | None) -> Current | None:
        if place is None:
            return None
        return self._batch.current.get(place) or self._commit.batch.current.get(place)

    def _stored(self, place: Place) -> Current | None:
        row = self._commit.reads.db.execute(_CURRENT, place).fetchone()
        return None if row is None else Current(*row)

    def _sequence(self) -> int:
        self._commit.sequence += 1
        return self._commit.sequence

    def _expect(self, writes: Sequence[Write]) -> None:
        """Each is looked up when its turn comes: that takes microseconds."""

    def _allow(self, seconds: float) -> None:
        self._commit.allow(seconds)

    def _explained(self, reads: SqlReads, query: SearchQuery) -> Explanation:
        assert isinstance(reads, Reads)
        return explain(reads, self._access, query)

    def _correct(self) -> None:
        """Totals that were remembered no longer count."""
        self._commit.reads.db.execute(
            "INSERT INTO counter (name, value) VALUES ('corrected', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
        )

    def _remember_sequence(self) -> None:
        """A row of no type holds the newest one where its version is gone."""
        if self._commit.reads.newest() < self._commit.sequence:
            self._commit.reads.db.execute(
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
