"""Bringing a database up to date at start: under a lock, each migration in a transaction with its stamp.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import logging
from typing import Any

import asyncpg

from fhir_server.storage.base import SchemaError
from fhir_server.storage.postgres.dialect import Postgres
from fhir_server.storage.postgres.state import number_of
from fhir_server.storage.sql.migrations import Migration, migrations_of, outstanding

OLDEST = 150_000
LONGEST = 86_400.0
"""Seconds that an upgrade may take, or waiting for that of another server: as long as building an index does."""

UPGRADE = number_of("store", "schema")
REMEDY = "Restore the backup that was made before the upgrade (pg_restore)."

_RECORD = (
    "CREATE TABLE IF NOT EXISTS migration (number bigint PRIMARY KEY, name text NOT NULL, digest text NOT NULL,"
    " applied timestamptz NOT NULL DEFAULT now())"
)
_OTHERS = (
    "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')"
)

log = logging.getLogger(__name__)


def migrations() -> list[Migration]:
    """The migrations that this program knows, in order."""
    return migrations_of("fhir_server.storage.postgres")


async def prepare(raw: "asyncpg.Connection[Any]") -> Postgres:
    """The database is at this program's schema; the dialect knows where its transactions begin. Raises SchemaError."""
    await _require(raw)
    await raw.execute(f"SET statement_timeout = 0; SELECT pg_advisory_lock({UPGRADE})", timeout=LONGEST)
    try:
        for step in await _pending(raw, migrations()):
            async with raw.transaction():
                await raw.execute(f"{_RECORD}; {step.sql}", timeout=LONGEST)
                await raw.execute(
                    "INSERT INTO migration (number, name, digest) VALUES ($1, $2, $3)",
                    step.number,
                    step.name,
                    step.digest,
                )
            log.info("schema %d (%s)", step.number, step.name)
        return await _settle(raw)
    except asyncpg.InsufficientPrivilegeError as error:
        raise SchemaError(
            f"The database account may not do what this needs: {error}. Let it own the database."
        ) from error
    finally:
        if not raw.is_closed():
            await raw.execute(f"SELECT pg_advisory_unlock({UPGRADE}); RESET statement_timeout")


async def _require(raw: "asyncpg.Connection[Any]") -> None:
    number = int(await raw.fetchval("SHOW server_version_num"))
    if number < OLDEST:
        raise SchemaError(f"PostgreSQL {number // 10_000} is too old: version {OLDEST // 10_000} or newer is needed.")
    encoding = await raw.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise SchemaError(f"The database is encoded in {encoding}: make one with ENCODING 'UTF8'.")


async def _pending(raw: "asyncpg.Connection[Any]", known: list[Migration]) -> list[Migration]:
    if await raw.fetchval("SELECT to_regclass('migration')") is None:
        if await raw.fetchval(_OTHERS):
            raise SchemaError("This database has another program's tables: name an empty one in FHIR_STORE.")
        return known
    applied = [tuple(row) for row in await raw.fetch("SELECT number, name, digest FROM migration ORDER BY number")]
    return outstanding(known, applied, applied[-1][0] if applied else 0, REMEDY)


async def _settle(raw: "asyncpg.Connection[Any]") -> Postgres:
    """Where the database lives in another cluster than before, transactions are numbered anew: all that is there came before."""
    identifier = str(await raw.fetchval("SELECT system_identifier FROM pg_control_system()"))
    row = await raw.fetchrow("SELECT identifier, settled FROM cluster")
    if row is not None and row["identifier"] == identifier:
        return Postgres(identifier, row["settled"])
    settled = await raw.fetchval("SELECT coalesce(max(sequence), 0) FROM version") if row is not None else 0
    async with raw.transaction():
        await raw.execute("DELETE FROM cluster")
        await raw.execute("INSERT INTO cluster (identifier, settled) VALUES ($1, $2)", identifier, settled)
    return Postgres(identifier, settled)
