"""Reads on one connection: the current version, an earlier one, many at once.

http://hl7.org/fhir/R4/http.html#read, http://hl7.org/fhir/R4/http.html#vread
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from fhir_server.model import Key, Version
from fhir_server.search.query import EVERYTHING, NOTHING, UNRESTRICTED, Access
from fhir_server.storage.sql.database import Database
from fhir_server.storage.sql.dialect import Dialect, Position
from fhir_server.storage.sql.layout import Names
from fhir_server.storage.sql.plan import Amounts
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.rows import decompressed, number_of, past_version_of, version_of
from fhir_server.storage.sql.text import FALSE, TRUE, Sql
from fhir_server.storage.sql.tree import Tree

_READ = "SELECT version, updated, method, body FROM resource WHERE type = ? AND id = ?"
_PAST = "SELECT version, updated, method, body, rid, entries FROM past WHERE rid = ? AND version = ?"
_LAST_LIVE = (
    "SELECT version, updated, method, body, rid, entries FROM past WHERE rid = ? AND version < ? AND body IS NOT NULL"
    " ORDER BY version DESC LIMIT 1"
)


class Memory:
    """What the reading connections of a store learn from each other, in whatever thread: amounts that plans go by, and totals as
    of a state.
    """

    def __init__(self) -> None:
        self.amounts: Amounts = {}
        self.totals: dict[tuple[object, Sql], int] = {}


class Reads(ABC):
    """What a Reader promises, on one connection. `remembers`: what is found may be kept for later searches: nobody will undo it."""

    dialect: Dialect

    def __init__(self, db: Database, names: Names, memory: Memory | None = None, *, remembers: bool = True) -> None:
        self.db = db
        self.names = names
        self.memory = memory or Memory()
        self.remembers = remembers
        self.statements: dict[object, Any] = {}  # of searches that come again, see sql.search
        self._read_image = (
            f"SELECT version, updated, method, body, rid, {self.dialect.entries('entries')}"
            " FROM resource WHERE type = ? AND id = ?"
        )

    def read(self, access: Access, key: Key) -> Version | None:
        type_ = self.names.of_type(key.type)
        tree = access.of(key.type)
        if type_ is None or tree == NOTHING:
            return None
        if tree == EVERYTHING:
            row = self.db.execute(_READ, (type_, key.id)).fetchone()
            return None if row is None else version_of(key.type, key.id, row)
        row = self.db.execute(self._read_image, (type_, key.id)).fetchone()
        if row is None or not self.shows(access, key, row, row[5]):
            return None
        return version_of(key.type, key.id, row)

    def read_many(self, access: Access, keys: Iterable[Key]) -> list[Version]:
        found = (self.read(access, key) for key in keys)
        return [version for version in found if version is not None and not version.deleted]

    def vread(self, access: Access, key: Key, version_id: str) -> Version | None:
        number, type_ = number_of(version_id), self.names.of_type(key.type)
        if number is None or type_ is None or access.of(key.type) == NOTHING:
            return None
        row = self.db.execute(self._read_image, (type_, key.id)).fetchone()
        if row is None:
            return None
        if row[0] == number:
            return version_of(key.type, key.id, row) if self.shows(access, key, row, row[5]) else None
        row = self.db.execute(_PAST, (row[4], number)).fetchone()
        if row is None or not self.shows(access, key, row, None):
            return None
        return past_version_of(key.type, key.id, row)

    def shows(self, access: Access, key: Key, row: tuple[Any, ...], entries: str | None) -> bool:
        """Whether the caller may see this version (version, updated, method, body, rid, packed entries).

        Its own image counts; a deletion shows to whom the last state before it showed. `entries` None: they are compressed.
        """
        tree = access.of(key.type)
        if tree == EVERYTHING:
            return True
        if row[3] is None:
            last = self.one(_LAST_LIVE, (row[4], row[0]))
            if last is None:
                return False
            row, entries = last, None
        compressed = entries is None
        if entries is None:
            entries = decompressed(row[5]).decode()
        image = Resource("i.rid", "i", image=True)
        holds = Tree(self.names, self.dialect).holds(tree, key.type, image, UNRESTRICTED)
        if holds in (TRUE, FALSE):
            return holds == TRUE
        body = row[3] if "i.body" in holds.text else None
        if body is not None and compressed:
            body = decompressed(body)
        given = self.dialect.image(row[4], key.id, row[1], entries, body)
        statement = f"SELECT 1 FROM ({given.text}) i WHERE {holds.text}"
        return self.db.execute(statement, (*given.args, *holds.args)).fetchone() is not None

    def one(self, statement: str, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        row: tuple[Any, ...] | None = self.db.execute(statement, arguments).fetchone()
        return row

    @abstractmethod
    def state(self) -> object:
        """Two equal states have the same resources with the same entries."""

    @abstractmethod
    def newest(self) -> int:
        """The sequence number of the newest version, about."""

    @abstractmethod
    def position(self, newest: int) -> Position:
        """What is there now, for pages to hold on to; `newest` has just been asked for."""

    @abstractmethod
    def known(self, position: Position) -> Position:
        """The position, made fit for a statement. Raises BadRequest where it is none of this store."""

    @abstractmethod
    def attempt(self, statement: Sql, steps: int) -> list[tuple[Any, ...]] | None:
        """The rows; None where they take much more than so many steps of the store's own."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """All statements inside see one state of the database."""
