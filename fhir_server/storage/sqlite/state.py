"""Small records that are not resources, by space and name, with compare-and-set."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import apsw

from fhir_server.storage.base import Record, StateConflict
from fhir_server.storage.sql.rows import EPOCH, microseconds, now

_MICROSECOND = timedelta(microseconds=1)


def read(db: apsw.Connection, space: str, name: str) -> Record | None:
    """The record; None where there is none or it has expired."""
    row = db.execute(
        "SELECT value, revision, expires FROM state WHERE space = ? AND name = ? AND (expires IS NULL OR expires > ?)",
        (space, name, now()),
    ).fetchone()
    if row is None:
        return None
    return Record(row[0], row[1], None if row[2] is None else EPOCH + row[2] * _MICROSECOND)


def revision(db: apsw.Connection, space: str, name: str) -> int:
    """See StateStore.revision; without reading the value."""
    found = db.execute(
        "SELECT revision FROM state WHERE space = ? AND name = ? AND (expires IS NULL OR expires > ?)",
        (space, name, now()),
    ).fetchone()
    return 0 if found is None else int(found[0])


def names(db: apsw.Connection, space: str) -> Sequence[str]:
    rows = db.execute(
        "SELECT name FROM state WHERE space = ? AND (expires IS NULL OR expires > ?) ORDER BY name", (space, now())
    )
    return [name for (name,) in rows]


def spaces(db: apsw.Connection) -> Sequence[str]:
    rows = db.execute("SELECT DISTINCT space FROM state WHERE expires IS NULL OR expires > ? ORDER BY space", (now(),))
    return [space for (space,) in rows]


def write(
    db: apsw.Connection, space: str, name: str, value: bytes, *, expected: int | None, expires: datetime | None
) -> int:
    """See StateStore.write. Sweeps a few expired records in passing."""
    _expect(db, space, name, expected)
    db.execute("UPDATE counter SET value = value + 1 WHERE name = 'revision'")
    revision = int(db.execute("SELECT value FROM counter WHERE name = 'revision'").get)
    db.execute(
        "INSERT INTO state (space, name, revision, expires, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, name)"
        " DO UPDATE SET revision = excluded.revision, expires = excluded.expires, value = excluded.value",
        (space, name, revision, None if expires is None else microseconds(expires), value),
    )
    db.execute(
        "DELETE FROM state WHERE (space, name) IN (SELECT space, name FROM state WHERE expires <= ? ORDER BY expires LIMIT 10)"
        " AND revision <> ?",
        (now(), revision),
    )
    return revision


def delete(db: apsw.Connection, space: str, name: str, *, expected: int) -> None:
    """Raises StateConflict where the record is gone or at another revision."""
    _expect(db, space, name, expected)
    db.execute("DELETE FROM state WHERE space = ? AND name = ?", (space, name))


def _expect(db: apsw.Connection, space: str, name: str, expected: int | None) -> None:
    record = read(db, space, name)
    revision = None if record is None else record.revision
    if revision != expected:
        raise StateConflict(f"{space}/{name} is at revision {revision}, not {expected}")
