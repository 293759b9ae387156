"""Dates and times: precision, comparison across offsets, arithmetic, boundaries."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhirpath import temporal
from fhir_server.fhirpath.temporal import Kind, Temporal


def moment(text: str, kind: Kind = "DateTime") -> Temporal:
    value = temporal.parse(text, kind)
    assert value is not None
    return value


@pytest.mark.parametrize(
    "text", ["2015", "2015-02", "2016-02-29", "2015-02-04T14:34:28.123+10:00", "2015-02-04T14:34Z", "2015-02-04T14"]
)
def test_parsed_values_are_written_as_they_were(text: str) -> None:
    assert str(moment(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "2015-13",
        "2015-02-29",
        "2015-02-04T25",
        "2015T10",
        "2015-02-04T10:00z",
        "0000",
        "2015-02-04T10:60",
        "٢٠١٥",
    ],
)
def test_what_is_not_in_the_calendar_is_none(text: str) -> None:
    assert temporal.parse(text, "DateTime") is None


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2015", "2016", -1),
        ("2015", "2015", 0),
        ("2015", "2015-02", None),
        ("2015-03", "2014-12-31T10:00Z", 1),
        ("2015-02-04T10:00:00Z", "2015-02-04T12:00:00+02:00", 0),
        ("2015-02-04T10:00:00Z", "2015-02-04T10:00:00", None),
        ("2015-02-04T10:00:00Z", "2015-02-06T10:00:00", -1),
        ("2015-02-07T10:00:00", "2015-02-04T10:00:00Z", 1),
        ("2015-02-04T10:00:00", "2015-02-04T10:00:00.001", -1),
    ],
)
def test_order_is_open_where_precision_or_offset_leaves_it_open(left: str, right: str, order: int | None) -> None:
    assert temporal.compare(moment(left), moment(right)) == order
    turned = temporal.compare(moment(right), moment(left))
    assert turned == (None if order is None else -order)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        ("2016-01-31", "1", "month", "2016-02-29"),
        ("2016-02-29", "1", "year", "2017-02-28"),
        ("2016-02-29", "-12", "month", "2015-02-28"),
        ("2014", "24", "month", "2016"),
        ("2014", "-13", "month", "2013"),
        ("2014", "730", "day", "2016"),
        ("2014-01", "31", "day", "2014-02"),
        ("2014-01-01", "25", "hour", "2014-01-02"),
        ("2014-01-01", "-1", "second", "2014-01-01"),
        ("2014-12-31T23:59:59.999Z", "1", "millisecond", "2015-01-01T00:00:00.000Z"),
        ("2014-12-31T23:59", "90", "second", "2015-01-01T00:00"),
        ("2014-01-01T10:00:00", "0.25", "second", "2014-01-01T10:00:00.250"),
        ("9999-12-31", "1", "day", None),
        ("0001-01-01", "-1", "month", None),
        ("2014", "1E+300", "year", None),
    ],
)
def test_arithmetic_keeps_the_precision(start: str, amount: str, unit: str, expected: str | None) -> None:
    found = temporal.add(moment(start), Decimal(amount), unit)
    assert (None if found is None else str(found)) == expected


def test_time_wraps_round_midnight() -> None:
    assert str(temporal.add(moment("23:30", "Time"), Decimal(45), "minute")) == "00:15"


DAYS = st.dates().map(lambda day: moment(day.isoformat(), "Date"))


@given(DAYS, st.integers(-100_000, 100_000))
def test_days_there_and_back_is_identity(day: Temporal, days: int) -> None:
    there = temporal.add(day, Decimal(days), "day")
    if there is not None:
        assert temporal.add(there, Decimal(-days), "day") == day
        assert temporal.compare(there, day) == (days > 0) - (days < 0)


@given(st.datetimes(), st.integers(1, 6), st.sampled_from(["", "Z", "+05:30", "-11:00"]))
def test_value_lies_between_its_boundaries(when: object, parts: int, offset: str) -> None:
    whole = moment(str(when).replace(" ", "T"))
    value = Temporal(
        "DateTime", whole.parts[:parts], "", moment(f"2000-01-01T00:00{offset}").offset if parts > 3 else None
    )
    low, high = temporal.boundary(value, None, low=True), temporal.boundary(value, None, low=False)
    assert low is not None
    assert high is not None
    assert temporal.compare(low, high) == -1
    assert temporal.compare(low, value) in {None, 0}
    assert temporal.compare(value, high) in {None, 0, -1}
