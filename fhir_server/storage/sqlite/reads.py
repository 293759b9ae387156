"""Reads on one connection to the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from fhir_server.outcome import BadRequest
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.reads import Memory
from fhir_server.storage.sql.reads import Reads as SqlReads
from fhir_server.storage.sql.text import Sql
from fhir_server.storage.sqlite.dialect import SQLITE
from fhir_server.storage.sqlite.names import Names

TRIED = 2_000  # instructions between two looks at how many a trial has taken
LEAST_TRIED = 100_000  # instructions that every trial may take: some milliseconds


class Reads(SqlReads):
    """See sql.reads."""

    dialect = SQLITE
    db: apsw.Connection

    def __init__(self, db: apsw.Connection, names: Names, memory: Memory | None = None) -> None:
        super().__init__(db, names, memory, remembers=names.lasting)

    def state(self) -> tuple[int, int]:
        corrected: Any = self.one("SELECT value FROM counter WHERE name = 'corrected'", ())
        return self.newest(), corrected[0] if corrected else 0

    def newest(self) -> int:
        return self.db.execute("SELECT max(sequence) FROM version").get or 0

    def position(self, newest: int) -> int:
        return newest

    def known(self, position: Position) -> int:
        if isinstance(position, str):
            raise BadRequest("This page link belongs to another database.", expression="http.after")
        return position

    def attempt(self, statement: Sql, steps: int) -> list[tuple[Any, ...]] | None:
        left = max(steps, LEAST_TRIED) // TRIED

        def spent() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        self.db.set_progress_handler(spent, TRIED, id=spent)
        try:
            return self.db.execute(statement.text, statement.args).fetchall()
        except apsw.InterruptError:
            if left >= 0:
                raise
            return None
        finally:
            self.db.set_progress_handler(None, id=spent)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            if self.db.in_transaction:
                self.db.execute("COMMIT")
