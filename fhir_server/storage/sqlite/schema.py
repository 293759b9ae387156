"""The schema's numbered migrations: applied at start, all in one transaction, after a backup.

https://www.sqlite.org/lang_transaction.html: schema changes are transactional, so a database is never left half way by a crash.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from fhir_server.storage.base import SchemaError

APPLICATION = 0x46484952  # "FHIR", in the file's header
_RECORD = (
    "CREATE TABLE IF NOT EXISTS migration ("
    "number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied TEXT NOT NULL) STRICT"
)


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def reindexes(self) -> bool:
        """What resources are found by must be read from them again."""
        return "\n-- reindex\n" in self.sql

    @property
    def fills_concepts(self) -> bool:
        """Concepts must be read from the CodeSystem resources."""
        return "\n-- concepts\n" in self.sql

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations that this program knows, in order."""
    folder = resources.files("fhir_server.storage.sqlite") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8")) for file in files]


def pending(db: apsw.Connection, known: list[Migration]) -> list[Migration]:
    """The migrations that the database still needs. Raises SchemaError where it is none of ours, newer, or damaged."""
    if not db.table_exists("main", "migration"):
        if db.execute("SELECT count(*) FROM sqlite_schema").get:
            raise SchemaError("This file is another program's database: choose another file for --store.")
        return known
    applied: list[Any] = db.execute("SELECT number, name, digest FROM migration ORDER BY number").fetchall()
    stamped = int(db.execute("PRAGMA user_version").get)
    newest = known[-1].number
    if stamped > newest or (applied and applied[-1][0] > newest):
        raise SchemaError(
            f"The database has schema {max(stamped, applied[-1][0] if applied else 0)}, this program knows {newest}:"
            " start the newer version of fhir-server that wrote it, or restore a backup made with this version."
        )
    if [row[0] for row in applied] != list(range(1, stamped + 1)):
        raise SchemaError(_half_way("its list of migrations has gaps"))
    for (number, name, digest), ours in zip(applied, known, strict=False):
        if digest != ours.digest:
            raise SchemaError(_half_way(f"migration {number} ({name}) is not the one that this program knows"))
    return known[len(applied) :]


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


def _half_way(what: str) -> str:
    return f"The database is half migrated: {what}. Restore the backup that was made before the upgrade (*.backup beside it)."


def _statements(sql: str) -> Iterator[str]:
    """Single statements of a script."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if apsw.complete(statement):
            yield statement
            statement = ""
