"""Ranges that are led by an index find what a look at every range finds: narrow and wide, at and beyond every bound."""

import itertools
from pathlib import Path

import pytest

from fhir_server.search.query import And, DateRange, Match, Number, Op, Quantity
from fhir_server.storage.sql import plan
from fhir_server.storage.sqlite import SQLiteStore
from tests.storage.contract.shorthand import date, ids, number, quantity, save, where, write

DAY = 86_400_000_000
LOWS, WIDTHS = (-DAY, -1, 0, 1, 5, DAY, 3 * DAY), (0, 1, DAY - 1, DAY, DAY + 1, 2 * DAY)
BOUNDS = (-DAY, 0, 1, 4, 5, 6, DAY, DAY + 5, DAY + 6, 2 * DAY, 5 * DAY, 5 * DAY + 1)
RANGES = [(low, low + width) for low, width in itertools.product(LOWS, WIDTHS)]
OPS = {
    Op.EQ: int.__eq__,
    Op.LT: int.__lt__,
    Op.LE: int.__le__,
    Op.GT: int.__gt__,
    Op.GE: int.__ge__,
}


@pytest.fixture
async def ranges(tmp_path: Path) -> SQLiteStore:
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    entries = {n: (date("d", *r), number("n", *r), quantity("q", r[0], "g")) for n, r in enumerate(RANGES)}
    await save(store, *(write(f"Basic/{n}", *three) for n, three in entries.items()))
    return store


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("field", ["low", "high"])
async def test_one_bound(ranges: SQLiteStore, field: str, op: Op) -> None:
    for bound in BOUNDS:
        expected = sorted(
            str(n) for n, (low, high) in enumerate(RANGES) if OPS[op](low if field == "low" else high, bound)
        )
        points = sorted(str(n) for n, (low, _) in enumerate(RANGES) if OPS[op](low, bound))
        assert await ids(ranges, "Basic", where("d", DateRange, (field, op, bound))) == expected
        assert await ids(ranges, "Basic", where("n", Number, (field, op, float(bound)))) == expected
        assert await ids(ranges, "Basic", where("q", Quantity, (field, op, float(bound)))) == points
    await ranges.close()


@pytest.mark.parametrize("many", [1, 20_000])
async def test_between_two_bounds(ranges: SQLiteStore, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """`ge` and `lt` as the parser writes them, twice the same parameter."""
    monkeypatch.setattr(plan, "MANY_ROWS", many)
    for first, last in itertools.combinations(BOUNDS, 2):
        after = (
            where("d", DateRange, ("low", Op.GE, first)).anyof + where("d", DateRange, ("high", Op.GT, first + 1)).anyof
        )
        tree = And((Match("d", after), where("d", DateRange, ("low", Op.LT, last))))
        expected = [n for n, (low, high) in enumerate(RANGES) if (low >= first or high > first + 1) and low < last]
        assert await ids(ranges, "Basic", tree) == sorted(map(str, expected))
    await ranges.close()
