"""What the prefixes mean, as rules that hold for any two values: dates, numbers and quantities."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_server.outcome import BadRequest
from fhir_server.search.query import IndexEntry, Match
from fhir_server.search.types import ALTERNATIVES, CONVERTERS
from fhir_server.search.types.reading import Reading
from tests.search.evaluate import _alike

READING = Reading("x", frozenset(), (), "", datetime(2026, 11, 22, 17, 0, tzinfo=UTC))

days = st.dates(datetime(1900, 1, 1).date(), datetime(2100, 1, 1).date()).map(str)  # noqa: DTZ001
dates = days | days.map(lambda day: day[:7]) | days.map(lambda day: day[:4]) | days.map(lambda day: f"{day}T10:30:00Z")
periods = st.tuples(dates, dates).filter(lambda p: p[0][:4] < p[1][:4]).map(lambda p: {"start": p[0], "end": p[1]})
numbers = st.decimals(-1000, 1000, places=2).map(str) | st.integers(-1000, 1000).map(str)


def entry(kind: str, value: object) -> IndexEntry:
    found: list[IndexEntry] = []
    type_ = {"date": "dateTime", "number": "decimal"}[kind] if isinstance(value, str) else "Period"
    CONVERTERS[kind][type_](found.append, "x", Decimal(str(value)) if kind == "number" else value, 0)
    return found[0]


def holds(kind: str, prefix: str, searched: str, one: IndexEntry) -> bool:
    tree = Match("x", ALTERNATIVES[kind](prefix + searched, "", READING))
    return any(_alike(one, tests) for tests in tree.anyof)


cases = st.one_of(
    st.tuples(st.just("date"), dates, dates | periods),
    st.tuples(st.just("number"), numbers, numbers),
)


@given(cases)
def test_eq_and_ne_divide_all_values(case: tuple[str, str, object]) -> None:
    kind, searched, value = case
    one = entry(kind, value)
    assert holds(kind, "eq", searched, one) != holds(kind, "ne", searched, one)
    assert holds(kind, "eq", searched, one) == holds(kind, "", searched, one)


@given(cases)
def test_ap_holds_where_eq_does(case: tuple[str, str, object]) -> None:
    kind, searched, value = case
    one = entry(kind, value)
    assert not holds(kind, "eq", searched, one) or holds(kind, "ap", searched, one)


@given(cases)
def test_sa_lies_within_gt_and_eb_within_lt(case: tuple[str, str, object]) -> None:
    kind, searched, value = case
    one = entry(kind, value)
    assert not holds(kind, "sa", searched, one) or holds(kind, "gt", searched, one)
    assert not holds(kind, "eb", searched, one) or holds(kind, "lt", searched, one)
    assert not (holds(kind, "sa", searched, one) and holds(kind, "eb", searched, one))


@given(st.tuples(dates, dates | periods))
def test_ge_is_gt_or_eq_of_dates_and_so_is_le(case: tuple[str, object]) -> None:
    searched, value = case
    one = entry("date", value)
    assume(not holds("date", "eq", searched, one))
    # what touches the range without lying in it is on one side of it at least
    assert holds("date", "ge", searched, one) or holds("date", "le", searched, one)
    for wide, narrow in (("ge", "gt"), ("le", "lt")):
        assert not holds("date", narrow, searched, one) or holds("date", wide, searched, one)


@given(st.tuples(dates, dates | periods))
def test_eq_of_dates_is_within_ge_and_le(case: tuple[str, object]) -> None:
    searched, value = case
    one = entry("date", value)
    assert not holds("date", "eq", searched, one) or all(holds("date", p, searched, one) for p in ("ge", "le", "ap"))


@given(numbers, numbers)
def test_exact_prefixes_of_numbers_are_arithmetic(searched: str, value: str) -> None:
    one, left, right = entry("number", value), Decimal(value), Decimal(searched)
    found = {prefix: holds("number", prefix, searched, one) for prefix in ("lt", "le", "gt", "ge", "sa", "eb")}
    assert found == {
        "lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right, "sa": left > right, "eb": left < right
    }  # fmt: skip


@given(numbers)
def test_number_equals_itself(number: str) -> None:
    assert holds("number", "eq", number, entry("number", number))


@pytest.mark.parametrize("kind", ["date", "number", "quantity"])
@pytest.mark.parametrize("value", ["", "eq", "ge", "xx5", "--5", "5..1", "0x10", "∞", "1e400", "1" * 101, "\u0661"])
def test_what_is_no_value_is_refused(kind: str, value: str) -> None:
    with pytest.raises(BadRequest):
        ALTERNATIVES[kind](value, "", READING)


@given(
    st.decimals(-1000, 1000, places=17).map(str)
    | st.floats(-1e18, 1e18).filter(lambda x: "e-" not in repr(x)).map(repr)
)
def test_number_of_any_length_finds_itself(text: str) -> None:
    assert holds("number", "", text, entry("number", text))
