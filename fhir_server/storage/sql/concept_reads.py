"""Reading the concepts of code systems: each question a few statements on one connection.

http://hl7.org/fhir/R4/codesystem.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fhir_server.concepts import EVERY, Concept, Condition, Designation, Property, System
from fhir_server.definitions.canonicals import order
from fhir_server.model import Key
from fhir_server.search.query import EVERYTHING, Access
from fhir_server.storage.sql.concepts import ABSTRACT, INACTIVE, Interval, holds, page, size, spans
from fhir_server.storage.sql.database import Database
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.text import FALSE, Sql

_SYSTEM = "SELECT number, id, low, high, facts FROM code_system WHERE "
_COLUMNS = "c.number, c.code, c.display, c.flags, m.more FROM concept c LEFT JOIN concept_more m ON m.number = c.number"

Row = tuple[int, str, str | None, int, bytes | None]


class More(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What few concepts have."""

    definition: str | None = None
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()


_MORE = msgspec.msgpack.Decoder(More)
_FACTS = msgspec.json.Decoder(System)


def systems(reads: Reads, access: Access, condition: str, args: tuple[Any, ...]) -> list[System]:
    """The code systems that fulfil a condition and whose CodeSystem the caller may see; of each url and version the last one,
    the newest version first.
    """
    found: dict[tuple[str, str | None], System] = {}
    rows: list[Any] = reads.db.execute(f"{_SYSTEM}{condition} ORDER BY url, number DESC", args).fetchall()
    for number, id_, _, _, facts in rows:
        if access.of("CodeSystem") != EVERYTHING and reads.read(access, Key("CodeSystem", id_)) is None:
            continue
        made = system_of(number, facts)
        found.setdefault((made.url, made.version), made)
    return sorted(found.values(), key=lambda s: order(s.version or ""), reverse=True)


def system_of(number: int, facts: bytes) -> System:
    """The code system of a row."""
    return msgspec.structs.replace(_FACTS.decode(facts), number=number)


def having(reads: Reads, access: Access, code: str) -> list[System]:
    alike = reads.dialect.equal("folded", code.lower())
    condition = f"number IN (SELECT system FROM concept WHERE {alike.text} AND code = ?)"
    return systems(reads, access, condition, (*alike.args, code))


class Places:
    """See storage.sql.concepts."""

    def __init__(self, reads: Reads, system: System) -> None:
        self._reads, self._db, self._system = reads, reads.db, system

    def place(self, code: str) -> tuple[int, int, int] | None:
        exact, args = (
            (" AND code = ?", (code,)) if self._system.case_sensitive else (" ORDER BY code = ? DESC", (code,))
        )
        alike = self._reads.dialect.equal("folded", code.lower())
        statement = f"SELECT number, last, flags FROM concept WHERE {alike.text} AND system = ?{exact} LIMIT 1"
        row = self._db.execute(statement, (*alike.args, self._system.number, *args)).fetchone()
        found: tuple[int, int, int] | None = row
        return found

    def further(self, concept: int) -> list[tuple[int, int]]:
        rows: list[Any] = self._db.execute(
            "SELECT low, high FROM concept_further WHERE concept = ?", (concept,)
        ).fetchall()
        return rows

    def texts(self, which: str, *args: str) -> Sequence[str]:
        rows: list[Any] = self._db.execute(f"SELECT DISTINCT {which}", (self._system.number, *args)).fetchall()
        return [text for (text,) in rows if text is not None]


def find(reads: Reads, system: System, codes: Sequence[str]) -> dict[str, Concept]:
    """See Concepts.find."""
    rows: list[tuple[Any, ...]] = reads.db.execute(
        f"SELECT {_COLUMNS} WHERE {reads.dialect.key('c.folded')} IN ({reads.dialect.values('text')}) AND c.system = ?",
        (json.dumps([reads.dialect.cut(code.lower()) for code in codes]), system.number),
    ).fetchall()
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(row[1].lower(), []).append(row)
    chosen: dict[str, Row] = {}
    for asked in codes:
        for row in alike.get(asked.lower(), ()):
            if row[1] == asked or (not system.case_sensitive and asked not in chosen):
                chosen[asked] = row
    made = _made(reads, list(chosen.values()))
    return dict(zip(chosen, made, strict=True))


def select(reads: Reads, system: System, where: Condition, count: int, offset: int) -> list[Concept]:
    """See Concepts.select."""
    intervals, rest = _bounded(reads, system, where)
    if rest == EVERY:
        intervals, offset = page(intervals, offset, count), 0
    test = holds(rest, system, reads.dialect, Places(reads, system))
    if test == FALSE or not intervals:
        return []
    meant = _within(reads, intervals, test)
    rows: list[Any] = reads.db.execute(
        f"SELECT {_COLUMNS} WHERE c.number IN (SELECT c.number {meant.text} ORDER BY c.number LIMIT ? OFFSET ?)"
        " ORDER BY c.number",
        (*meant.args, count, offset),
    ).fetchall()
    return _made(reads, rows)


