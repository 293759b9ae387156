"""Connections, and statements on them.

https://magicstack.github.io/asyncpg/current/
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg

from fhir_server.outcome import FhirError
from fhir_server.storage.postgres import text
from fhir_server.storage.postgres.errors import Away, translated, unavailable
from fhir_server.storage.postgres.waiting import wait

T = TypeVar("T")

STATEMENTS = 1000  # prepared statements kept by each connection
CONNECTING = 5.0  # seconds
MOST_MILLISECONDS = 2**31 - 1
BEYOND = 5.0  # seconds after its own limit until the database is taken to be away


class Rows:
    """What a statement returned."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    @property
    def get(self) -> Any:
        """The first value of the first row; None where there is no row."""
        return self._rows[0][0] if self._rows else None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)


class Connection:
    """A Database (see sql.database) on one connection. `begin`: what opens the transaction, sent with the first statement."""

    def __init__(self, raw: "asyncpg.Connection[Any]", limit: float) -> None:
        self.raw = raw
        self.begin = ""
        self.limit = limit

    def execute(self, statements: str, bindings: Any = (), /) -> Rows:
        self._open()
        found = wait(_asked(self.raw.fetch(numbered(statements), *bindings, timeout=self.limit + BEYOND)))
        return Rows([tuple(row) for row in found])

    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]], /) -> None:
        self._open()
        wait(_asked(self.raw.executemany(numbered(statements), sequenceofbindings, timeout=self.limit + BEYOND)))

    def allow(self, seconds: float) -> None:
        """Each further statement of this transaction may take so long."""
        self.limit = seconds
        self.script(f"SET LOCAL statement_timeout = {min(seconds * 1000, MOST_MILLISECONDS):.0f}")

    def script(self, statements: str) -> str:
        """Statements without arguments, at one go; what the last one says of itself."""
        statements, self.begin = f"{self.begin}; {statements}" if self.begin else statements, ""
        return wait(_asked(self.raw.execute(statements)))

    def _open(self) -> None:
        if self.begin:
            statements, self.begin = self.begin, ""
            wait(_asked(self.raw.execute(statements)))


@lru_cache(maxsize=5_000)
def numbered(statement: str) -> str:
    """The statement with $1, $2 … for its question marks."""
    first, *others = statement.split("?")
    return first + "".join(f"${number}{other}" for number, other in enumerate(others, 1))


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except BaseException as error:
        meant = translated(error)
        if meant is error:
            raise
        raise meant from error


class Pool:
    """Up to `size` connections, each used by one at a time."""

    def __init__(self, url: str, *, size: int, statement_timeout: float, patience: float) -> None:
        """`patience`: seconds that somebody waits for a connection while all are in use."""
        self._url, self.timeout, self._patience = url, statement_timeout, patience
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection[Any]] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for as long as the block runs; one that failed is not used again. Raises Away, Unavailable."""
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise unavailable("All connections to the database are in use.", 1) from error
        raw: asyncpg.Connection[Any] | None = None
        try:
            raw = self._pop() or await self.connect()
            yield Connection(raw, self.timeout)
            if self._closed or raw.is_closed() or raw.is_in_transaction():
                raw.terminate()
            else:
                self._idle.append(raw)
        except BaseException as error:
            if raw is not None:
                await self._after(error, raw)
            raise
        finally:
            self._free.release()

    async def connect(self) -> "asyncpg.Connection[Any]":
        """A new connection with the house's settings, outside the pool."""
        raw: asyncpg.Connection[Any] | None = None
        try:
            raw = await asyncpg.connect(
                self._url,
                timeout=CONNECTING,
                command_timeout=self.timeout + BEYOND,
                statement_cache_size=STATEMENTS,
                server_settings={
                    "application_name": "fhir-server",
                    "statement_timeout": f"{self.timeout * 1000:.0f}",
                    "idle_in_transaction_session_timeout": "60000",
                    "jit": "off",
                },
            )
            for type_, encoder, decoder in (
                ("text", text.written, text.read),
                ("jsonb", text.json_written, text.json_read),
            ):
                await raw.set_type_codec(type_, encoder=encoder, decoder=decoder, schema="pg_catalog", format="text")
        except BaseException as error:
            if raw is not None:
                raw.terminate()
            meant = translated(error)
            raise (meant if isinstance(meant, Away | FhirError | asyncio.CancelledError) else unavailable()) from error
        return raw

    def keep(self, raw: "asyncpg.Connection[Any]") -> None:
        """A connection that was made outside is there for whoever comes next."""
        self._idle.append(raw)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    def forget(self) -> None:
        """No idle connection is used again: one has turned out to be lost."""
        while self._idle:
            self._idle.pop().terminate()

    def _pop(self) -> "asyncpg.Connection[Any] | None":
        while self._idle:
            raw = self._idle.pop()
            if not raw.is_closed():
                return raw
        return None

    async def _after(self, error: BaseException, raw: "asyncpg.Connection[Any]") -> None:
        """Keeps the connection where the error tells nothing about it."""
        if self._closed or isinstance(error, Away | asyncio.CancelledError) or raw.is_closed():
            raw.terminate()
            return
        try:
            if raw.is_in_transaction():
                await raw.execute("ROLLBACK")
        except BaseException as worse:
            raw.terminate()
            if not isinstance(worse, Exception):
                raise
        else:
            self._idle.append(raw)
