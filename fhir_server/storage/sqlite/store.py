"""The SQLite store: the contract of `storage.base` over one file.

https://www.sqlite.org/wal.html
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import apsw

from fhir_server.concepts import Concepts, System
from fhir_server.model import Key, Version
from fhir_server.outcome import Unavailable
from fhir_server.search.query import UNRESTRICTED, Access, Explanation, IndexEntry, Page, SearchQuery
from fhir_server.storage.base import HistoryPage, Problem, Record, StateStore, Transaction
from fhir_server.storage.sql import walk
from fhir_server.storage.sql.concept_reads import StoredConcepts
from fhir_server.storage.sql.history import Scope, history
from fhir_server.storage.sql.search import after, search
from fhir_server.storage.sqlite import state
from fhir_server.storage.sqlite.backup import copy
from fhir_server.storage.sqlite.check import check
from fhir_server.storage.sqlite.connection import require_safe_library
from fhir_server.storage.sqlite.explain import explain
from fhir_server.storage.sqlite.migrate import prepare
from fhir_server.storage.sqlite.readers import Readers
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.transaction import Work
from fhir_server.storage.sqlite.writer import Writer

T = TypeVar("T")

STREAMED = 200  # resources fetched at a time
FOREVER = 10.0 * 365 * 86400

log = logging.getLogger(__name__)


class SQLiteStore:
    """A Store (see storage.base). `statement_timeout` in seconds; `vfs` names an apsw VFS."""

    def __init__(self, path: str | Path, *, statement_timeout: float = 10.0, vfs: str | None = None) -> None:
        self.path = Path(path)
        self._timeout, self._vfs = statement_timeout, vfs
        self._opened: tuple[Readers, Writer] | None = None
        self.state: StateStore = State(self)

    async def open(self) -> None:
        require_safe_library(apsw.sqlite_lib_version())
        await asyncio.to_thread(prepare, self.path, vfs=self._vfs)
        self._opened = (
            Readers(self.path, statement_timeout=self._timeout, vfs=self._vfs),
            Writer(self.path, statement_timeout=self._timeout, vfs=self._vfs),
        )

    async def close(self) -> None:
        if self._opened is not None:
            readers, writer = self._opened
            self._opened = None
            readers.leave()
            await asyncio.to_thread(readers.close)
            await asyncio.to_thread(writer.close)  # the last to close moves the log into the database

    @property
    def readers(self) -> Readers:
        if self._opened is None:
            raise Unavailable("The store is not open.")
        return self._opened[0]

    def reader(self, access: Access) -> "Reader":
        return Reader(self, access)

    async def transact(self, access: Access, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._opened is None:
            raise Unavailable("The store is not open.")
        result: T = await self._opened[1].submit(access, work)
        return result

    async def stream(self, access: Access, query: SearchQuery) -> AsyncIterator[Version]:
        last = 0
        query = replace(query, count=STREAMED)
        while True:
            place = last
            versions, last = await self.readers.run_long(lambda reads, place=place: after(reads, access, query, place))  # type: ignore[misc]
            for version in versions:
                yield version
            if len(versions) < STREAMED:
                return

    async def scan(self, access: Access, query: SearchQuery, place: str) -> tuple[Sequence[Version], str]:
        start = int(place or 0)
        versions, last = await self.readers.run_long(lambda reads: after(reads, access, query, start))
        return versions, str(last)

    async def versions(self, access: Access, place: str, count: int) -> tuple[Sequence[Version], str]:
        return await self.readers.run_long(lambda reads: walk.versions(reads, access, place, count))

    async def defined(self, id_: str) -> System | None:
        return await self.readers.run(lambda reads: walk.defined(reads, id_))

    async def reindex(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        async def work(transaction: Transaction) -> bool:
            assert isinstance(transaction, Work)
            return transaction.repair(key, version_id, entries)

        return await self.transact(UNRESTRICTED, work)

    async def counts(self) -> Mapping[str, int]:
        def ask(reads: Reads) -> dict[str, int]:
            rows: list[Any] = reads.db.execute(
                "SELECT type, count(*) FROM resource WHERE body IS NOT NULL GROUP BY type"
            ).fetchall()
            return {reads.names.text(number): count for number, count in rows}

        return await self.readers.run(ask)

    async def probe(self) -> None:
        async def work(transaction: Transaction) -> None:
            assert isinstance(transaction, Work)
            transaction.tables().db.execute("UPDATE counter SET value = value + 1 WHERE name = 'probe'")

        await self.transact(UNRESTRICTED, work)

    async def backup(self, target: Path) -> None:
        await self.readers.run_long(lambda reads: copy(reads.db, target), seconds=FOREVER)

    async def check(self) -> Sequence[Problem]:
        return await self.readers.run_long(check, seconds=FOREVER)


class Reader:
    """A Reader (see storage.base)."""

    def __init__(self, store: SQLiteStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def read(self, key: Key) -> Version | None:
        return await self._store.readers.run(lambda reads: reads.read(self._access, key))

    async def read_many(self, keys: Iterable[Key]) -> list[Version]:
        wanted = list(keys)
        return await self._store.readers.run(lambda reads: reads.read_many(self._access, wanted))

    async def vread(self, key: Key, version_id: str) -> Version | None:
        return await self._store.readers.run(lambda reads: reads.vread(self._access, key, version_id))

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
        return await self._store.readers.run(lambda reads: history(reads, self._access, asked, count, after))

    async def search(self, query: SearchQuery) -> Page:
        like = (*query.where.items(), query.sort, query.count, query.total)
        return await self._store.readers.run(lambda reads: search(reads, self._access, query), like)

    async def explain(self, query: SearchQuery) -> Explanation:
        return await self._store.readers.run_long(lambda reads: explain(reads, self._access, query))

    @property
    def concepts(self) -> Concepts:
        return StoredConcepts(self._store.readers.run, self._access)


class State:
    """A StateStore (see storage.base), each call a transaction of its own."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def read(self, space: str, name: str) -> Record | None:
        return await self._store.readers.run(lambda reads: state.read(reads.db, space, name))

    async def revision(self, space: str, name: str) -> int:
        return await self._store.readers.run(lambda reads: state.revision(reads.db, space, name))

    async def names(self, space: str) -> Sequence[str]:
        return await self._store.readers.run(lambda reads: state.names(reads.db, space))

    async def spaces(self) -> Sequence[str]:
        return await self._store.readers.run(lambda reads: state.spaces(reads.db))

    async def write(
        self, space: str, name: str, value: bytes, *, expected: int | None = None, expires: datetime | None = None
    ) -> int:
        return await self._store.transact(
            UNRESTRICTED, lambda work: work.state.write(space, name, value, expected=expected, expires=expires)
        )

    async def delete(self, space: str, name: str, *, expected: int) -> None:
        await self._store.transact(UNRESTRICTED, lambda work: work.state.delete(space, name, expected=expected))
