"""The schema's numbered migrations: applied at start, all in one transaction, after a backup.

https://www.sqlite.org/lang_transaction.html: schema changes are transactional, so a database is never left half way by a crash.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from fhir_server.storage.base import SchemaError
from fhir_server.storage.sql.migrations import Migration, migrations_of, outstanding

APPLICATION = 0x46484952  # "FHIR", in the file's header
_RECORD = (
    "CREATE TABLE IF NOT EXISTS migration ("
    "number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied TEXT NOT NULL) STRICT"
)


REMEDY = "Restore the backup that was made before the upgrade (*.backup beside it)."


def migrations() -> list[Migration]:
    """The migrations that this program knows, in order."""
    return migrations_of("fhir_server.storage.sqlite")


def pending(db: apsw.Connection, known: list[Migration]) -> list[Migration]:
    """The migrations that the database still needs. Raises SchemaError where it is none of ours, newer, or damaged."""
    if not db.table_exists("main", "migration"):
        if db.execute("SELECT count(*) FROM sqlite_schema").get:
            raise SchemaError("This file is another program's database: choose another file for --store.")
        return known
    applied: list[Any] = db.execute("SELECT number, name, digest FROM migration ORDER BY number").fetchall()
    return outstanding(known, applied, int(db.execute("PRAGMA user_version").get), REMEDY)


def apply(db: apsw.Connection, steps: list[Migration]) -> None:
    """Applies the steps; the caller holds the write transaction."""
    db.execute(_RECORD)
    for step in steps:
        for statement in _statements(step.sql):
            db.execute(statement)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        db.execute("INSERT INTO migration VALUES (?, ?, ?, ?)", (step.number, step.name, step.digest, now))
        db.execute(f"PRAGMA user_version = {step.number}")
    db.execute(f"PRAGMA application_id = {APPLICATION}")


def backup_name(path: Path, stamped: int) -> Path:
    """Where the copy goes that is made before a migration."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return path.with_name(f"{path.name}.before-schema-{stamped + 1}.{moment}.backup")


def _statements(sql: str) -> Iterator[str]:
    """Single statements of a script."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if apsw.complete(statement):
            yield statement
            statement = ""
