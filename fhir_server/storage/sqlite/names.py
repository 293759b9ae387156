"""Numbers for text that comes back often: resource types, systems, kinds of entries."""

from typing import Any

import apsw

from fhir_server.search.query import Value
from fhir_server.storage.sql.layout import Outline
from fhir_server.storage.sql.names import (
    CANONICAL,
    ENTRY,
    OUTLINE,
    SYSTEM,
    TYPE,
    UNIT,
    entry_text,
    lines,
    outline_of,
)
from fhir_server.storage.sql.units import Units, unit_text


class Names:
    """The names that one connection knows. What is not known is looked up again: another process may have added it.

    `misses` counts in vain look-ups. `lasting`: a number that was found once stays what it is.
    """

    lasting = True

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.misses = 0
        self._numbers: dict[str, dict[str, int]] = {
            TYPE: {},
            SYSTEM: {},
            ENTRY: {},
            OUTLINE: {},
            UNIT: {},
            CANONICAL: {},
        }
        self._texts: dict[int, str] = {}
        self._entries: dict[str, dict[tuple[str, type[Value]], int]] = {}
        self._outlines: dict[str, list[Outline]] = {}
        self._newest = 0
        self._units = Units()

    def of_type(self, type_: str) -> int | None:
        return self._numbers[TYPE].get(type_) or self._look_up(TYPE, type_)

    def of_system(self, uri: str) -> int | None:
        return self._numbers[SYSTEM].get(uri) or self._look_up(SYSTEM, uri)

    def of_systems(self, uris: str) -> list[int]:
        """See storage.sql.layout.Names. Counts as a look-up in vain, as `units` does."""
        self.misses += 1
        known: list[Any] = self._connection.execute(
            "SELECT number, text FROM name WHERE space = ?", (SYSTEM,)
        ).fetchall()
        asked = lines(uris)
        return [number for number, text in known if text in asked]

    def of_entry(self, type_: str, param: str, kind: type[Value]) -> int | None:
        known = self.entries_of(type_)
        number = known.get((param, kind))
        if number is None:
            number = self._look_up(ENTRY, entry_text(type_, param, kind))
            if number is not None:
                known[param, kind] = number
        return number

    def entries_of(self, type_: str) -> dict[tuple[str, type[Value]], int]:
        """The numbers of a type's entries, by (parameter, kind), as far as they are known; to be asked at once, not kept."""
        known = self._entries.get(type_)
        return self._entries.setdefault(type_, {}) if known is None else known

    def newest(self) -> int:
        """The highest number given so far."""
        return self._connection.execute("SELECT max(number) FROM name").get or 0

    def outlines(self, type_: str) -> list[Outline]:
        """All that resources of this type ever had in common."""
        newest = self.newest()
        if newest > self._newest:
            rows: list[Any] = self._connection.execute(
                "SELECT number, text FROM name WHERE number > ? AND +space = ?", (self._newest, OUTLINE)
            ).fetchall()
            for number, text in rows:
                type_of_it, _, entries = text.partition(" ")
                self._outlines.setdefault(type_of_it, []).append(outline_of(number, entries))
            self._newest = newest
        return self._outlines.get(type_, [])

    def units(self) -> Units:
        """All units met so far. Counts as a look-up in vain: there may be more of them tomorrow."""
        self.misses += 1
        known = self._units
        rows: list[Any] = self._connection.execute(
            "SELECT number, text FROM name WHERE number > ? AND +space = ? ORDER BY number", (known.newest, UNIT)
        ).fetchall()
        for number, text in rows:
            known.add(number, text)
        known.newest = self.newest()
        return known

    def canonicals(self, low: str, high: str | None) -> list[tuple[int, str]]:
        """See storage.sql.layout.Names. Counts as a look-up in vain, as `units` does."""
        self.misses += 1
        rows: list[Any] = self._connection.execute(
            "SELECT number, text FROM name WHERE space = ?1 AND text >= ?2 AND (?3 IS NULL OR text < ?3)",
            (CANONICAL, low, high),
        ).fetchall()
        return rows

    def text(self, number: int) -> str:
        """The text behind a number that stands in some row."""
        text = self._texts.get(number)
        if text is None:
            row: Any = self._connection.execute("SELECT text FROM name WHERE number = ?", (number,)).fetchone()
            text = self._texts[number] = str(row[0])
        return text

    def types(self) -> list[str]:
        """All types of which there ever was a resource."""
        rows = self._connection.execute("SELECT text FROM name WHERE space = ?", (TYPE,))
        return [str(text) for (text,) in rows]

    def _look_up(self, space: str, text: str) -> int | None:
        row = self._connection.execute("SELECT number FROM name WHERE space = ? AND text = ?", (space, text)).fetchone()
        if row is None:
            self.misses += 1
            return None
        number = int(row[0])
        self._numbers[space][text] = number
        self._texts[number] = text
        return number


class WritableNames(Names):
    """The writer's names: gives new numbers, and forgets those of a transaction that was undone."""

    lasting = False

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._fresh: list[tuple[str, str]] = []
        self._made: dict[tuple[str, str, str], int] = {}

    def make_type(self, type_: str) -> int:
        return self._numbers[TYPE].get(type_) or self._make(TYPE, type_)

    def make_system(self, uri: str) -> int:
        return self._numbers[SYSTEM].get(uri) or self._make(SYSTEM, uri)

    def make_outline(self, type_: str, entries: str) -> int:
        text = f"{type_} {entries}"
        return self._numbers[OUTLINE].get(text) or self._make(OUTLINE, text)

    def make_unit(self, system: str, code: str, unit: str) -> int:
        number = self._made.get((system, code, unit))
        if number is None:
            number = self._made[system, code, unit] = self._make(UNIT, unit_text(system, code, unit))
        return number

    def make_canonical(self, text: str) -> int:
        return self._numbers[CANONICAL].get(text) or self._make(CANONICAL, text)

    def make_entry(self, type_: str, param: str, kind: type[Value]) -> int:
        known = self.entries_of(type_)
        number = known.get((param, kind))
        if number is None:
            number = known[param, kind] = self._make(ENTRY, entry_text(type_, param, kind))
        return number

    def mark(self) -> int:
        """What to give to `forget` if the work that begins now fails."""
        return len(self._fresh)

    def forget(self, mark: int) -> None:
        """A work was undone: numbers made since `mark` may be given to something else."""
        if len(self._fresh) == mark:
            return
        for space, text in self._fresh[mark:]:
            number = self._numbers[space].pop(text, None)
            if number is not None:
                self._texts.pop(number, None)
        self._unlearn()
        del self._fresh[mark:]

    def committed(self) -> None:
        self._fresh.clear()

    def undone(self) -> None:
        """The whole transaction was undone: nothing that was seen in it counts."""
        for numbers in self._numbers.values():
            numbers.clear()
        self._texts.clear()
        self._unlearn()
        self._fresh.clear()

    def _unlearn(self) -> None:
        self._entries.clear()
        self._outlines.clear()
        self._newest = 0
        self._made.clear()
        self._units = Units()

    def _make(self, space: str, text: str) -> int:
        number = self._look_up(space, text)
        if number is None:
            self._connection.execute("INSERT INTO name (space, text) VALUES (?, ?)", (space, text))
            self._fresh.append((space, text))
            number = self._look_up(space, text)
        assert number is not None
        return number
