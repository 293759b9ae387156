"""Stretches of an index that together hold the rows of a condition.

http://hl7.org/fhir/R4/search.html#date

Periods are ordered by their begin. What ends after a time is found by its begin as well, as long as it lasts no more than a day:
it began at most a day before. The few that last longer have an index by their end; so have the few numbers that are ranges.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from fhir_server.search.query import Op
from fhir_server.storage.sql.compare import IN, Alternative, Comparison, on_table
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import DATE, NUMBER, QUANTITY, Table
from fhir_server.storage.sql.text import Sql, all_of, any_of, join

INTERVALS = (DATE, NUMBER, QUANTITY)

# the index by their ends of what is wider than so much (microseconds)
WIDE: dict[Table, tuple[str, int]] = {
    DATE: ("date_long", 86_400_000_000),
    NUMBER: ("number_wide", 0),
    QUANTITY: ("quantity_wide", 0),
}
_AFTER = (Op.GT, Op.GE, Op.EQ)
_BEFORE = (Op.LT, Op.LE, Op.EQ)

_OPPOSITE = {Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT}


class Arm(NamedTuple):
    """One stretch: a table, the index where it is not the primary key, and the condition on a row under an alias. `keyed`:
    it yields resources in descending order, none of them twice unless the entry stands in a resource several times.
    """

    table: str
    where: Callable[[str], Sql]
    by: str = ""
    keyed: bool = False

    def source(self, dialect: Dialect, alias: str) -> str:
        return f"{self.table} {alias}{dialect.by(self.by) if self.by else ''}"

    def rids(self, dialect: Dialect, alias: str) -> Sql:
        return Sql(f"SELECT {alias}.rid AS rid FROM {self.source(dialect, alias)} WHERE ") + self.where(alias)


def arms(dialect: Dialect, found: Alternative) -> list[Arm]:
    """The stretches of one alternative; no row is in two of them."""
    first, wide = _split(dialect, found)
    return [_stretch(dialect, first), *wide]


def arms_of_all(dialect: Dialect, found: Sequence[Alternative]) -> list[Arm]:
    """The stretches of several alternatives. Quantities beyond bounds in several units are passed once, not for each unit."""
    if len(found) < 2 or any(each.table is not QUANTITY or each.entry != found[0].entry for each in found):
        return [arm for each in found for arm in arms(dialect, each)]
    halves = [_split(dialect, each) for each in found]
    firsts = [first for first, _ in halves]
    bound = _widest(firsts, _AFTER, _BEFORE, min, Op.GE) or _widest(firsts, _BEFORE, _AFTER, max, Op.LE)
    units = [test for first in firsts for test in first.tests if test.column == "unit"]
    if bound is None or len(units) < len(firsts):
        return [arm for each in found for arm in arms(dialect, each)]
    numbers = sorted({number for test in units for number in _numbers(test)})
    outer = Alternative(
        QUANTITY, found[0].entry, (bound, Comparison("unit", IN, msgspec.json.encode(numbers).decode()))
    )
    once = Arm(
        QUANTITY.name,
        lambda alias: all_of(
            [on_table(dialect, outer, alias), any_of([on_table(dialect, each, alias) for each in firsts])]
        ),
    )
    return [once, *(arm for _, wide in halves for arm in wide)]


def _widest(
    found: Sequence[Alternative],
    ops: Sequence[Op],
    others: Sequence[Op],
    choose: Callable[[list[float]], float],
    op: Op,
) -> Comparison | None:
    """The bound of the begin that all have on one side, as wide as the widest; None where one has none, or one on the other."""
    bounds = []
    for each in found:
        own = [test.value for test in each.tests if test.column == "low" and test.op in ops]
        if not own or any(test.column == "low" and test.op in others for test in each.tests):
            return None
        bounds.append(choose(own))
    return Comparison("low", op, choose(bounds))


def _numbers(test: Comparison) -> list[int]:
    return msgspec.json.decode(test.value, type=list[int]) if test.op == IN else [test.value]


def _split(dialect: Dialect, found: Alternative) -> tuple[Alternative, list[Arm]]:
    """The alternative for what is not wide, and the stretch of what is, where that is apart."""
    ends = max(
        ((test.value, test.op) for test in found.tests if test.column == "high" and test.op in _AFTER),
        key=lambda end: end[0],
        default=None,
    )
    if found.table not in WIDE or ends is None:
        return found, []
    by, width = WIDE[found.table]
    begins = [test.value for test in found.tests if test.column == "low" and test.op in _AFTER]
    bound = ends[0] - width
    if begins and max(begins) > bound:
        return found, []
    after, before = (Op.GT, Op.LE) if ends[1] is Op.GT else (Op.GE, Op.LT)
    wide = found._replace(tests=(*found.tests, Comparison("low", before, bound)))
    arm = Arm(
        found.table.name, lambda alias: on_table(dialect, wide, alias) + f" AND {dialect.wider(alias, width)}", by=by
    )
    return found._replace(tests=(*found.tests, Comparison("low", after, bound))), [arm]


def _stretch(dialect: Dialect, found: Alternative) -> Arm:
    return Arm(found.table.name, lambda alias: on_table(dialect, found, alias), keyed=found.keyed)


def union(dialect: Dialect, parts: Sequence[Arm], alias: Callable[[str], str]) -> Sql:
    """The rids of all the stretches."""
    return join(" UNION ALL ", [part.rids(dialect, alias("e")) for part in parts])


def disjoint(found: Sequence[Alternative]) -> tuple[list[Alternative], bool]:
    """The same rows, and whether no row is like two of the alternatives. Comparisons of intervals are made so."""
    if len(found) < 2:
        return list(found), True
    if all(each.keyed and each.entry == found[0].entry for each in found):
        keys = [test.value for each in found for test in each.tests if test.column == each.table.columns[0]]
        return list(found), len(set(keys)) == len(keys) == len(found)
    if any(each.table not in INTERVALS or each.entry != found[0].entry for each in found):
        return list(found), False
    apart: list[Alternative] = []
    beyond: tuple[Comparison, ...] = ()
    for number, each in enumerate(found):
        apart.append(each._replace(tests=(*each.tests, *beyond)))
        own = [test for test in each.tests if not _implied(test, each)]
        if number + 1 < len(found):
            if len(own) != 1 or own[0].op not in _OPPOSITE:
                return list(found), False
            beyond += (Comparison(own[0].column, _OPPOSITE[Op(own[0].op)], own[0].value),)
    return apart, True


def _implied(test: Comparison, found: Alternative) -> bool:
    """Whether a bound of the begin only repeats a bound of the end."""
    return test.column == "low" and any(
        other.column == "high" and other.value == test.value and other.op in (test.op, Op.EQ) for other in found.tests
    )
