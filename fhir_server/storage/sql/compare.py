"""Comparisons of one alternative, as conditions on a row of an entry table or of the packed entries of a resource."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from fhir_server.search.query import Compare, Op, Reference
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import (
    ELSEWHERE,
    PROFILE,
    QUANTITY,
    Names,
    Table,
    canonical_text,
    finite,
    kind_of,
    table_of,
)
from fhir_server.storage.sql.text import TRUE, Sql, all_of
from fhir_server.storage.sql.units import bound

IN: Final = "in"  # one of the numbers in a JSON array
OUT: Final = "out"  # none of them

_SIGN = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


NOWHERE = -1  # no name has this number


class Comparison(NamedTuple):
    """`column` `op` `value`, numbers in place of the names that are numbered."""

    column: str
    op: Op | Literal["in", "out"]
    value: Any


class Alternative(NamedTuple):
    """What one entry must be: rows numbered `entry` of `table` for which all tests hold."""

    table: Table
    entry: int
    tests: tuple[Comparison, ...]

    @property
    def keyed(self) -> bool:
        """It fixes the first key column: its rows are few and lie in the order of their resources."""
        first = self.table.columns[0]
        return self.table.key == 1 and any(test.column == first and test.op is Op.EQ for test in self.tests)

    @property
    def narrow(self) -> bool:
        """With `keyed`: no resource has two such rows."""
        fixed = {test.column for test in self.tests if test.op is Op.EQ}
        return fixed.issuperset(self.table.columns)


def alternatives(names: Names, type_: str, param: str, compares: Sequence[Compare]) -> list[Alternative]:
    """One alternative of a Match in the database's numbers: none where no row can be like this, several where they tell of
    several units.
    """
    kind = compares[0].kind
    entry = names.of_entry(type_, param, kind)
    if entry is None:
        return []
    table = table_of(kind, param)
    if table is QUANTITY:
        return _quantities(names, entry, compares)
    if table is PROFILE:
        return _profiles(names, entry, compares)
    tests = []
    for compare in compares:
        test = _test(names, compare)
        if test is None:
            return []
        tests.append(test)
    if kind is Reference:
        fields = {compare.field for compare in compares}
        if "url" in fields:
            tests.append(Comparison("type", Op.EQ, ELSEWHERE))
        elif "type" not in fields:
            tests.append(Comparison("type", Op.GT, ELSEWHERE))
    return [Alternative(table, entry, tuple(tests) + _implied(table, tests))]


def _quantities(names: Names, entry: int, compares: Sequence[Compare]) -> list[Alternative]:
    """The bounds in each unit that may be meant."""
    asked: dict[str, str] = {}
    for compare in compares:
        if isinstance(compare.value, str) and asked.setdefault(compare.field, compare.value) != compare.value:
            return []
    found = []
    for numbers, scales in names.units().meant(asked) if asked else [((), None)]:
        tests = [
            Comparison(compare.field, compare.op, finite(bound(compare.value, scales)))
            for compare in compares
            if not isinstance(compare.value, str)
        ]
        unit = (_one_of("unit", numbers),) if numbers else ()
        found.append(Alternative(QUANTITY, entry, (*tests, *_implied(QUANTITY, tests), *unit)))
    return found


def _profiles(names: Names, entry: int, compares: Sequence[Compare]) -> list[Alternative]:
    """The numbers of the canonicals for which all comparisons hold."""
    low, high = "", None
    for compare in compares:
        if compare.field == "value" and compare.op is not Op.NE:
            value = str(compare.value)
            low, high = (
                (value, successor(value)) if compare.op is Op.STARTS else (canonical_text(value, ""), value + "\v")
            )
    numbers = [number for number, text in names.canonicals(low, high) if _is(text, compares)]
    return [Alternative(PROFILE, entry, (_one_of("canonical", numbers),))] if numbers else []


def _is(canonical: str, compares: Sequence[Compare]) -> bool:
    value, _, version = canonical.rpartition("\n")
    have = {"value": value, "version": version}
    return all(_TEXT[each.op](have[each.field], str(each.value)) for each in compares)


_TEXT: Final[Mapping[Op, Callable[[str, str], bool]]] = {
    Op.EQ: str.__eq__,
    Op.NE: str.__ne__,
    Op.STARTS: str.startswith,
}


def _one_of(column: str, numbers: Sequence[int]) -> Comparison:
    if len(numbers) == 1:
        return Comparison(column, Op.EQ, numbers[0])
    return Comparison(column, IN, msgspec.json.encode(numbers).decode())


def _test(names: Names, compare: Compare) -> Comparison | None:
    column, value = compare.field, compare.value
    if column == "url":
        return Comparison("id", compare.op, value)
    if compare.op in (Op.ONE, Op.NONE):
        numbers = msgspec.json.encode(names.of_systems(str(value))).decode()
        return Comparison(column, IN if compare.op is Op.ONE else OUT, numbers)
    if column == "system":
        return _numbered(column, compare.op, names.of_system(str(value)))
    if column == "type":
        return _numbered(column, compare.op, names.of_type(str(value)))
    if isinstance(value, float):
        value = finite(value)
    return Comparison(column, compare.op, value)


def _numbered(column: str, op: Op, number: int | None) -> Comparison | None:
    """Equal or unequal to a numbered name: nothing equals one that was never met, and everything is unlike it."""
    if number is None:
        return Comparison(column, op, NOWHERE) if op is Op.NE else None
    return Comparison(column, op, number)


def _implied(table: Table, tests: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Low ≤ high in every row, so an upper bound of `high` bounds `low` too, which the primary key begins with."""
    if "high" not in table.columns or any(test.column == "low" and test.op in (Op.LT, Op.LE) for test in tests):
        return ()
    return tuple(
        Comparison("low", Op.LE if test.op is Op.EQ else test.op, test.value)
        for test in tests
        if test.column == "high" and test.op in (Op.LT, Op.LE, Op.EQ)
    )


