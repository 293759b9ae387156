"""The PostgreSQL store: the contract of `storage.base` over one database, for any number of processes.

https://www.postgresql.org/docs/current/mvcc.html
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from fhir_server.concepts import Concepts, System
from fhir_server.model import Key, Version
from fhir_server.outcome import Unavailable
from fhir_server.search.query import UNRESTRICTED, Access, Explanation, IndexEntry, Page, SearchQuery
from fhir_server.storage.base import HistoryPage, Problem, Record, StateStore, Transaction
from fhir_server.storage.postgres import schema
from fhir_server.storage.postgres.backup import dump
from fhir_server.storage.postgres.check import check
from fhir_server.storage.postgres.commit import Witness, committed
from fhir_server.storage.postgres.connection import Connection, Pool
from fhir_server.storage.postgres.dialect import Postgres
from fhir_server.storage.postgres.errors import Away, LostRace, translated, unavailable
from fhir_server.storage.postgres.explain import explain
from fhir_server.storage.postgres.names import Known, Names
from fhir_server.storage.postgres.reads import Reads
from fhir_server.storage.postgres.state import State, number_of
from fhir_server.storage.postgres.state import revision as state_revision
from fhir_server.storage.postgres.tables import Tables
from fhir_server.storage.postgres.transaction import Work
from fhir_server.storage.postgres.waiting import in_place
from fhir_server.storage.postgres.walk import versions
from fhir_server.storage.sql.concept_reads import StoredConcepts
from fhir_server.storage.sql.history import Scope, history
from fhir_server.storage.sql.reads import Memory
from fhir_server.storage.sql.search import after, search
from fhir_server.storage.sql.walk import defined
from fhir_server.storage.sql.works import finished

T = TypeVar("T")

STREAMED = 200  # resources fetched at a time
MOST_RACES = 50  # runs of a work that lose a race
MOST_LOST = 3  # connections that may be lost under a work or a read

log = logging.getLogger(__name__)


class PostgresStore:
    """A Store (see storage.base). Times in seconds; `connections` are the most that this process opens at once."""

    def __init__(
        self, url: str, *, connections: int = 10, statement_timeout: float = 10.0, patience: float = 20.0
    ) -> None:
        self.url = url
        self._options = {"size": connections, "statement_timeout": statement_timeout, "patience": patience}
        self._pool: Pool | None = None
        self._names: Known | None = None
        self._dialect = Postgres()
        self._memory = Memory()
        self._statements: dict[object, Any] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self.state: StateStore = StoredState(self)

    async def open(self) -> None:
        pool = Pool(self.url, **self._options)  # type: ignore[arg-type]
        try:
            raw = await pool.connect()
            try:
                self._dialect = await schema.prepare(raw)
            except BaseException:
                raw.terminate()
                raise
            pool.keep(raw)
        except Away as error:
            raise unavailable() from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise _house(translated(error)) from error
        self._pool, self._names = pool, Known(pool.connect)
        self._memory, self._statements = Memory(), {}

    async def close(self) -> None:
        if self._pool is not None:
            if self._running:
                await asyncio.wait(self._running)
            pool, self._pool = self._pool, None
            if self._names is not None:
                await self._names.close()
            await pool.close()

    def reader(self, access: Access) -> "Reader":
        return Reader(self, access)

    async def ask(self, question: Callable[[Reads], T]) -> T:
        """The answer of a function of Reads. Where a connection turns out to be lost, it is asked again on another one."""
        lost = 0
        while True:
            try:
                async with self.pool().connection() as connection:
                    return await in_place(question, self._reads(connection))
            except Away as error:
                lost += 1
                if lost >= MOST_LOST:
                    raise unavailable() from error
                self.pool().forget()
            except LostRace as race:
                raise race.error from race

    async def transact(self, access: Access, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Goes on to its end when the caller is cancelled."""
        self.pool()
        running = asyncio.ensure_future(self._transact(access, work))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    async def _transact(self, access: Access, work: Callable[[Transaction], Awaitable[T]]) -> T:
        lost, races = 0, list[LostRace]()
        while True:
            outcome = Outcome()
            try:
                async with self.pool().connection() as connection:
                    connection.begin = _begin(races)
                    return await in_place(self._run, connection, access, work, outcome)
            except LostRace as race:
                again = bool(races) and race.seen and str(race) == str(races[-1])
                races.append(race)
                if again or len(races) >= MOST_RACES:
                    raise race.error from race
            except Away as error:
                self.pool().forget()
                if outcome.asked and await committed(self.pool(), outcome.transaction, outcome.witness):
                    made: T = outcome.result
                    return made
                lost += 1
                if lost >= MOST_LOST:
                    raise unavailable("The database cannot be reached now: nothing was written.") from error

    def _run(
        self, connection: Connection, access: Access, work: Callable[[Transaction], Awaitable[T]], outcome: "Outcome"
    ) -> T:
        reads = self._reads(connection, remembers=False)
        own = Work(reads, Tables(connection, reads.own_names), access)
        result = finished(work(own))
        own.finish()
        if not connection.begin:
            outcome.commit(connection, result, own.witness)
        return result

    def _reads(self, connection: Connection, *, remembers: bool = True) -> Reads:
        assert self._names is not None
        reads = Reads(connection, Names(self._names, connection), self._dialect, self._memory, remembers=remembers)
        reads.statements = self._statements
        return reads

    def pool(self) -> Pool:
        """The connections. Raises Unavailable while the store is not open."""
        if self._pool is None:
            raise Unavailable("The store is not open.")
        return self._pool

    async def stream(self, access: Access, query: SearchQuery) -> AsyncIterator[Version]:
        last = 0
        query = replace(query, count=STREAMED)
        while True:
            versions, last = await self.ask(lambda reads, place=last: after(reads, access, query, place))  # type: ignore[misc]
            for version in versions:
                yield version
            if len(versions) < STREAMED:
                return

    async def scan(self, access: Access, query: SearchQuery, place: str) -> tuple[Sequence[Version], str]:
        start = int(place or 0)
        versions, last = await self.ask(lambda reads: after(reads, access, query, start))
        return versions, str(last)

    async def versions(self, access: Access, place: str, count: int) -> tuple[Sequence[Version], str]:
        return await self.ask(lambda reads: versions(reads, access, place, count))

    async def defined(self, id_: str) -> System | None:
        return await self.ask(lambda reads: defined(reads, id_))

    async def reindex(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        async def work(transaction: Transaction) -> bool:
            assert isinstance(transaction, Work)
            return transaction.repair(key, version_id, entries)

        return await self.transact(UNRESTRICTED, work)

    async def counts(self) -> Mapping[str, int]:
        def question(reads: Reads) -> dict[str, int]:
            rows = reads.db.execute("SELECT type, count(*) FROM resource WHERE body IS NOT NULL GROUP BY type")
            return {reads.names.text(number): count for number, count in rows}

        return await self.ask(question)

    async def probe(self) -> None:
        async def work(transaction: Transaction) -> None:
            assert isinstance(transaction, Work)
            transaction.tables().db.execute("UPDATE counter SET value = value + 1 WHERE name = 'probe'")

        await self.transact(UNRESTRICTED, work)

    async def backup(self, target: Path) -> None:
        self.pool()
        await dump(self.url, target)

    async def check(self) -> Sequence[Problem]:
        return await self.ask(check)


class Outcome:
    """What became of a transaction: `asked` tells that its commit was sent."""

    def __init__(self) -> None:
        self.asked = False
        self.transaction: str | None = None
        self.witness: Witness | None = None
        self.result: Any = None

    def commit(self, connection: Connection, result: Any, witness: Witness | None) -> None:
        """The transaction is committed. Where the connection is lost meanwhile, `asked` is set and the transaction can be asked for."""
        self.transaction = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").get
        self.result, self.witness, self.asked = result, witness, True
        if connection.script("COMMIT") != "COMMIT":
            raise Unavailable("A statement of the transaction failed: nothing was written.")
        self.asked = False


class Reader:
    """A Reader (see storage.base)."""

    def __init__(self, store: PostgresStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def read(self, key: Key) -> Version | None:
        return await self._store.ask(lambda reads: reads.read(self._access, key))

    async def read_many(self, keys: Iterable[Key]) -> list[Version]:
        wanted = list(keys)
        return await self._store.ask(lambda reads: reads.read_many(self._access, wanted))

    async def vread(self, key: Key, version_id: str) -> Version | None:
        return await self._store.ask(lambda reads: reads.vread(self._access, key, version_id))

    async def history(
        self,
        scope: Key | str | None,
        *,
        since: datetime | None = None,
        at: tuple[datetime, datetime] | None = None,
        count: int,
        after: str | None = None,
    ) -> HistoryPage:
        asked = Scope.of(scope, since, at)
        return await self._store.ask(lambda reads: history(reads, self._access, asked, count, after))

    async def search(self, query: SearchQuery) -> Page:
        return await self._store.ask(lambda reads: search(reads, self._access, query))

    async def explain(self, query: SearchQuery) -> Explanation:
        return await self._store.ask(lambda reads: explain(reads, self._access, query))

    @property
    def concepts(self) -> Concepts:
        return StoredConcepts(self._store.ask, self._access)


class StoredState:
    """A StateStore (see storage.base), each call a transaction of its own."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def read(self, space: str, name: str) -> Record | None:
        return await self._store.ask(lambda reads: finished(State(reads.db).read(space, name)))

    async def revision(self, space: str, name: str) -> int:
        return await self._store.ask(lambda reads: state_revision(reads.db, space, name))

    async def names(self, space: str) -> Sequence[str]:
        return await self._store.ask(lambda reads: finished(State(reads.db).names(space)))

    async def spaces(self) -> Sequence[str]:
        return await self._store.ask(lambda reads: finished(State(reads.db).spaces()))

    async def write(
        self, space: str, name: str, value: bytes, *, expected: int | None = None, expires: datetime | None = None
    ) -> int:
        return await self._store.transact(
            UNRESTRICTED, lambda work: work.state.write(space, name, value, expected=expected, expires=expires)
        )

    async def delete(self, space: str, name: str, *, expected: int) -> None:
        await self._store.transact(UNRESTRICTED, lambda work: work.state.delete(space, name, expected=expected))


def _begin(races: Sequence[LostRace]) -> str:
    """Opens a transaction. One that has lost races takes its turn for what was raced for: else it might lose for ever."""
    numbers = sorted({number_of("race", key) for race in races for key in race.keys})
    return "; ".join(["BEGIN", *(f"SELECT pg_advisory_xact_lock({number})" for number in numbers)])


def _house(error: BaseException) -> BaseException:
    return unavailable() if isinstance(error, Away) else error
