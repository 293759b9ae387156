"""Numbers for text that comes back often: all of them in memory, once for a process.

They are given under a lock, one transaction after the other, so that a state of the database which has a number has all below it.
A number stays, whatever becomes of the transaction that asked for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from fhir_server.search.query import Value
from fhir_server.storage.postgres.connection import Connection
from fhir_server.storage.postgres.errors import translated
from fhir_server.storage.postgres.waiting import wait
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

NUMBERING = 4_611_686_018_427_387_905  # the advisory lock under which numbers are given

_SINCE = "SELECT number, space, text FROM name WHERE number > $1 ORDER BY number"


class Known:
    """The names that this process knows."""

    def __init__(self, connect: "Callable[[], Awaitable[asyncpg.Connection[Any]]]") -> None:
        self._connect = connect
        self._own: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()
        self.newest = 0
        self.numbers: dict[str, dict[str, int]] = {
            space: {} for space in (TYPE, SYSTEM, ENTRY, OUTLINE, UNIT, CANONICAL)
        }
        self.texts: dict[int, str] = {}
        self.outlines: dict[str, list[Outline]] = {}
        self.entries: dict[str, dict[tuple[str, type[Value]], int]] = {}
        self.units = Units()

    def learn(self, rows: list[Any]) -> None:
        """These are the names behind the newest one known, in order; some may be known already."""
        for number, space, text in rows:
            if number <= self.newest:
                continue
            self.numbers[space][text] = self.newest = number
            self.texts[number] = text
            if space == OUTLINE:
                type_, _, entries = text.partition(" ")
                self.outlines.setdefault(type_, []).append(outline_of(number, entries))
            elif space == UNIT:
                self.units.add(number, text)
                self.units.newest = number

    async def make(self, space: str, text: str) -> int:
        """The number of the text, a new one where nobody has given it one."""
        async with self._lock:
            try:
                return self.numbers[space].get(text) or await self._make(space, text)
            except BaseException as error:
                await self.close()
                meant = translated(error)
                if meant is error:
                    raise
                raise meant from error

    async def close(self) -> None:
        raw, self._own = self._own, None
        if raw is not None:
            raw.terminate()

    async def _make(self, space: str, text: str) -> int:
        if self._own is None or self._own.is_closed():
            self._own = await self._connect()
        raw = self._own
        await raw.execute(f"BEGIN; SELECT pg_advisory_xact_lock({NUMBERING})")
        self.learn(await raw.fetch(_SINCE, self.newest))
        number = self.numbers[space].get(text)
        if number is None:
            number = self.newest + 1
            await raw.execute("INSERT INTO name (number, space, text) VALUES ($1, $2, $3)", number, space, text)
        await raw.execute("COMMIT")
        self.learn([(number, space, text)])
        return number


class Names:
    """A Numbering (see sql.layout) for one connection. `fresh`: all that this state of the database has is known already."""

    lasting = True

    def __init__(self, known: Known, connection: Connection) -> None:
        self._known, self._connection = known, connection
        self.fresh = False
        self.misses = 0

    def catch_up(self) -> None:
        """All that the database has now is known."""
        self._known.learn(self._connection.execute(_SINCE.replace("$1", "?"), (self._known.newest,)).fetchall())

    def newest(self) -> int:
        return self._known.newest

    def text(self, number: int) -> str:
        if number not in self._known.texts:
            self.catch_up()
        return self._known.texts[number]

    def types(self) -> list[str]:
        self._freshen()
        return list(self._known.numbers[TYPE])

    def of_type(self, type_: str) -> int | None:
        return self._number(TYPE, type_)

    def of_system(self, uri: str) -> int | None:
        return self._number(SYSTEM, uri)

    def of_systems(self, uris: str) -> list[int]:
        self.misses += 1
        self._freshen()
        asked = lines(uris)
        return [number for text, number in self._known.numbers[SYSTEM].items() if text in asked]

    def of_entry(self, type_: str, param: str, kind: type[Value]) -> int | None:
        known = self.entries_of(type_)
        number = known.get((param, kind))
        if number is None:
            number = self._number(ENTRY, entry_text(type_, param, kind))
            if number is not None:
                known[param, kind] = number
        return number

    def entries_of(self, type_: str) -> dict[tuple[str, type[Value]], int]:
        return self._known.entries.setdefault(type_, {})

    def outlines(self, type_: str) -> list[Outline]:
        self._freshen()
        return self._known.outlines.get(type_, [])

    def units(self) -> Units:
        self.misses += 1
        self._freshen()
        return self._known.units

    def canonicals(self, low: str, high: str | None) -> list[tuple[int, str]]:
        self.misses += 1
        self._freshen()
        known = self._known.numbers[CANONICAL].items()
        return [(number, text) for text, number in known if text >= low and (high is None or text < high)]

    # ---- new ones

    def make_type(self, type_: str) -> int:
        return self._make(TYPE, type_)

    def make_system(self, uri: str) -> int:
        return self._make(SYSTEM, uri)

    def make_unit(self, system: str, code: str, unit: str) -> int:
        return self._make(UNIT, unit_text(system, code, unit))

    def make_canonical(self, text: str) -> int:
        return self._make(CANONICAL, text)

    def make_outline(self, type_: str, entries: str) -> int:
        return self._make(OUTLINE, f"{type_} {entries}")

    def make_entry(self, type_: str, param: str, kind: type[Value]) -> int:
        known = self.entries_of(type_)
        number = known.get((param, kind))
        if number is None:
            number = known[param, kind] = self._make(ENTRY, entry_text(type_, param, kind))
        return number

    def _make(self, space: str, text: str) -> int:
        return self._known.numbers[space].get(text) or wait(self._known.make(space, text))

    def _number(self, space: str, text: str) -> int | None:
        number = self._known.numbers[space].get(text)
        if number is None and not self.fresh:
            self.catch_up()
            number = self._known.numbers[space].get(text)
        if number is None:
            self.misses += 1
        return number

    def _freshen(self) -> None:
        if not self.fresh:
            self.catch_up()
