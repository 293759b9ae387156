"""Reads on one connection: the current version, an earlier one, many at once.

http://hl7.org/fhir/R4/http.html#read, http://hl7.org/fhir/R4/http.html#vread
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from fhir_server.model import Key, Version
from fhir_server.search.query import EVERYTHING, NOTHING, UNRESTRICTED, Access
from fhir_server.storage.sql.plan import Amounts
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.text import FALSE, TRUE, Sql
from fhir_server.storage.sql.tree import Tree
from fhir_server.storage.sqlite.names import Names
from fhir_server.storage.sqlite.rows import decompressed, number_of, past_version_of, version_of

_READ = "SELECT version, updated, method, body FROM resource WHERE type = ? AND id = ?"
_READ_IMAGE = "SELECT version, updated, method, body, rid, json(entries) FROM resource WHERE type = ? AND id = ?"
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
        self.totals: dict[tuple[tuple[int, int], Sql], int] = {}


class Reads:
    """What a Reader promises, without waiting, on one connection."""

    def __init__(self, db: apsw.Connection, names: Names, memory: Memory | None = None) -> None:
        self.db = db
        self.names = names
        self.memory = memory or Memory()
        self.statements: dict[object, Any] = {}  # of searches that come again, see sqlite.search

    def read(self, access: Access, key: Key) -> Version | None:
        type_ = self.names.of_type(key.type)
        tree = access.of(key.type)
        if type_ is None or tree == NOTHING:
            return None
        if tree == EVERYTHING:
            row = self.db.execute(_READ, (type_, key.id)).fetchone()
            return None if row is None else version_of(key.type, key.id, row)
        row = self.db.execute(_READ_IMAGE, (type_, key.id)).fetchone()
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
        row = self.db.execute(_READ_IMAGE, (type_, key.id)).fetchone()
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
        holds = Tree(self.names).holds(tree, key.type, image, UNRESTRICTED)
        if holds in (TRUE, FALSE):
            return holds == TRUE
        body = row[3] if "i.body" in holds.text else None
        if body is not None and compressed:
            body = decompressed(body)
        given = "SELECT ? AS rid, ? AS id, ? AS updated, ? AS entries, ? AS body"
        statement = f"SELECT 1 FROM ({given}) i WHERE {holds.text}"
        return self.db.execute(statement, (row[4], key.id, row[1], entries, body, *holds.args)).fetchone() is not None

    def one(self, statement: str, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        row: tuple[Any, ...] | None = self.db.execute(statement, arguments).fetchone()
        return row

    def state(self) -> tuple[int, int]:
        """Two equal states have the same resources with the same entries."""
        corrected: Any = self.one("SELECT value FROM counter WHERE name = 'corrected'", ())
        return self.newest(), corrected[0] if corrected else 0

    def newest(self) -> int:
        """The sequence number of the newest version."""
        return self.db.execute("SELECT max(sequence) FROM version").get or 0

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All statements inside see one state of the database."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            if self.db.in_transaction:
                self.db.execute("COMMIT")
