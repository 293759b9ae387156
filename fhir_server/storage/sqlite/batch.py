"""Writes that wait in memory until a search, or the commit, needs them in the tables.

Many works share a commit. Their rows are written by a handful of statements with many rows each: a statement gives up the
interpreter lock at every step, so one statement a row would let the request loop in between each time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import apsw

from fhir_server.storage.sql.layout import TABLE_OF, TABLES, Row, Table
from fhir_server.storage.sqlite.names import Names
from fhir_server.storage.sqlite.rows import NOTHING_PACKED, Current, Past, past_of, unpack

MOST_VALUES = 1024  # bound to one statement

Place = tuple[int, str]  # type number, id


class Batch:
    """Versions appended but not yet in the tables, each resource with the row that the tables have of it."""

    def __init__(self) -> None:
        self.current: dict[Place, Current] = {}
        self.stored: dict[Place, Current | None] = {}
        self.versions: list[tuple[int, int, int, int, int]] = []
        self.past: list[Past] = []

    def append(self, new: Current, before: Current | None) -> None:
        """`new` takes the place of `before`, which is what was current till now."""
        place = (new.type, new.id)
        if place not in self.stored:
            self.stored[place] = before
        self.current[place] = new
        self.versions.append((new.changed, new.type, new.rid, new.version, new.updated))
        if before is not None:
            self.past.append(past_of(before, new.changed, new.updated))

    def take(self, later: "Batch") -> None:
        """This batch followed by `later`."""
        for place, stored in later.stored.items():
            self.stored.setdefault(place, stored)
        self.current.update(later.current)
        self.versions += later.versions
        self.past += later.past

    def flush(self, connection: apsw.Connection, names: Names) -> None:
        """Writes everything and is empty afterwards."""
        if not self.versions:
            return
        _insert(connection, _INTO_RESOURCE, list(self.current.values()))
        _insert(connection, _INTO_VERSION, self.versions)
        if self.past:
            _insert(connection, _INTO_PAST, self.past)
        removed, added = _differences(
            ((self.stored[place], current.rid, current.entries) for place, current in self.current.items()), names
        )
        for table in TABLES:
            remove(connection, table, removed[table.name])
            add(connection, table, added[table.name])
        self.__init__()  # type: ignore[misc]


_CHANGED = " ON CONFLICT (rid) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}"
    for column in ("version", "changed", "updated", "method", "entries", "body", "outline")
)
_INTO_RESOURCE = (
    f"INSERT INTO resource ({', '.join(Current._fields)}) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, jsonb(?), ?, ?)",
    _CHANGED,
)
_INTO_VERSION = ("INSERT INTO version (sequence, type, rid, version, updated) VALUES ", "(?, ?, ?, ?, ?)", "")
_INTO_PAST = (
    f"INSERT INTO past ({', '.join(Past._fields)}) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
)


def _differences(
    changes: Iterable[tuple[Current | None, int, str]], names: Names
) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    """Rows to remove and to add, by table: (entry, rid, columns…), in the order of the tables' keys."""
    removed: dict[str, list[Row]] = defaultdict(list)
    added: dict[str, list[Row]] = defaultdict(list)
    for stored, rid, entries in changes:
        old_text = stored.entries if stored is not None else NOTHING_PACKED
        if old_text == entries:
            continue
        old, new = unpack(old_text), unpack(entries)
        for entry, rows in new.items():
            before = old.pop(entry, None)
            table = table_of(names, entry).name
            if before is None:
                added[table] += [(entry, rid, *row) for row in rows]
            elif before != rows:
                added[table] += [(entry, rid, *row) for row in rows if row not in before]
                removed[table] += [(entry, rid, *row) for row in before if row not in rows]
        for entry, rows in old.items():
            removed[table_of(names, entry).name] += [(entry, rid, *row) for row in rows]
    return removed, added


def table_of(names: Names, entry: int) -> Table:
    """The table in which the rows of this entry number stand."""
    return _TABLE_BY_KIND[names.text(entry).rpartition(" ")[2]]


_TABLE_BY_KIND = {kind.__name__: table for kind, table in TABLE_OF.items()}


def replace_entries(connection: apsw.Connection, names: Names, stored: Current, entries: str, outline: int) -> None:
    """The entries of a current version become `entries`, also where its rows were damaged; no new version is made."""
    connection.execute(
        "UPDATE resource SET entries = jsonb(?), outline = ? WHERE rid = ?", (entries, outline, stored.rid)
    )
    removed, _ = _differences([(stored, stored.rid, NOTHING_PACKED)], names)
    _, added = _differences([(None, stored.rid, entries)], names)
    for table in TABLES:
        remove(connection, table, removed[table.name])
        add(connection, table, added[table.name])


def add(connection: apsw.Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        rows.sort()
        columns = ("entry", "rid", *table.columns)
        row = "(" + ", ".join("?" * len(columns)) + ")"
        _insert(connection, (f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ", row, ""), rows)


def remove(connection: apsw.Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        rows.sort()
        tests = " AND ".join(f"{column} = ?" for column in ("entry", "rid", *table.columns))
        connection.executemany(f"DELETE FROM {table.name} WHERE {tests}", rows)


def _insert(connection: apsw.Connection, statement: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts in statements of 2ⁿ rows, so that few distinct texts are prepared."""
    most, first = 1 << ((MOST_VALUES // len(rows[0])).bit_length() - 1), 0
    while first < len(rows):
        count = min(most, 1 << ((len(rows) - first).bit_length() - 1))
        values = [value for row in rows[first : first + count] for value in row]
        connection.execute(_text(*statement, count), values)
        first += count


@cache
def _text(start: str, row: str, end: str, count: int) -> str:
    return start + ", ".join([row] * count) + end