def count(reads: Reads, system: System, where: Condition) -> int:
    """See Concepts.count."""
    intervals, rest = _bounded(reads, system, where)
    if rest == EVERY:
        return size(intervals)
    test = holds(rest, system, reads.dialect, Places(reads, system))
    if test == FALSE or not intervals:
        return 0
    meant = _within(reads, intervals, test)
    return int(reads.db.execute(f"SELECT count(*) {meant.text}", meant.args).get)


def _bounded(reads: Reads, system: System, where: Condition) -> tuple[list[Interval], Condition]:
    """The intervals in which all lie that are meant, and what is asked of them beside that."""
    row = reads.db.execute("SELECT low, high FROM code_system WHERE number = ?", (system.number,)).fetchone()
    if row is None or row[0] > row[1]:
        return [], where
    return spans(where, Places(reads, system)) or ([(row[0], row[1])], where)


def _within(reads: Reads, intervals: Sequence[Interval], test: Sql) -> Sql:
    """The concepts of some intervals for which the test holds. Many intervals are walked; `+` keeps SQLite from walking what the
    test finds anew for each of them.
    """
    if len(intervals) == 1:
        return Sql(f"FROM concept c WHERE c.number BETWEEN ? AND ? AND {test.text}", (*intervals[0], *test.args))
    tested = test.text.replace("c.number IN", "+c.number IN")
    dialect = reads.dialect
    low, high = (dialect.item("i.value", index, "whole") for index in (0, 1))
    return Sql(
        f"FROM {dialect.given('i')}{dialect.join}concept c ON c.number BETWEEN {low} AND {high} WHERE {tested}",
        (json.dumps(intervals), *test.args),
    )


def properties_of(db: Database, low: int, high: int) -> list[tuple[str, str, int]]:
    """(property, value, concept) of the concepts with those numbers, each once."""
    rows: list[Any] = db.execute("SELECT number, more FROM concept_more WHERE number BETWEEN ? AND ?", (low, high)).fetchall()  # fmt: skip
    found = [(number, _MORE.decode(more)) for number, more in rows]
    return list(dict.fromkeys((each.code, each.value, number) for number, more in found for each in more.properties))


def _made(reads: Reads, rows: Sequence[Row]) -> list[Concept]:
    parents: dict[int, list[str]] = {}
    if rows:
        given = json.dumps(sorted({row[0] for row in rows}))
        for number, code in reads.db.execute(
            f"SELECT p.concept, c.code FROM concept_parent p JOIN concept c ON c.number = p.parent"
            f" WHERE p.concept IN ({reads.dialect.values('whole')}) ORDER BY p.concept, p.place",
            (given,),
        ):
            parents.setdefault(number, []).append(code)
    return [_concept(row, tuple(parents.get(row[0], ()))) for row in rows]


def _concept(row: Row, parents: tuple[str, ...]) -> Concept:
    _, code, display, flags, packed = row
    more = NO_MORE if packed is None else _MORE.decode(packed)
    return Concept(
        code,
        display,
        parents,
        more.designations,
        more.properties,
        more.definition,
        inactive=bool(flags & INACTIVE),
        abstract=bool(flags & ABSTRACT),
    )


NO_MORE = More()


def facts(system: System) -> bytes:
    """A code system as its row has it."""
    return msgspec.json.encode(msgspec.structs.replace(system, number=0))


class StoredConcepts:
    """A Concepts (see fhir_server.concepts) for one caller; `run` brings the Reads."""

    def __init__(self, run: Any, access: Access) -> None:
        self._run, self._access = run, access

    async def systems(self, url: str) -> Sequence[System]:
        found: list[System] = await self._run(lambda reads: systems(reads, self._access, "url = ?", (url,)))
        return found

    async def every(self) -> Sequence[System]:
        found: list[System] = await self._run(lambda reads: systems(reads, self._access, "TRUE", ()))
        return sorted(found, key=lambda system: system.url)

    async def of_value_set(self, url: str) -> System | None:
        condition = "value_set = ? AND value_set <> ''"
        found: list[System] = await self._run(lambda reads: systems(reads, self._access, condition, (url,)))
        return found[0] if found else None

    async def find(self, system: System, codes: Sequence[str]) -> Mapping[str, Concept]:
        found: dict[str, Concept] = await self._run(lambda reads: find(reads, system, codes))
        return found

    async def select(self, system: System, where: Condition, *, count: int, offset: int = 0) -> Sequence[Concept]:
        found: list[Concept] = await self._run(lambda reads: select(reads, system, where, count, offset))
        return found

    async def count(self, system: System, where: Condition) -> int:
        found: int = await self._run(lambda reads: count(reads, system, where))
        return found

    async def having(self, code: str) -> Sequence[System]:
        found: list[System] = await self._run(lambda reads: having(reads, self._access, code))
        return found
