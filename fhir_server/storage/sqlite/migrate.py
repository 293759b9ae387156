"""Bringing a database file up to date at start: under the write lock, after a backup."""

import logging
from pathlib import Path

import apsw

from fhir_server.outcome import Unavailable
from fhir_server.storage.base import SchemaError
from fhir_server.storage.sql.concept_rows import fill
from fhir_server.storage.sqlite.backup import copy
from fhir_server.storage.sqlite.connection import READ_WRITE, Connection, driver_errors
from fhir_server.storage.sqlite.dialect import SQLITE
from fhir_server.storage.sqlite.lock import WriteLock
from fhir_server.storage.sqlite.rebuild import rebuild
from fhir_server.storage.sqlite.schema import apply, backup_name, migrations, pending

log = logging.getLogger(__name__)


def prepare(path: Path, *, vfs: str | None = None) -> None:
    """The file exists, in WAL mode, at this program's schema. Raises SchemaError, Unavailable."""
    if not path.parent.is_dir():
        raise SchemaError(f"The folder {path.parent} does not exist: make it, or choose another file for --store.")
    lock = WriteLock(path)
    try:
        with lock.held(), driver_errors():
            connection = Connection(path, flags=READ_WRITE, vfs=vfs)
            try:
                _prepare(path, connection.db)
            finally:
                connection.close()
    except Unavailable as error:
        if isinstance(error.__cause__, apsw.NotADBError):
            raise SchemaError(f"{path} is not an SQLite database: choose another file for --store.") from error
        raise
    finally:
        lock.close()


def _prepare(path: Path, db: apsw.Connection) -> None:
    known = migrations()
    steps = pending(db, known)
    if db.pragma("journal_mode") != "wal" and db.pragma("journal_mode", "wal") != "wal":
        raise SchemaError(f"{path} lies where SQLite cannot use a write-ahead log: put it on a local disk.")
    if not steps:
        return
    stamped = db.pragma("user_version")
    if stamped:
        target = backup_name(path, stamped)
        copy(db, target)
        log.info("schema %d to %d; the database as it was is kept in %s", stamped, known[-1].number, target.name)
    db.execute("BEGIN IMMEDIATE")
    try:
        apply(db, steps)
        if stamped and any(step.reindexes for step in steps):
            rebuild(db)
        if stamped and any(step.fills_concepts for step in steps):
            fill(db, SQLITE)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
