"""Conditions on concepts as SQL: over tables in which a code system's concepts are numbered in the order of its hierarchy.

http://hl7.org/fhir/R4/valueset.html#compositions
"""

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from fhir_server.concepts import (
    EVERY,
    Above,
    AllOf,
    AnyOf,
    Below,
    Condition,
    Every,
    Flagged,
    Listed,
    Matching,
    Not,
    Saying,
    System,
    Under,
    Valued,
)
from fhir_server.concepts import all_of as every_of
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.prose import MARK
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of, any_of, negated

INACTIVE, ABSTRACT, FURTHER = 1, 2, 4
"""Flags of a concept."""


class Places(Protocol):
    """What is looked up before the statement is made."""

    def place(self, code: str) -> tuple[int, int, int] | None:
        """(number, last number below it, flags) of a concept; None where there is none."""
        ...

    def further(self, concept: int) -> list[tuple[int, int]]:
        """Its further intervals."""
        ...

    def texts(self, which: str, *args: str) -> Sequence[str]:
        """All different texts that a column has; `which` is what follows SELECT, with the number of the system before `args`."""
        ...


Interval = tuple[int, int]


def spans(where: Condition, places: Places) -> tuple[list[Interval], Condition] | None:
    """Intervals, sorted and disjoint, in which all lie that are meant, and what is asked of them beside that; None where the
    condition has no such bounds, or names codes, which are found sooner. All numbers of an interval are concepts.
    """
    match where:
        case Below():
            return _subsumed(where, places), EVERY
        case AnyOf(of) if all(isinstance(each, Below) for each in of):
            return _disjoint([one for each in of for one in _subsumed(each, places)]), EVERY
        case AllOf(of) if not any(isinstance(each, Listed) for each in of):
            bounded = [(found, each) for each in of if (found := spans(each, places)) is not None]
            if not bounded:
                return None
            (intervals, rest), chosen = min(bounded, key=lambda pair: size(pair[0][0]))
            return intervals, every_of([rest, *(each for each in of if each is not chosen)])
        case _:
            return None


def size(intervals: Sequence[Interval]) -> int:
    """How many concepts lie in them."""
    return sum(high - low + 1 for low, high in intervals)


def page(intervals: Sequence[Interval], offset: int, count: int) -> list[Interval]:
    """Those that lie behind the first `offset`, `count` of them at most."""
    found = []
    for low, high in intervals:
        first = low + min(offset, high - low + 1)
        offset -= first - low
        last = min(high, first + count - 1)
        if first <= last:
            found.append((first, last))
            count -= last - first + 1
    return found


def _subsumed(where: Condition, places: Places) -> list[Interval]:
    """What a Below means."""
    assert isinstance(where, Below)
    found = places.place(where.code)
    if found is None:
        return []
    number, last, flags = found
    own = [(number if where.itself else number + 1, last)]
    return _disjoint([*own, *(places.further(number) if flags & FURTHER else ())])


