"""Small records that are not resources: each compare-and-set is one statement.

https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from fhir_server.storage.base import Record, StateConflict
from fhir_server.storage.postgres.connection import Connection
from fhir_server.storage.sql.rows import EPOCH, microseconds, now

_MICROSECOND = timedelta(microseconds=1)
_THERE = "(expires IS NULL OR expires > ?)"


def number_of(space: str, name: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(hashlib.blake2b(f"{space}\n{name}".encode(), digest_size=8).digest(), "big", signed=True)


class State:
    """A StateStore (see storage.base) on one connection, inside a transaction."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def read(self, space: str, name: str) -> Record | None:
        row = self._db.execute(
            f"SELECT value, revision, expires FROM state WHERE space = ? AND name = ? AND {_THERE}",
            (space, name, now()),
        ).fetchone()
        if row is None:
            return None
        return Record(row[0], row[1], None if row[2] is None else EPOCH + row[2] * _MICROSECOND)

    async def revision(self, space: str, name: str) -> int:
        self._db.execute("SELECT pg_advisory_xact_lock_shared(?)", (number_of(f"state {space}", name),))
        return revision(self._db, space, name)

    async def names(self, space: str) -> Sequence[str]:
        return names(self._db, space)

    async def spaces(self) -> Sequence[str]:
        rows = self._db.execute(f"SELECT DISTINCT space FROM state WHERE {_THERE} ORDER BY space", (now(),))
        return [space for (space,) in rows]

    async def write(
        self, space: str, name: str, value: bytes, *, expected: int | None = None, expires: datetime | None = None
    ) -> int:
        """See StateStore.write. Sweeps a few expired records in passing."""
        self._alone(space, name)
        ends = None if expires is None else microseconds(expires)
        if expected is None:
            statement = (
                "INSERT INTO state (value, expires, space, name, revision)"
                " VALUES (?, ?, ?, ?, nextval('revision_sequence')) ON CONFLICT (space, name) DO UPDATE"
                " SET revision = excluded.revision, expires = excluded.expires, value = excluded.value"
                " WHERE state.expires <= ? RETURNING revision"
            )
            found = self._db.execute(statement, (value, ends, space, name, now())).get
        else:
            statement = (
                "UPDATE state SET value = ?, expires = ?, revision = nextval('revision_sequence')"
                f" WHERE space = ? AND name = ? AND {_THERE} AND revision = ? RETURNING revision"
            )
            found = self._db.execute(statement, (value, ends, space, name, now(), expected)).get
        if found is None:
            raise self._conflict(space, name, expected)
        self._db.execute(
            "DELETE FROM state WHERE (space, name) IN (SELECT space, name FROM state WHERE expires <= ?"
            " ORDER BY expires LIMIT 10 FOR UPDATE SKIP LOCKED) AND revision <> ?",
            (now(), found),
        )
        return int(found)

    async def delete(self, space: str, name: str, *, expected: int) -> None:
        """Raises StateConflict where the record is gone or at another revision."""
        self._alone(space, name)
        statement = f"DELETE FROM state WHERE space = ? AND name = ? AND {_THERE} AND revision = ? RETURNING revision"
        if self._db.execute(statement, (space, name, now(), expected)).get is None:
            raise self._conflict(space, name, expected)

    def _alone(self, space: str, name: str) -> None:
        """Nobody who goes by the record's revision is still at work, see StateStore.revision."""
        self._db.execute("SELECT pg_advisory_xact_lock(?)", (number_of(f"state {space}", name),))

    def _conflict(self, space: str, name: str, expected: int | None) -> StateConflict:
        found = revision(self._db, space, name)
        return StateConflict(f"{space}/{name} is at revision {found or None}, not {expected}")


def revision(db: Connection, space: str, name: str) -> int:
    statement = f"SELECT revision FROM state WHERE space = ? AND name = ? AND {_THERE}"
    return db.execute(statement, (space, name, now())).get or 0


def names(db: Connection, space: str) -> Sequence[str]:
    rows = db.execute(f"SELECT name FROM state WHERE space = ? AND {_THERE} ORDER BY name", (space, now()))
    return [name for (name,) in rows]
