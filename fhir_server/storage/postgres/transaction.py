"""One work in one transaction: reads that see what was committed before each statement, locks by name, writes at the end.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from collections import deque
from collections.abc import Sequence

from fhir_server.concepts import Concept, System
from fhir_server.model import Key
from fhir_server.search.query import Access, Explanation, IndexEntry, SearchQuery
from fhir_server.storage.base import Drafts, StateStore, VersionConflict, Write
from fhir_server.storage.postgres.commit import Witness
from fhir_server.storage.postgres.connection import Connection
from fhir_server.storage.postgres.errors import LostRace
from fhir_server.storage.postgres.explain import explain
from fhir_server.storage.postgres.reads import Reads
from fhir_server.storage.postgres.state import State, number_of
from fhir_server.storage.postgres.tables import Statement, Tables, words
from fhir_server.storage.sql.batch import Place
from fhir_server.storage.sql.reads import Reads as SqlReads
from fhir_server.storage.sql.rows import Current
from fhir_server.storage.sql.work import Work as SqlWork

_CURRENT = (
    "SELECT nextval('version_sequence'), r.rid, r.type, r.id, r.version, r.changed, r.updated, r.method, r.entries, r.body,"
    " r.outline FROM unnest(?::bigint[], ?::text[]) WITH ORDINALITY AS asked(type, id, place)"
    " LEFT JOIN resource r ON r.type = asked.type AND r.id = asked.id ORDER BY place"
)
_HELD = (
    "SELECT r.rid FROM unnest(?::bigint[], ?::text[]) AS asked(type, id) JOIN resource r ON r.type = asked.type AND r.id = asked.id"
    " ORDER BY r.rid FOR UPDATE OF r"
)
_NUMBERS = "SELECT nextval('version_sequence') FROM generate_series(1, ?)"
_ONE = (
    "SELECT rid, type, id, version, changed, updated, method, entries, body, outline FROM resource"
    " WHERE type = ? AND id = ?"
)
NOTABLE = 1.0  # seconds more, from which on the database is told
CONCEPTS = number_of("store", "concepts")
"""The lock under which concepts get their numbers."""


class Work(SqlWork):
    """A Transaction (see storage.base)."""

    def __init__(self, reads: Reads, tables: Tables, access: Access) -> None:
        super().__init__(access, tables.names, tables)
        self._own = reads
        self._db: Connection = reads.db
        self._sequences: deque[int] = deque()
        self._looked_up: dict[Place, Current | None] = {}
        self._allowed = 0.0
        self._holds = ""
        self.witness: Witness | None = None

    def finish(self) -> None:
        """All that the work did is in the tables."""
        self.tables_with_words()

    # ---- Reader and Transaction

    def tables(self) -> Reads:
        self._batch.flush(self._tables)
        self._looked_up.clear()
        return self._own

    def tables_with_words(self) -> Reads:
        reads = self.tables()
        if self._batch.prose.words or self._batch.prose.rewritten:
            statement = Statement()
            words(statement, self._batch.prose)
            statement.run(self._db)
        return reads

    @property
    def state(self) -> StateStore:
        return State(self._db)

    async def lock(self, *names: str) -> None:
        numbers = sorted({number_of("lock", name) for name in names})
        if numbers:
            self._db.script("; ".join(f"SELECT pg_advisory_xact_lock({number})" for number in numbers))

    async def define(self, id_: str, system: System | None, concepts: Sequence[Concept] = ()) -> None:
        self._one_at_a_time()
        await super().define(id_, system, concepts)

    @property
    def drafts(self) -> Drafts:
        self._one_at_a_time()
        return super().drafts

    def _one_at_a_time(self) -> None:
        self._db.execute("SELECT pg_advisory_xact_lock(?)", (CONCEPTS,))

    async def reindex(self, writes: Sequence[Write]) -> int:
        self._hold([write.version.key for write in writes])
        return await super().reindex(writes)

    def repair(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        self._hold([key])
        return super().repair(key, version_id, entries)

    async def purge(self, key: Key, version_id: str | None = None) -> int:
        self._hold([key])
        return await super().purge(key, version_id)

    def _hold(self, keys: Sequence[Key]) -> None:
        """Nobody else writes these resources between now and the commit: what is read of them next stays so."""
        places = [place for place in map(self._place, keys) if place is not None]
        if places:
            types, ids = zip(*places, strict=True)
            self.tables().db.execute(_HELD, (list(types), list(ids)))
        self._holds = " FOR UPDATE"  # one that was purged and made again meanwhile is another row

    # ---- what PostgreSQL does in its own way

    @property
    def _reads(self) -> Reads:
        return self._own

    def _waiting(self, place: Place | None) -> Current | None:
        return None if place is None else self._batch.current.get(place)

    def _stored(self, place: Place) -> Current | None:
        if place in self._looked_up:
            return self._looked_up[place]
        row = self._db.execute(_ONE + self._holds, place).fetchone()
        return None if row is None else Current(*row)

    def _expect(self, writes: Sequence[Write]) -> None:
        """One statement looks up what all of them follow on, and numbers them."""
        asked = [
            (self._names.make_type(write.version.key.type), write.version.key.id) for write in writes if not write.new
        ]
        places = [place for place in dict.fromkeys(asked) if self._waiting(place) is None]
        numbers: list[int] = []
        if places:
            types, ids = zip(*places, strict=True)
            for place, row in zip(places, self._db.execute(_CURRENT, (list(types), list(ids))), strict=True):
                numbers.append(row[0])
                self._looked_up[place] = None if row[1] is None else Current(*row[1:])
        if len(writes) > len(numbers):
            numbers += [number for (number,) in self._db.execute(_NUMBERS, (len(writes) - len(numbers),))]
        self._sequences = deque(sorted(numbers))

    def _append(self, write: Write) -> None:
        """A version that is not the one expected may have come after the work read another one."""
        try:
            super()._append(write)
        except VersionConflict as error:
            raise LostRace(error, [str(write.version.key)], seen=True) from error
        made = self._waiting(self._place(write.version.key))
        assert made is not None
        self.witness = Witness(made.changed, made.type, made.id, made.version, made.updated)

    def _sequence(self) -> int:
        return self._sequences.popleft()

    def _allow(self, seconds: float) -> None:
        """What takes long is one statement, at the end: its limit grows where a work has much to write."""
        self._allowed += seconds
        if self._allowed >= NOTABLE:
            self._db.allow(self._db.limit + self._allowed)
            self._allowed = 0.0

    def _explained(self, reads: SqlReads, query: SearchQuery) -> Explanation:
        assert isinstance(reads, Reads)
        return explain(reads, self._access, query)

    def _correct(self) -> None:
        """Totals are remembered as of a state of the database, which any transaction changes."""

    def _remember_sequence(self) -> None:
        """A sequence gives no number twice."""
