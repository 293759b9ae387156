"""Writes that wait in memory until a search, or the commit, needs them in the tables.

Many works share a commit. Their rows are written by a handful of statements with many rows each: a statement gives up the
interpreter lock at every step, so one statement a row would let the request loop in between each time.
"""

from collections.abc import Iterable, Sequence

import apsw

from fhir_server.storage.sql.layout import PROSE, Row, Table
from fhir_server.storage.sqlite.insert import insert
from fhir_server.storage.sqlite.names import Names
from fhir_server.storage.sqlite.prose import Waiting, Words
from fhir_server.storage.sqlite.rows import (
    Current,
    Packed,
    Past,
    Wide,
    in_tables,
    past_of,
    table_of_entry,
    unpack,
    written,
)

Place = tuple[int, str]  # type number, id


class Batch:
    """Versions appended but not yet in the tables, each resource with the row that the tables have of it."""

    def __init__(self) -> None:
        self.current: dict[Place, Current] = {}
        self.packed: dict[Place, Packed] = {}
        self.stored: dict[Place, Current | None] = {}
        self.versions: list[tuple[int, int, int, int, int]] = []
        self.past: list[Past] = []
        self.prose = Waiting()

    def append(self, new: Current, packed: Packed, words: Words, before: Current | None) -> None:
        """`new`, whose entries are `packed`, with these words, takes the place of `before`, which is what was current till now."""
        place = (new.type, new.id)
        if place not in self.stored:
            self.stored[place] = before
        self.current[place] = new
        self.packed[place] = packed
        self.versions.append((new.changed, new.type, new.rid, new.version, new.updated))
        if before is not None:
            self.past.append(past_of(before, new.changed, new.updated))
        self.prose.put(new.rid, words, new=before is None)

    def take(self, later: "Batch") -> None:
        """This batch followed by `later`."""
        for place, stored in later.stored.items():
            self.stored.setdefault(place, stored)
        self.current.update(later.current)
        self.packed.update(later.packed)
        self.versions += later.versions
        self.past += later.past
        self.prose.take(later.prose)

    def flush(self, connection: apsw.Connection, names: Names) -> None:
        """Writes everything but the words, which wait further, and is empty afterwards."""
        if not self.versions:
            return
        insert(connection, _INTO_RESOURCE, list(self.current.values()))
        insert(connection, _INTO_VERSION, self.versions)
        if self.past:
            insert(connection, _INTO_PAST, self.past)
        changes = _Changes(names)
        for place, current in self.current.items():
            stored = self.stored[place]
            if stored is None:
                changes.add(current.rid, self.packed[place])
            elif stored.entries != current.entries:
                changes.replace(current.rid, unpack(stored.entries), self.packed[place])
        changes.apply(connection)
        waiting = self.prose
        self.__init__()  # type: ignore[misc]
        self.prose = waiting


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


class _Changes:
    """Rows to remove from and to add to the tables: (entry, columns…, rid)."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._removed: dict[int, list[Row]] = {}
        self._added: dict[int, list[Row]] = {}

    def add(self, rid: int, packed: Packed) -> None:
        """Entries of what had none."""
        if type(packed) is Wide:
            packed = in_tables(packed, self._names)
        _put(self._added, rid, packed)

    def remove(self, rid: int, packed: Packed) -> None:
        """Entries that are there."""
        _put(self._removed, rid, in_tables(packed, self._names))

    def replace(self, rid: int, old: Packed, new: Packed) -> None:
        """Entries in the place of others: only what differs is touched."""
        old, new = in_tables(old, self._names), in_tables(new, self._names)
        for entry in old.keys() | new.keys():
            before, after = old.get(entry, []), new.get(entry, [])
            if before != after:
                _put(self._removed, rid, {entry: [row for row in before if row not in after]})
                _put(self._added, rid, {entry: [row for row in after if row not in before]})

    def apply(self, connection: apsw.Connection) -> None:
        """Makes the changes, table by table in the order of their keys."""
        for table, rows in self._by_table(self._removed):
            _remove(connection, table, rows)
        for table, rows in self._by_table(self._added):
            rows.sort()
            columns = ("entry", *table.columns, "rid")
            values = "(" + ", ".join("?" * len(columns)) + ")"
            insert(connection, (f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ", values, ""), rows)

    def _by_table(self, lists: dict[int, list[Row]]) -> list[tuple[Table, list[Row]]]:
        found: dict[str, tuple[Table, list[Row]]] = {}
        for entry, rows in lists.items():
            if rows:
                table = table_of_entry(self._names, entry)
                if table is PROSE:
                    continue
                found.setdefault(table.name, (table, []))[1].extend(rows)
        return list(found.values())


def _put(lists: dict[int, list[Row]], rid: int, packed: Packed) -> None:
    for entry, rows in packed.items():
        found = lists.get(entry)
        if found is None:
            found = lists[entry] = []
        for row in rows:  # mostly one
            found.append((entry, *row, rid))


def add_entries(connection: apsw.Connection, names: Names, packed: Iterable[tuple[int, Packed]]) -> None:
    """The rows of resources (rid, entries) of which the tables hold none."""
    changes = _Changes(names)
    for rid, entries in packed:
        changes.add(rid, entries)
    changes.apply(connection)


def replace_entries(connection: apsw.Connection, names: Names, stored: Current, packed: Packed, outline: int) -> None:
    """The entries of a current version become `packed`, also where its rows were damaged; no new version is made."""
    connection.execute(
        "UPDATE resource SET entries = jsonb(?), outline = ? WHERE rid = ?", (written(packed), outline, stored.rid)
    )
    remove_entries(connection, names, stored)
    changes = _Changes(names)
    changes.add(stored.rid, packed)
    changes.apply(connection)


def update_entries(
    connection: apsw.Connection, names: Names, changed: Sequence[tuple[Current, Packed, str, int]]
) -> None:
    """The entries of current versions become others, given as rows, as written, and by their outline; only the rows that
    differ are touched.
    """
    connection.executemany(
        "UPDATE resource SET entries = jsonb(?), outline = ? WHERE rid = ?",
        [(text, outline, stored.rid) for stored, _, text, outline in changed],
    )
    changes = _Changes(names)
    for stored, packed, _, _ in changed:
        changes.replace(stored.rid, unpack(stored.entries), packed)
    changes.apply(connection)


def remove_entries(connection: apsw.Connection, names: Names, stored: Current) -> None:
    """What this row is found by is gone."""
    changes = _Changes(names)
    changes.remove(stored.rid, unpack(stored.entries))
    changes.apply(connection)


def _remove(connection: apsw.Connection, table: Table, rows: list[Row]) -> None:
    rows.sort()
    tests = " AND ".join(f"{column} = ?" for column in ("entry", *table.columns, "rid"))
    connection.executemany(f"DELETE FROM {table.name} WHERE {tests}", rows)
