"""The one writing thread of a process: runs all works that wait as parts of one commit.

https://www.sqlite.org/wal.html. A caller has its answer when the commit is on disk (synchronous=FULL), and one sync serves all
that waited for it.
"""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

import apsw

from fhir_server.outcome import FhirError, Unavailable
from fhir_server.search.query import Access
from fhir_server.storage.base import Transaction
from fhir_server.storage.sql.works import finished
from fhir_server.storage.sqlite.connection import READ_WRITE, Connection, translated
from fhir_server.storage.sqlite.lock import WriteLock
from fhir_server.storage.sqlite.names import WritableNames
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.transaction import Commit, Work

MOST_WORKS = 256  # in one commit, from where on it takes no more
CHECKPOINT_PAGES = 4_000  # of the write-ahead log: 32 MiB
LARGE_PAGES = 4 * CHECKPOINT_PAGES  # from here on wait for readers, so that the log starts over

log = logging.getLogger(__name__)


class _Undone(Exception):
    """SQLite has undone the whole transaction with a statement that was stopped: nothing that ran in it counts."""


@dataclass(slots=True)
class Job:
    """A work and the caller who waits for it."""

    access: Access
    work: Callable[[Transaction], Awaitable[Any]]
    future: asyncio.Future[Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    result: Any = None
    error: BaseException | None = None

    def run(self, commit: Commit) -> None:
        """Runs the work to its end; leaves its result or its error. What undoes the whole commit comes out."""
        work, db = Work(commit, self.access), commit.reads.db
        try:
            self.result = self.context.run(finished, self.work(work))
            if db.in_transaction:
                work.keep()
        except apsw.InterruptError as error:
            work.undo()
            self.error = translated(error)
        except apsw.Error:
            raise
        except Exception as error:  # noqa: BLE001 - it is the caller's
            work.undo()
            self.error = error
        if not db.in_transaction:  # a stopped SELECT leaves it, a stopped INSERT does not
            self.error = self.error or translated(apsw.InterruptError())  # whatever the work made of being stopped
            raise _Undone


class Writer:
    """Takes jobs from the request loop and commits them in groups."""

    def __init__(self, path: Path, *, statement_timeout: float, vfs: str | None = None) -> None:
        self._path, self._vfs, self._timeout = path, vfs, statement_timeout
        self._lock = WriteLock(path)
        self._fresh: list[Job] = []
        self._jobs: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._names: WritableNames | None = None
        self._checkpoint_at = CHECKPOINT_PAGES
        self._pages = 0
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._closed = False
        self._thread.start()

    def submit(self, access: Access, work: Callable[[Transaction], Awaitable[Any]]) -> asyncio.Future[Any]:
        """The future is done when the work's commit is on disk, or has failed."""
        if self._closed:
            raise Unavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._fresh:
            loop.call_soon(self._hand_over)
        self._fresh.append(Job(access, work, future))
        return future

    def _hand_over(self) -> None:
        """What one turn of the loop has brought goes to the thread at once: the first of many is no commit of its own."""
        fresh, self._fresh = self._fresh, []
        self._jobs.put(fresh)

    def close(self) -> None:
        """Returns once all jobs submitted so far are settled."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._jobs.put(None)
            self._thread.join()
            self._discard()
            self._lock.close()

    # ---- in the thread

    def _run(self) -> None:
        more = True
        while more:
            jobs, more = self._waiting()
            jobs = [job for job in jobs if not job.future.cancelled()]
            if not jobs:
                continue
            try:
                self._commit(jobs)
            except BaseException:
                log.exception("the writer failed")
                for job in jobs:
                    job.error = Unavailable("The database cannot answer now.")
            _settle(jobs)

    def _waiting(self) -> tuple[list[Job], bool]:
        """All jobs that wait, at least one; False with them when there will be no more."""
        jobs: list[Job] = []
        more = self._jobs.get()
        while more is not None:
            jobs += more
            if len(jobs) >= MOST_WORKS or self._jobs.empty():
                return jobs, True
            more = self._jobs.get()
        return jobs, False

    def _commit(self, jobs: list[Job]) -> None:
        """Runs the jobs in one transaction. Where that fails, they all fail; where one of them spoils it, each runs alone."""
        with self._lock.held():
            try:
                self._together(jobs)
            except apsw.Error as error:
                self._failed(jobs, error)
            except Exception as error:
                self._rollback()
                if len(jobs) > 1:
                    self._each_alone(jobs)
                elif not isinstance(error, _Undone):
                    raise
            self._checkpoint()

    def _each_alone(self, jobs: list[Job]) -> None:
        """Each in a transaction of its own; the slow or broken one fails by itself."""
        for job in jobs:
            job.result = job.error = None
            try:
                self._together([job])
            except apsw.Error as error:
                self._failed([job], error)
            except _Undone:
                self._rollback()
            except Exception as error:  # noqa: BLE001 - it is this caller's
                self._rollback()
                job.error = error

    def _together(self, jobs: list[Job]) -> None:
        connection, names = self._open()
        db = connection.db
        db.execute("BEGIN IMMEDIATE")

        def allow(seconds: float) -> None:
            if connection.deadline is not None:
                connection.deadline += seconds

        commit = Commit(Reads(db, names), names, allow)
        try:
            for job in jobs:
                connection.deadline = monotonic() + self._timeout
                job.run(commit)
        finally:
            connection.deadline = None
        commit.finish()
        db.execute("COMMIT")
        names.committed()

    def _failed(self, jobs: list[Job], error: apsw.Error) -> None:
        """Nobody's work counts. After an I/O error nobody knows what is on disk: the connection goes, nothing is repeated."""
        log.error("a commit of %d works failed: %s", len(jobs), type(error).__name__)
        self._rollback()
        self._discard()
        for job in jobs:
            job.error = _unavailable(error)

    def _rollback(self) -> None:
        if self._connection is None or self._names is None:
            return
        self._names.undone()
        try:
            if self._connection.db.in_transaction:
                self._connection.db.execute("ROLLBACK")
        except apsw.Error:
            self._discard()

    def _open(self) -> tuple[Connection, WritableNames]:
        if self._connection is None or self._names is None:
            self._connection = Connection(self._path, flags=READ_WRITE, vfs=self._vfs)
            self._connection.db.set_wal_hook(self._grown)
            self._names = WritableNames(self._connection.db)
        return self._connection, self._names

    def _discard(self) -> None:
        connection, self._connection, self._names = self._connection, None, None
        if connection is not None:
            try:
                connection.close()
            except apsw.Error:
                log.warning("a failed connection did not close cleanly")

    def _grown(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Moves the log into the database when it has grown; under the lock, so that no other process writes meanwhile."""
        if self._pages < self._checkpoint_at or self._connection is None:
            return
        db = self._connection.db
        large = self._pages >= LARGE_PAGES
        try:
            db.set_busy_timeout(100)
            mode = apsw.SQLITE_CHECKPOINT_RESTART if large else apsw.SQLITE_CHECKPOINT_PASSIVE
            pages, moved = db.wal_checkpoint(mode=mode)
            self._checkpoint_at = CHECKPOINT_PAGES if moved >= pages else self._pages + CHECKPOINT_PAGES
        except apsw.BusyError:
            self._checkpoint_at = self._pages + CHECKPOINT_PAGES
        except apsw.Error as error:
            log.warning("a checkpoint failed: %s", type(error).__name__)
            self._discard()
        finally:
            if self._connection is not None:
                db.set_busy_timeout(10_000)


def _unavailable(error: apsw.Error) -> FhirError:
    found = translated(error)
    return found if isinstance(found, Unavailable) else Unavailable("The database cannot answer now.")


def _settle(jobs: list[Job]) -> None:
    """Hands the results over, once per loop."""
    for loop in {job.future.get_loop() for job in jobs}:
        mine = [job for job in jobs if job.future.get_loop() is loop]
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:
            log.warning("%d callers have gone: their loop is closed", len(mine))


def _resolve(jobs: list[Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
