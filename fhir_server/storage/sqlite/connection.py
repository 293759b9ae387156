"""Connections to the database file: which SQLite may open it, and with which settings.

https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from fhir_server.outcome import FhirError, TimedOut, Unavailable
from fhir_server.storage.base import SchemaError
from fhir_server.storage.sqlite import prose

PAGE_SIZE = 8192
SYNCHRONOUS = "FULL"  # a commit is on disk when it returns; NORMAL loses the last ones at power loss
OLDEST = (3, 51, 3)  # before it, two connections that write and checkpoint at once can damage the file
WITHDRAWN = {(3, 52, 0)}
STATEMENTS = 1000  # prepared statements kept by each connection
STEPS = 20_000  # virtual machine instructions between two looks at the clock: about a millisecond

READ_ONLY = apsw.SQLITE_OPEN_READONLY
READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def require_safe_library(version: str) -> None:
    """Raises SchemaError unless this SQLite is free of the known ways to damage a database in WAL mode."""
    numbers = tuple(int(part) for part in version.split("."))[:3]
    if numbers < OLDEST or numbers in WITHDRAWN:
        raise SchemaError(
            f"SQLite {version} can damage databases that several connections write (https://www.sqlite.org/wal.html):"
            " install apsw 3.54.1 or newer, which brings a sound SQLite"
        )


class Connection:
    """One connection with the house's settings, and a deadline for what it runs."""

    def __init__(self, path: Path, *, flags: int, busy_timeout: float = 10.0, vfs: str | None = None) -> None:
        self.deadline: float | None = None
        with driver_errors():
            self.db = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=STATEMENTS)
            self.db.set_busy_timeout(int(busy_timeout * 1000))
            for pragma in (
                f"page_size = {PAGE_SIZE}",
                f"synchronous = {SYNCHRONOUS}",
                "foreign_keys = ON",
                "trusted_schema = OFF",
                "cell_size_check = ON",
                "mmap_size = 0",
                "cache_size = -65536",
                "temp_store = MEMORY",
            ):
                self.db.execute(f"PRAGMA {pragma}")
            self.db.wal_autocheckpoint(0)
            prose.register(self.db)
            self.db.set_progress_handler(self._late, STEPS)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Whatever runs longer than `seconds` is stopped with `apsw.InterruptError`."""
        self.deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self.deadline = None

    def close(self) -> None:
        self.db.close()

    def _late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


def translated(error: Exception) -> FhirError:
    """What a driver's error means to the one who asked."""
    if isinstance(error, apsw.InterruptError):
        return TimedOut("The database took longer than the server allows for one statement.")
    if isinstance(error, apsw.FullError):
        return Unavailable("The disk is full: nothing was written.", headers={"Retry-After": "30"})
    if isinstance(error, apsw.BusyError):
        return Unavailable("The database is busy: nothing was written.", headers={"Retry-After": "1"})
    return Unavailable("The database cannot answer now.", headers={"Retry-After": "5"})


@contextmanager
def driver_errors() -> Iterator[None]:
    """Driver errors come out as the errors of the house."""
    try:
        yield
    except apsw.Error as error:
        raise translated(error) from error