def _disjoint(intervals: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for low, high in sorted(each for each in intervals if each[0] <= each[1]):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


MOST_INTERVALS = 10
"""Further intervals of a concept that are written out in a statement: databases limit its arguments."""


def holds(where: Condition, system: System, dialect: Dialect, places: Places) -> Sql:
    """The condition on the concept `c` of the system; which system it is of is the caller's business."""
    match where:
        case Every():
            return TRUE
        case Listed(codes):
            return _listed(dialect, codes, system)
        case Below(code, itself):
            return _below(places, code, itself=itself)
        case Above(code):
            found = places.place(code)
            if found is None:
                return FALSE
            return Sql(
                "c.number IN (WITH RECURSIVE up(number) AS (SELECT CAST(? AS BIGINT) UNION SELECT p.parent FROM up"
                " JOIN concept_parent p ON p.concept = up.number) SELECT number FROM up)",
                (found[0],),
            )
        case Under(code, up):
            found = places.place(code)
            if found is None:
                return FALSE
            this, other = ("parent", "concept") if up else ("concept", "parent")
            return Sql(f"c.number IN (SELECT {this} FROM concept_parent WHERE {other} = ?)", (found[0],))
        case AllOf(of):
            return all_of([holds(each, system, dialect, places) for each in of])
        case AnyOf(of):
            return any_of([holds(each, system, dialect, places) for each in of])
        case Not(of):
            return negated(holds(of, system, dialect, places))
        case _:
            return _plain(where, system, dialect, places)


def _plain(where: Condition, system: System, dialect: Dialect, places: Places) -> Sql:
    match where:
        case Valued(name, None):
            rows, args = "", list[str]()
        case Valued(name, values):
            asked, texts = sorted(values or ()), dialect.values("text")
            rows, args = (
                f" AND {dialect.key('value')} IN ({texts})",
                [json.dumps([dialect.cut(each) for each in asked])],
            )
            if any(dialect.cut(each) != each for each in asked):
                rows, args = f"{rows} AND value IN ({texts})", [*args, json.dumps(asked)]
        case Matching("code" | "display" as name, regex):
            return dialect.matches(f"c.{name}", regex, lambda: places.texts(f"{name} FROM concept WHERE system = ?"))
        case Matching(name, regex):
            known = lambda: places.texts("value FROM concept_property WHERE system = ? AND property = ?", name)  # noqa: E731
            found = dialect.matches("value", regex, known)
            rows, args = f" AND {found.text}", list(found.args)
        case Saying(words):
            said = dialect.said([mark(system.number, word) for word in words])
            return Sql(f"c.number IN (SELECT rowid FROM concept_word WHERE {said.text})", said.args)
        case Flagged(flag):
            return Sql("c.flags & ? <> 0", (INACTIVE if flag == "inactive" else ABSTRACT,))
        case _:
            raise TypeError(where)
    named = dialect.equal("property", name)
    return Sql(
        f"c.number IN (SELECT concept FROM concept_property WHERE system = ? AND {named.text}{rows})",
        (system.number, *named.args, *args),
    )


def mark(system: int, word: str) -> str:
    """A word of a concept of that system, as the index has it."""
    return f"{MARK}{system}{MARK}{word}"


def _listed(dialect: Dialect, codes: frozenset[str], system: System) -> Sql:
    if not codes:
        return FALSE
    if len(codes) == 1:
        (code,) = codes
        alike = dialect.equal("k.folded", code.lower()) + Sql(" AND k.system = ?", (system.number,))
        if system.case_sensitive:
            alike += Sql(" AND k.code = ?", (code,))
        return Sql("c.number IN (SELECT k.number FROM concept k WHERE ") + alike + ")"
    exact = f" AND k.code = {dialect.item('j.value', 1, 'text')}" if system.case_sensitive else ""
    given = json.dumps([(code.lower(), code) for code in sorted(codes)])
    return Sql(
        f"c.number IN (SELECT k.number FROM {dialect.given('j')}{dialect.join}concept k"
        f" ON {dialect.same('k.folded', dialect.item('j.value', 0, 'text'))} AND k.system = ?{exact})",
        (given, system.number),
    )


def _below(places: Places, code: str, *, itself: bool) -> Sql:
    found = places.place(code)
    if found is None:
        return FALSE
    number, last, flags = found
    low = number if itself else number + 1
    parts = [Sql("c.number BETWEEN ? AND ?", (low, last))] if low <= last else []
    if flags & FURTHER:
        further = places.further(number)
        if len(further) <= MOST_INTERVALS:
            parts += [Sql("c.number BETWEEN ? AND ?", interval) for interval in further]
        else:
            parts.append(
                Sql(
                    "coalesce((SELECT f.high FROM concept_further f WHERE f.concept = ? AND f.low <= c.number"
                    " ORDER BY f.low DESC LIMIT 1), -1) >= c.number",
                    (number,),
                )
            )
    return any_of(parts)
