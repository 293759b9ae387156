"""What a driver's error means to the one who asked.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from fhir_server.outcome import BadRequest, FhirError, TimedOut, Unavailable

log = logging.getLogger(__name__)

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # after a failover, a connection may lead to what has become a replica
    asyncpg.TooManyConnectionsError,
    OSError,
    EOFError,
    asyncio.TimeoutError,
)
"""The connection is of no use any more; nothing says that the next one will not be."""

RACES = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)


class Away(BaseException):
    """The connection was lost. Not an Exception: no work may take it for its own affair."""


class LostRace(BaseException):
    """Another transaction came first: this one is to be run again. `error`: what it comes to at last.

    `keys`: what they raced for. `seen`: the work itself expected something else, which is no race where it does so again.
    """

    def __init__(self, error: FhirError, keys: Sequence[str] = (), *, seen: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.keys, self.seen = error, keys, seen


def unavailable(text: str = "The database cannot be reached now.", seconds: int = 5) -> Unavailable:
    return Unavailable(text, headers={"Retry-After": str(seconds)})


def translated(error: BaseException) -> BaseException:
    """What to raise for it."""
    if isinstance(error, FhirError | Away | LostRace | asyncio.CancelledError | GeneratorExit):
        return error
    if isinstance(error, asyncpg.QueryCanceledError):
        return TimedOut("The database took longer than the server allows for one statement.")
    if isinstance(error, RACES):
        return LostRace(unavailable("The database is busy: nothing was written.", 1))
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return BadRequest("A value, or the place of a page link, is not one that the database can hold.")
    if isinstance(error, AWAY):
        return Away()
    if isinstance(error, asyncpg.DiskFullError | asyncpg.OutOfMemoryError):
        return unavailable("The disk of the database is full: nothing was written.", 30)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        log.error("the database refused a connection: %s", type(error).__name__)
        return unavailable("The database refuses this server: look at account, password and name of the database.", 30)
    log.error("the database refused a statement: %s", type(error).__name__)
    return unavailable("The database cannot answer now.")
