"""Writes that wait in memory until a search, or the commit, needs them in the tables.

Many works share a commit. Their rows are written by a handful of statements with many rows each: a statement gives up the
interpreter lock at every step, so one statement a row would let the request loop in between each time.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from fhir_server.storage.sql.layout import PROSE, Names, Row, Table
from fhir_server.storage.sql.rows import (
    Current,
    Packed,
    Past,
    Wide,
    in_tables,
    past_of,
    table_of_entry,
    written,
)
from fhir_server.storage.sql.words import Words

Place = tuple[int, str]  # type number, id


ByTable = Sequence[tuple[Table, list[Row]]]
"""Rows (entry, columns…, rid) of tables."""


class Tables(Protocol):
    """Writes rows, on one connection."""

    @property
    def names(self) -> Names: ...

    def unpack(self, entries: str) -> Packed:
        """The packed entries that a row has."""
        ...

    def append(self, batch: "Batch", removed: ByTable, added: ByTable) -> None:
        """Writes the versions of the batch, and the rows of entries that change with them."""
        ...

    def rewrite(self, entries: Sequence[tuple[str, int, int]], removed: ByTable, added: ByTable) -> None:
        """The packed entries of current versions become others, given by (as written, outline, rid), and so do rows of entries."""
        ...


class Waiting:
    """Words that wait for the commit, or for a search that looks for words: most works never do."""

    def __init__(self) -> None:
        self.words: dict[int, Words] = {}
        self.rewritten: set[int] = set()

    def put(self, rid: int, words: Words, *, new: bool) -> None:
        """The resource has these words now, whatever it had before. `new`: it had none."""
        self.words[rid] = words
        if not new:
            self.rewritten.add(rid)

    def take(self, later: "Waiting") -> None:
        self.words.update(later.words)
        self.rewritten |= later.rewritten

    def clear(self) -> None:
        self.words.clear()
        self.rewritten.clear()


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

    def flush(self, tables: Tables) -> None:
        """Writes everything but the words, which wait further, and is empty afterwards."""
        if not self.versions:
            return
        changes = _Changes(tables.names)
        for place, current in self.current.items():
            stored = self.stored[place]
            if stored is None:
                changes.add(current.rid, self.packed[place])
            elif stored.entries != current.entries:
                changes.replace(current.rid, tables.unpack(stored.entries), self.packed[place])
        tables.append(self, changes.removed, changes.added)
        waiting = self.prose
        self.__init__()  # type: ignore[misc]
        self.prose = waiting


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

    @property
    def removed(self) -> ByTable:
        return self._by_table(self._removed)

    @property
    def added(self) -> ByTable:
        return self._by_table(self._added)

    def _by_table(self, lists: dict[int, list[Row]]) -> ByTable:
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


def replace_entries(tables: Tables, stored: Current, packed: Packed, outline: int) -> None:
    """The entries of a current version become `packed`, also where its rows were damaged; no new version is made."""
    changes = _Changes(tables.names)
    changes.remove(stored.rid, tables.unpack(stored.entries))
    changes.add(stored.rid, packed)
    tables.rewrite([(written(packed), outline, stored.rid)], changes.removed, changes.added)


def update_entries(tables: Tables, changed: Sequence[tuple[Current, Packed, str, int]]) -> None:
    """The entries of current versions become others, given as rows, as written, and by their outline; only the rows that
    differ are touched.
    """
    changes = _Changes(tables.names)
    for stored, packed, _, _ in changed:
        changes.replace(stored.rid, tables.unpack(stored.entries), packed)
    tables.rewrite(
        [(text, outline, stored.rid) for stored, _, text, outline in changed], changes.removed, changes.added
    )


def remove_entries(tables: Tables, stored: Current) -> None:
    """What this row is found by is gone."""
    changes = _Changes(tables.names)
    changes.remove(stored.rid, tables.unpack(stored.entries))
    tables.rewrite([], changes.removed, changes.added)


def add_entries(tables: Tables, packed: Iterable[tuple[int, Packed]]) -> None:
    """The rows of resources (rid, entries) of which the tables hold none."""
    changes = _Changes(tables.names)
    for rid, entries in packed:
        changes.add(rid, entries)
    tables.rewrite([], changes.removed, changes.added)
