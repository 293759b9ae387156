"""Stretches of an index that together hold the rows of a condition.

http://hl7.org/fhir/R4/search.html#date

Periods are ordered by their begin. What ends after a time is found by its begin as well, as long as it lasts no more than a day:
it began at most a day before. The few that last longer have an index by their end; so have the few numbers that are ranges.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fhir_server.search.query import Op
from fhir_server.storage.sql.compare import Alternative, Comparison, on_table
from fhir_server.storage.sql.layout import DATE, NUMBER, QUANTITY, Table
from fhir_server.storage.sql.text import Sql, join

INTERVALS = (DATE, NUMBER, QUANTITY)

# the index by their ends of what is wider than so much (microseconds)
WIDE: dict[Table, tuple[str, int]] = {
    DATE: ("date_long", 86_400_000_000),
    NUMBER: ("number_wide", 0),
    QUANTITY: ("quantity_wide", 0),
}
_AFTER = (Op.GT, Op.GE, Op.EQ)

_OPPOSITE = {Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT}


class Arm(NamedTuple):
    """One stretch: a table, the index where it is not the primary key, and the condition on a row under an alias. `keyed`:
    it yields resources in descending order, none of them twice unless the entry stands in a resource several times.
    """

    table: str
    where: Callable[[str], Sql]
    by: str = ""
    keyed: bool = False

    def source(self, alias: str) -> str:
        return f"{self.table} {alias}{f' INDEXED BY {self.by}' if self.by else ''}"

    def rids(self, alias: str) -> Sql:
        return Sql(f"SELECT {alias}.rid AS rid FROM {self.source(alias)} WHERE ") + self.where(alias)


def arms(found: Alternative) -> list[Arm]:
    """The stretches of one alternative; no row is in two of them."""
    ends = max(
        ((test.value, test.op) for test in found.tests if test.column == "high" and test.op in _AFTER),
        key=lambda end: end[0],
        default=None,
    )
    if found.table not in WIDE or ends is None:
        return [_stretch(found)]
    by, width = WIDE[found.table]
    begins = [test.value for test in found.tests if test.column == "low" and test.op in _AFTER]
    bound = ends[0] - width
    if begins and max(begins) > bound:
        return [_stretch(found)]
    after, before = (Op.GT, Op.LE) if ends[1] is Op.GT else (Op.GE, Op.LT)
    wide = found._replace(tests=(*found.tests, Comparison("low", before, bound)))
    return [
        _stretch(found._replace(tests=(*found.tests, Comparison("low", after, bound)))),
        Arm(
            found.table.name, lambda alias: on_table(wide, alias) + f" AND {alias}.high - {alias}.low > {width}", by=by
        ),
    ]


def _stretch(found: Alternative) -> Arm:
    return Arm(found.table.name, lambda alias: on_table(found, alias), keyed=found.keyed)


def union(parts: Sequence[Arm], alias: Callable[[str], str]) -> Sql:
    """The rids of all the stretches."""
    return join(" UNION ALL ", [part.rids(alias("e")) for part in parts])


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
