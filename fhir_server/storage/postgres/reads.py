"""Reads on one connection, all of a search on one state of the database.

https://www.postgresql.org/docs/current/transaction-iso.html
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fhir_server.outcome import BadRequest
from fhir_server.storage.postgres.connection import Connection
from fhir_server.storage.postgres.dialect import Postgres
from fhir_server.storage.postgres.names import Names
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.reads import Memory
from fhir_server.storage.sql.reads import Reads as SqlReads
from fhir_server.storage.sql.text import Sql

_STATE = (
    "SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text, last_value,"
    " (SELECT coalesce(max(number), 0) FROM name) FROM version_sequence"
)
_POSITION = re.compile("[0-9]{0,20}/[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?")


class Reads(SqlReads):
    """See sql.reads. Inside a transaction that writes (`remembers` is False) each statement sees what was committed before it."""

    db: Connection

    def __init__(
        self, db: Connection, names: Names, dialect: Postgres, memory: Memory | None = None, *, remembers: bool = True
    ) -> None:
        self.dialect = dialect
        super().__init__(db, names, memory, remembers=remembers)
        self.own_names = names
        self._state: tuple[str, str | None, int] | None = None

    def state(self) -> object:
        return self._known_state()[0]

    def newest(self) -> int:
        return self._known_state()[2]

    def position(self, _: int = 0) -> str:
        snapshot, own, _ = self._known_state()
        return f"{self._identifier}/{_with_own(snapshot, int(own)) if own else snapshot}"

    def known(self, position: Position) -> str:
        if not isinstance(position, str) or not _POSITION.fullmatch(position):
            raise BadRequest("This page link belongs to another database.", expression="http.after")
        return position

    def attempt(self, statement: Sql, _: int) -> list[tuple[Any, ...]]:
        """PostgreSQL weighs the ways itself."""
        return self.db.execute(statement.text, statement.args).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self._state is not None:
            yield
            return
        if self.remembers:
            self.db.begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        try:
            self._known_state()
            yield
        finally:
            self._state, self.own_names.fresh = None, False
        if self.remembers:
            self.db.script("COMMIT")

    @property
    def _identifier(self) -> str:
        dialect = self.dialect
        assert isinstance(dialect, Postgres)
        return dialect.identifier

    def _known_state(self) -> tuple[str, str | None, int]:
        if self._state is None:
            snapshot, own, newest, names = self.db.execute(_STATE).fetchall()[0]
            self._state = snapshot, own, newest
            if names > self.own_names.newest():
                self.own_names.catch_up()
            self.own_names.fresh = True
        return self._state


def _with_own(snapshot: str, own: int) -> str:
    """The snapshot as it is for those who come after the commit of this very transaction."""
    xmin, xmax, running = snapshot.split(":")
    others = [each for each in running.split(",") if each and int(each) != own]
    others += [str(each) for each in range(int(xmax), own)]
    return f"{xmin}:{max(int(xmax), own + 1)}:{','.join(others)}"
