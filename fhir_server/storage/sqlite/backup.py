"""A consistent copy of the database, made while it is in use.

https://www.sqlite.org/backup.html
"""

import os
from pathlib import Path

import apsw

from fhir_server.outcome import Conflict


def copy(db: apsw.Connection, target: Path) -> None:
    """`target` is a complete copy, on disk. Raises Conflict where it exists already; a failed copy leaves nothing behind."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise Conflict(f"{target} exists already: a backup never replaces a file.") from error
    try:
        other = apsw.Connection(str(target))
        try:
            with other.backup("main", db, "main") as backup:
                backup.step(-1)
        finally:
            other.close()
        _sync(target)
        _sync(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
