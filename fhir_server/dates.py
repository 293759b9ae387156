"""FHIR's dates and times as ranges of microseconds, and the dates of HTTP headers.

http://hl7.org/fhir/R4/datatypes.html#dateTime and http://hl7.org/fhir/R4/search.html#date

A range is (low, high): from `low` inclusive to `high` exclusive, in microseconds since 1970-01-01T00:00Z. A date without a
time zone is taken as UTC. Ends that are not given are OPEN_LOW and OPEN_HIGH.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

OPEN_LOW, OPEN_HIGH = -(2**62), 2**62

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND

Range = tuple[int, int]

MAX_FRACTION = 60

ZONES = {
    f"{sign}{hour:02}:{minute:02}": (hour * HOUR + minute * MINUTE) * (1 if sign == "+" else -1)
    for sign in "+-"
    for hour in range(15)
    for minute in range(60)
    if hour < 14 or not minute
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - both sides of the difference are UTC
_EPOCH_DAY = _EPOCH.toordinal()
_TIME = re.compile(
    r"T(?P<h>[01][0-9]|2[0-4]):(?P<m>[0-5][0-9])(?::(?P<s>[0-5][0-9]|60)(?:\.(?P<f>[0-9]{1,60}))?)?(?P<zone>Z|[+-][0-9:]{5})?",
    re.ASCII,
)
_HTTP = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_RFC850 = re.compile(r"[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_ASCTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class DateError(ValueError):
    """`text` is no date or time of FHIR, or none that the calendar has (1980-02-31)."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"{text[:64]!r} is not a date or time: expected YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz"
        )


def date_range(text: str) -> Range:
    """The range that a date, dateTime or instant covers at its precision: a year, month, day, minute, second or fraction.

    Years 0001 to 9999; 24:00 is the end of its day, a leap second is the first second of the next minute; digits below a
    microsecond are cut. Raises DateError.
    """
    try:
        length = len(text)
        if length == 10:
            if text[4] == text[7] == "-" and text[5] != "W":
                low = (date.fromisoformat(text).toordinal() - _EPOCH_DAY) * DAY
                return low, low + DAY
        elif length > 18 and text[16] == ":" and text.isascii():
            return _seconds(text)
        elif length == 4 and _plain(text):
            return _month(int(text), 1), _month(int(text) + 1, 1)
        elif length == 7 and text[4] == "-" and _plain(text[:4]) and _plain(text[5:]):
            year, month = int(text[:4]), int(text[5:])
            return _month(year, month), _month(year + month // 12, month % 12 + 1)
        return _rare(text)
    except (ValueError, OverflowError) as error:
        raise DateError(text) from error


def _plain(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal()


def _seconds(text: str) -> Range:
    """The usual dateTime with seconds, mostly by the interpreter's own parser. Raises ValueError."""
    if text[-1] == "Z":
        zone, rest = 0, text[19:-1]
    else:
        offset = ZONES.get(text[-6:])
        zone, rest = (0, text[19:]) if offset is None else (offset, text[19:-6])
    if text[10] != "T" or text[17] == "6" or text[11:13] == "24" or (text[4], text[7]) != ("-", "-"):
        return _rare(text)
    delta = datetime.fromisoformat(text[:19]) - _NAIVE_EPOCH
    low = delta.days * DAY + delta.seconds * SECOND - zone
    if not rest:
        return low, low + SECOND
    digits = rest[1:]
    if rest[0] != "." or not digits.isdecimal() or len(digits) > MAX_FRACTION:
        raise ValueError(text)
    width = 10 ** (6 - len(digits)) if len(digits) < 6 else 1
    low += int(digits) * width if len(digits) < 7 else int(digits[:6])
    return low, low + width


def _month(year: int, month: int) -> int:
    """The first moment of a month; year 10000 is the end of 9999."""
    if year == 10_000:
        return (date.max.toordinal() + 1 - _EPOCH_DAY) * DAY
    return (date(year, month, 1).toordinal() - _EPOCH_DAY) * DAY


def _rare(text: str) -> Range:
    """Minutes without seconds (search values may have them), 24:00, leap seconds. Raises ValueError."""
    time = _TIME.fullmatch(text, 10)
    if time is None or (text[4], text[7]) != ("-", "-"):
        raise ValueError(text)
    part = time.groupdict()
    hour, minute, second = int(part["h"]), int(part["m"]), int(part["s"] or 0)
    fraction = part["f"] or ""
    if hour == 24 and (minute or second or fraction.strip("0")):
        raise ValueError(text)
    low = (date.fromisoformat(text[:10]).toordinal() - _EPOCH_DAY) * DAY
    low += hour * HOUR + minute * MINUTE + second * SECOND + int(fraction[:6].ljust(6, "0"))
    zone = part["zone"] or "Z"
    if zone != "Z":
        if zone not in ZONES:
            raise ValueError(text)
        low -= ZONES[zone]
    if part["s"] is None:
        return low, low + MINUTE
    return low, low + (10 ** (6 - len(fraction)) if len(fraction) < 6 else 1)


def period_range(period: Mapping[str, Any]) -> Range:
    """The range of a Period: from its start's first moment to its end's last; a missing end is open. Raises DateError."""
    start, end = period.get("start"), period.get("end")
    return (
        OPEN_LOW if start is None else date_range(start)[0],
        OPEN_HIGH if end is None else date_range(end)[1],
    )


def timing_range(timing: Mapping[str, Any]) -> Range | None:
    """The outer limits of a Timing, its events and its bounding period together; None where it names none. Raises DateError.

    http://hl7.org/fhir/R4/search.html#date: the schedule within the limits does not matter.
    """
    ranges = [date_range(event) for event in timing.get("event", ()) if event is not None]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds is not None:
        ranges.append(period_range(bounds))
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment that has a zone."""
    delta = moment - _EPOCH
    return delta.days * DAY + delta.seconds * SECOND + delta.microseconds


def moment_of(low: int) -> datetime:
    """The moment (UTC) at so many microseconds since 1970; beyond the calendar its first or last moment."""
    try:
        return _EPOCH + timedelta(microseconds=low)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if low < 0 else datetime.max.replace(tzinfo=UTC)


def instant(moment: datetime) -> str:
    """A moment as a FHIR instant in UTC with milliseconds: 2026-11-22T17:00:00.123Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it: Sun, 22 Nov 2026 17:00:00 GMT. https://www.rfc-editor.org/rfc/rfc9110#http.date"""
    m = moment.astimezone(UTC)
    return f"{_DAYS[m.weekday()]}, {m.day:02} {_MONTHS[m.month - 1]} {m.year:04} {m.hour:02}:{m.minute:02}:{m.second:02} GMT"


def parse_http_date(text: str) -> datetime | None:
    """The moment of an HTTP date in any of its three forms; None for anything else (RFC 9110: such a header is ignored)."""
    if found := _HTTP.fullmatch(text):
        day, month, year, *clock = found.groups()
    elif found := _RFC850.fullmatch(text):
        day, month, short, *clock = found.groups()
        year = f"{_full_year(int(short)):04}"
    elif found := _ASCTIME.fullmatch(text):
        month, day, hour, minute, second, year = found.groups()
        clock = [hour, minute, second]
    else:
        return None
    try:
        second = min(int(clock[2]), 59)
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(clock[0]), int(clock[1]), second, tzinfo=UTC)
    except ValueError:
        return None


def _full_year(short: int) -> int:
    """The year that two digits stand for: not more than 50 years ahead (RFC 9110)."""
    this = datetime.now(UTC).year
    year = this - this % 100 + short
    return year - 100 if year > this + 50 else year
