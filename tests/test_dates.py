import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.dates import (
    DAY,
    MINUTE,
    OPEN_HIGH,
    OPEN_LOW,
    SECOND,
    DateError,
    date_range,
    http_date,
    instant,
    micros,
    moment_of,
    parse_http_date,
    period_range,
    timing_range,
)

moments = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2015", "2015-01-01T00:00:00", "2016-01-01T00:00:00"),
        ("2015-02", "2015-02-01T00:00:00", "2015-03-01T00:00:00"),
        ("2015-12", "2015-12-01T00:00:00", "2016-01-01T00:00:00"),
        ("2016-02-29", "2016-02-29T00:00:00", "2016-03-01T00:00:00"),
        ("2015-02-07T13:28", "2015-02-07T13:28:00", "2015-02-07T13:29:00"),
        ("2015-02-07T13:28Z", "2015-02-07T13:28:00", "2015-02-07T13:29:00"),
        ("2015-02-07T13:28:17", "2015-02-07T13:28:17", "2015-02-07T13:28:18"),
        ("2015-02-07T13:28:17Z", "2015-02-07T13:28:17", "2015-02-07T13:28:18"),
        ("2015-02-07T13:28:17-05:00", "2015-02-07T18:28:17", "2015-02-07T18:28:18"),
        ("2015-02-07T13:28:17.239+02:00", "2015-02-07T11:28:17.239", "2015-02-07T11:28:17.240"),
        ("2015-02-07T13:28:17.5Z", "2015-02-07T13:28:17.5", "2015-02-07T13:28:17.6"),
        ("2015-02-07T13:28:17.1234567891234Z", "2015-02-07T13:28:17.123456", "2015-02-07T13:28:17.123457"),
        ("2015-02-07T24:00:00Z", "2015-02-08T00:00:00", "2015-02-08T00:00:01"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00", "2017-01-01T00:00:01"),
        ("2016-12-31T23:59:60.25-01:00", "2017-01-01T01:00:00.25", "2017-01-01T01:00:00.26"),
        ("0001", "0001-01-01T00:00:00", "0002-01-01T00:00:00"),
    ],
)
def test_date_covers_its_precision(text: str, low: str, high: str) -> None:
    expected = tuple(micros(datetime.fromisoformat(end).replace(tzinfo=UTC)) for end in (low, high))
    assert date_range(text) == expected


@pytest.mark.parametrize("text", ["9999", "9999-12", "9999-12-31"])
def test_calendar_ends_with_the_year_9999(text: str) -> None:
    assert date_range(text)[1] == micros(datetime(9999, 12, 31, tzinfo=UTC)) + DAY


def test_zone_may_lead_out_of_the_calendar() -> None:
    first = micros(datetime(1, 1, 1, tzinfo=UTC))
    assert date_range("0001-01-01T00:00:00+14:00") == (first - 14 * 60 * MINUTE, first - 14 * 60 * MINUTE + SECOND)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "201", "20150", "0000", "-001", "+201", "20_5", "20 5", "\uff12\uff10\uff11\uff15", "2015-13", "2015-00", "2015-1 ", "2015-+1",
        "1980-02-31", "2015-02-29", "2015-W05-1", "20150207", "2015-02-07T13", "2015-02-07 13:28:17Z", "2015-02-07T25:00:00Z",
        "2015-02-07T24:00:01Z", "2015-02-07T13:28:61Z", "2015-02-07T13:28:17.Z", "2015-02-07T13:28:17,5Z",
        "2015-02-07T13:28:17+0200", "2015-02-07T13:28:17+02", "2015-02-07T13:28:17-24:00", "2015-02-07T13:28:17+14:30",
        "2015-02-07T13:28:17.5+02:00:30", "2015-02-07T13:28:17.-5Z", "2015-02-07T13:28:1\uff17Z", "2015-02-07T13:28:17ZZ",
        "2015/02/07", "2015-02-07T13:28:17." + "1" * 100 + "Z", "2015-02-07T13:28:17Z\n", "2015\n",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(DateError):
        date_range(text)


@given(
    st.text(max_size=40)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?.{0,12}", fullmatch=True)
)
def test_any_text_is_a_range_or_a_date_error(text: str) -> None:
    try:
        low, high = date_range(text)
    except DateError:
        return
    assert low < high


@given(moments, st.integers(0, 6), st.integers(-14 * 60, 14 * 60))
def test_moment_lies_in_the_range_of_its_text(moment: datetime, digits: int, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    fraction = f".{moment.microsecond:06}"[: digits + 1] if digits else ""
    local = moment.astimezone(zone)
    text = f"{local.replace(tzinfo=None).isoformat(timespec='seconds')}{fraction}{local.strftime('%z')[:3]}:{local.strftime('%z')[3:]}"
    low, high = date_range(text)
    assert low <= micros(moment) < high
    assert high - low == 10 ** (6 - digits)


@given(moments)
def test_longer_text_lies_within_shorter(moment: datetime) -> None:
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    ranges = [date_range(text[:length]) for length in (4, 7, 10)] + [date_range(text[:19] + "Z"), date_range(text)]
    assert all(a[0] <= b[0] and b[1] <= a[1] for a, b in itertools.pairwise(ranges))


@given(moments)
def test_micros_and_moment_are_inverse(moment: datetime) -> None:
    assert moment_of(micros(moment)) == moment


def test_moment_beyond_the_calendar_is_its_end() -> None:
    assert (moment_of(OPEN_LOW).year, moment_of(OPEN_HIGH).year) == (1, 9999)


@given(moments)
def test_instant_reads_back_to_the_millisecond(moment: datetime) -> None:
    low, high = date_range(instant(moment))
    assert low <= micros(moment) < high
    assert high - low == 1000


def test_period_is_open_where_an_end_is_missing() -> None:
    assert period_range({"start": "2013-01-21"}) == (date_range("2013-01-21")[0], OPEN_HIGH)
    assert period_range({"end": "2013-01-21"}) == (OPEN_LOW, date_range("2013-01-21")[1])
    assert period_range({}) == (OPEN_LOW, OPEN_HIGH)


def test_timing_has_the_outer_limits_of_all_that_it_names() -> None:
    events = {"event": ["2013-03-24", None, "2013-01-31"]}
    bounds = {"repeat": {"boundsPeriod": {"start": "2013-02-01"}, "frequency": 1}}
    assert timing_range(events) == (date_range("2013-01-31")[0], date_range("2013-03-24")[1])
    assert timing_range(bounds) == (date_range("2013-02-01")[0], OPEN_HIGH)
    assert timing_range(events | bounds) == (date_range("2013-01-31")[0], OPEN_HIGH)
    assert timing_range({"code": {"text": "BID"}}) is None


@given(moments)
def test_http_date_reads_back(moment: datetime) -> None:
    assert parse_http_date(http_date(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_http_date_has_three_forms(text: str) -> None:
    assert parse_http_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
    ],
)
def test_what_is_no_http_date_is_ignored(text: str) -> None:
    assert parse_http_date(text) is None
