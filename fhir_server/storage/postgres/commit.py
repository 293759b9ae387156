"""Whether a commit took place whose answer was lost: the database is asked, nothing is repeated blindly.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT

Its number alone does not tell: after a crash the number of a transaction that was lost may be given to another one, as may
those of sequences. What it wrote must be there as well.
"""

import asyncio
from typing import NamedTuple

import asyncpg

from fhir_server.outcome import Unavailable
from fhir_server.storage.postgres.connection import Pool
from fhir_server.storage.postgres.errors import Away, unavailable

TRIES = 10
PAUSE = 0.5  # seconds; with the time that connecting takes, less than a client waits


class Witness(NamedTuple):
    """A version that a transaction has written: its sequence number, type, id, version and time, as in the tables."""

    sequence: int
    type: int
    id: str
    version: int
    updated: int


_THERE = (
    "SELECT EXISTS (SELECT FROM version v JOIN resource r ON r.rid = v.rid WHERE v.written_in = $1::text::xid8"
    " AND v.sequence = $2 AND r.type = $3 AND r.id = $4 AND v.version = $5 AND v.updated = $6)"
)


async def committed(pool: Pool, transaction: str | None, witness: Witness | None) -> bool:
    """Whether it was committed; one that has no number wrote nothing. Raises Unavailable where that cannot be found out:
    of one without a witness only that it was not committed.
    """
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
            if status == "committed":
                if witness is None:
                    break
                return bool(await raw.fetchval(_THERE, transaction, *witness))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            status = None
        finally:
            raw.terminate()
        if status == "aborted":
            return False
        await asyncio.sleep(PAUSE)
    raise unavailable(
        "The database went away during a commit: whether it took place is not known. Read before you write again."
    )
