"""Whether a commit took place whose answer was lost: the database is asked, nothing is repeated blindly.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
"""

import asyncio

import asyncpg

from fhir_server.outcome import Unavailable
from fhir_server.storage.postgres.connection import Pool
from fhir_server.storage.postgres.errors import Away, unavailable

TRIES = 10
PAUSE = 0.5  # seconds; with the time that connecting takes, less than a client waits


async def committed(pool: Pool, transaction: str | None) -> bool:
    """Whether it was committed; one that has no number wrote nothing. Raises Unavailable where that cannot be found out."""
    if transaction is None:
        return False
    for _ in range(TRIES):
        try:
            raw = await pool.connect()
        except (Away, Unavailable):
            await asyncio.sleep(PAUSE)
            continue
        try:
            status = await raw.fetchval("SELECT pg_xact_status($1::text::xid8)", transaction)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            status = None
        finally:
            raw.terminate()
        if status in ("committed", "aborted"):
            return bool(status == "committed")
        await asyncio.sleep(PAUSE)
    raise unavailable(
        "The database went away during a commit: whether it took place is not known. Read before you write again."
    )