def on_table(dialect: Dialect, found: Alternative, alias: str) -> Sql:
    """The condition on a row of the entry table."""
    return all_of(
        [
            Sql(f"{alias}.entry = ?", (found.entry,)),
            *(_on_column(dialect, found.table, alias, test) for test in found.tests),
        ]
    )


def _on_column(dialect: Dialect, table: Table, alias: str, test: Comparison) -> Sql:
    column = f"{alias}.{test.column}"
    if test.column == table.columns[0] and isinstance(test.value, str):
        if test.op is Op.EQ:
            return dialect.equal(column, test.value)
        if test.op is Op.STARTS and test.value:
            return dialect.begins(column, test.value, successor(test.value))
    return condition(dialect, column, test.op, test.value)


def on_packed(dialect: Dialect, found: Alternative, element: str) -> Sql:
    """The condition on one row of the packed entries, a JSON array."""
    return all_of(
        [
            condition(dialect, packed(dialect, found.table, test.column, element), test.op, test.value)
            for test in found.tests
        ]
    )


def packed(dialect: Dialect, table: Table, column: str, element: str) -> str:
    """A column in one row of the packed entries."""
    return dialect.item(element, table.columns.index(column), kind_of(table, column))


def condition(dialect: Dialect, column: str, op: Op | Literal["in", "out"], value: Any) -> Sql:
    if op == IN:
        return Sql(f"{column} IN ({dialect.values('whole')})", (value,))
    if op == OUT:
        return Sql(f"{column} NOT IN ({dialect.values('whole')})", (value,))
    if op in _SIGN:
        return Sql(f"{column} {_SIGN[op]} ?", (value,))
    if value == "":
        return TRUE
    if op is Op.STARTS:
        after = successor(value)
        if after is None:
            return Sql(f"{column} >= ?", (value,))
        return Sql(f"({column} >= ? AND {column} < ?)", (value, after))
    if op is Op.ENDS:
        return dialect.ends(column, value)
    if op is Op.CONTAINS:
        return dialect.contains(column, value)
    return all_of([dialect.contains(f"' ' || {column}", " " + word) for word in value.split()])


def successor(prefix: str) -> str | None:
    """The first text, in the order of code points, behind all that begin with `prefix`; None where there is none."""
    head = list(itertools.dropwhile(lambda character: character == "\U0010ffff", reversed(prefix)))
    if not head:
        return None
    point = ord(head[0]) + 1
    if 0xD800 <= point <= 0xDFFF:
        point = 0xE000
    return "".join(reversed(head[1:])) + chr(point)
