"""Reading connections: one for the request loop, a few for threads that do long work.

A read takes microseconds, a thread hop more than that: reads run where they are asked for. What has not ended after a moment is
stopped and run again in a thread, so that one broad search does not hold up everybody's requests. The reads of one turn of the loop
see one state of the database: to open one costs more than to read a resource. It is never older than what a client knows: a
request that follows on an answer comes in a later turn.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeVar

import apsw

from fhir_server.storage.sql.reads import Memory
from fhir_server.storage.sqlite.connection import READ_ONLY, Connection, driver_errors, translated
from fhir_server.storage.sqlite.names import Names
from fhir_server.storage.sqlite.reads import Reads

T = TypeVar("T")

MOMENT = 0.02  # seconds that a read may hold the request loop
THREADS = 2
REMEMBERED = 30.0  # seconds
MOST_REMEMBERED = 1000


class Readers:
    """Runs functions of Reads on read-only connections."""

    def __init__(self, path: Path, *, statement_timeout: float, vfs: str | None = None) -> None:
        self._path, self._timeout, self._vfs = path, statement_timeout, vfs
        self._memory = Memory()
        self._long: dict[object, float] = {}  # what took more than a moment, and when
        self._here: tuple[Connection, Reads] | None = self._connect()  # and so the writer's is never the last to close
        self._idle: SimpleQueue[tuple[Connection, Reads]] = SimpleQueue()
        self._threads = ThreadPoolExecutor(THREADS, "sqlite-reader")

    async def run(self, ask: Callable[[Reads], T], like: object = None) -> T:
        """The answer, from the loop's own connection if that is quick. Raises TimedOut, Unavailable.

        `like`: what is equal to something that was not quick a while ago is not tried here.
        """
        if like is not None and self._long.get(like, -REMEMBERED) > monotonic() - REMEMBERED:
            return await self.run_long(ask)
        try:
            return self._quickly(ask)
        except apsw.InterruptError:
            if like is not None:
                if len(self._long) >= MOST_REMEMBERED:
                    del self._long[next(iter(self._long))]
                self._long[like] = monotonic()
            return await self.run_long(ask)

    async def run_long(self, ask: Callable[[Reads], T], *, seconds: float | None = None) -> T:
        """The answer, from a thread that may take so many `seconds` (None: the statement timeout)."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._in_thread, ask, self._timeout if seconds is None else seconds
        )

    def leave(self) -> None:
        """On the request loop, before `close` runs in a thread: the loop's own connection is used no more."""
        self._end_turn()
        if self._here is not None:
            self._idle.put(self._here)
            self._here = None

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        while True:
            try:
                self._idle.get_nowait()[0].close()
            except Empty:
                return

    def _quickly(self, ask: Callable[[Reads], T]) -> T:
        if self._here is None:
            self._here = self._connect()
        connection, reads = self._here
        if not connection.db.in_transaction:
            connection.db.execute("BEGIN")
            asyncio.get_running_loop().call_soon(self._end_turn)
        connection.deadline = monotonic() + MOMENT  # as `within` does, in a tenth of its time
        try:
            return ask(reads)
        except apsw.InterruptError:
            raise
        except apsw.Error as error:
            self._here = None
            connection.close()
            raise translated(error) from error
        finally:
            connection.deadline = None

    def _end_turn(self) -> None:
        """What is read from now on may be newer. The requests of the next turn come after this."""
        if self._here is not None and self._here[0].db.in_transaction:
            self._here[0].db.execute("COMMIT")

    def _in_thread(self, ask: Callable[[Reads], T], timeout: float) -> T:
        with driver_errors(), self._borrowed() as (connection, reads), connection.within(timeout):
            return ask(reads)

    @contextmanager
    def _borrowed(self) -> Iterator[tuple[Connection, Reads]]:
        """A connection of its own for as long as it is needed; one that failed is not used again."""
        try:
            pair = self._idle.get_nowait()
        except Empty:
            pair = self._connect()
        try:
            yield pair
        except apsw.InterruptError:
            self._idle.put(pair)
            raise
        except apsw.Error:
            pair[0].close()
            raise
        except BaseException:
            self._idle.put(pair)
            raise
        self._idle.put(pair)

    def _connect(self) -> tuple[Connection, Reads]:
        connection = Connection(self._path, flags=READ_ONLY, vfs=self._vfs)
        return connection, Reads(connection.db, Names(connection.db), self._memory)
