"""Date, DateTime and Time: values of a stated precision, their comparison, arithmetic and boundaries.

http://hl7.org/fhirpath/N1/#datetime-arithmetic and http://hl7.org/fhirpath/N1/#equals
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

Kind = Literal["Date", "DateTime", "Time"]

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME: Final = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,20}))?)?)?", re.ASCII)
_OFFSET: Final = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)

_EARLIEST: Final = timedelta(hours=14)
_LATEST: Final = timedelta(hours=12)
_LOWEST: Final = (1, 1, 1, 0, 0, 0)
_HIGHEST: Final = (9999, 12, 31, 23, 59, 59)
_DIGITS: Final[dict[Kind, tuple[int, ...]]] = {
    "Date": (4, 6, 8),
    "DateTime": (4, 6, 8, 10, 12, 14, 17),
    "Time": (2, 4, 6, 9),
}
_UNITS: Final = ("year", "month", "day", "hour", "minute", "second")
_SECONDS: Final = {
    "week": Decimal(604_800),
    "day": Decimal(86_400),
    "hour": Decimal(3_600),
    "minute": Decimal(60),
    "second": Decimal(1),
    "millisecond": Decimal("0.001"),
}
CALENDAR: Final = frozenset({"year", "month", *_SECONDS})
"""The calendar durations of the language, in the singular."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """A Date (year, month, day), Time (hour, minute, second) or DateTime (all six) of as many parts as were given.

    `fraction` holds the digits behind the second; `offset` the minutes east of UTC, None where unknown.
    """

    kind: Kind
    parts: tuple[int, ...]
    fraction: str = ""
    offset: int | None = None

    def __str__(self) -> str:
        if self.kind == "Time":
            return self._clock(self.parts)
        date = "-".join(f"{part:0{4 if at == 0 else 2}d}" for at, part in enumerate(self.parts[:3]))
        if len(self.parts) <= 3:
            return date
        return f"{date}T{self._clock(self.parts[3:])}{_offset_text(self.offset)}"

    def _clock(self, parts: tuple[int, ...]) -> str:
        clock = ":".join(f"{part:02d}" for part in parts)
        return f"{clock}.{self.fraction}" if self.fraction else clock

    @property
    def digits(self) -> int:
        """Digits of precision as the function precision() counts them: 4 for a year, 17 for a millisecond."""
        return _DIGITS[self.kind][len(self.parts) - 1 + (1 if self.fraction else 0)]

    @property
    def comparable(self) -> tuple[int | Decimal, ...]:
        """The parts in UTC where the offset is known; second and millisecond are one precision."""
        parts = self.parts
        if self.offset and len(parts) >= 4:
            parts = _utc(self)
        if self.fraction:
            return (*parts[:-1], Decimal(f"{parts[-1]}.{self.fraction}"))
        return parts

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for values that are equal, whatever their spelling."""
        zoned = self.offset is not None if len(self.parts) > 3 and self.kind != "Time" else None
        return ("Time" if self.kind == "Time" else "Date", zoned, *self.comparable)


def parse(text: str, kind: Kind) -> Temporal | None:
    """The value `text` as `kind`, None where it is none; a DateTime may be a date with or without a trailing `T`."""
    if kind == "Time":
        clock = _TIME.fullmatch(text)
        return _checked(_time(clock, ())) if clock else None
    date, t, clock_text = text.partition("T")
    day = _DATE.fullmatch(date)
    if not day or (kind == "Date" and t):
        return None
    parts = tuple(int(part) for part in day.groups() if part is not None)
    if not clock_text:
        return _checked(Temporal(kind, parts))
    clock = _TIME.match(clock_text)
    if not clock or len(parts) != 3:
        return None
    rest = clock_text[clock.end() :]
    if rest and not _OFFSET.fullmatch(rest):
        return None
    return _checked(_time(clock, parts, _offset(rest)))


def _time(clock: re.Match[str], date: tuple[int, ...], offset: int | None = None) -> Temporal:
    *parts, fraction = clock.groups()
    kind: Kind = "DateTime" if date else "Time"
    return Temporal(kind, date + tuple(int(part) for part in parts if part is not None), fraction or "", offset)


def _checked(value: Temporal) -> Temporal | None:
    """`value` itself where it exists in the calendar; a leap second counts as the second before it."""
    clock = value.parts if value.kind == "Time" else value.parts[3:]
    if len(clock) == 3 and clock[2] == 60:
        return _checked(Temporal(value.kind, (*value.parts[:-1], 59), value.fraction, value.offset))
    if any(part > limit for part, limit in zip(clock, (23, 59, 59), strict=False)):
        return None
    if value.kind != "Time":
        try:
            year, month, day = (*value.parts[:3], 1, 1)[:3]
            datetime(year, month, day)  # noqa: DTZ001  # only whether the day exists
        except ValueError:
            return None
    return value


def _offset(text: str) -> int | None:
    if not text:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _offset_text(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def _moment(value: Temporal) -> datetime:
    year, month, day, hour, minute, second = (*value.parts, *_LOWEST[len(value.parts) :])[:6]
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # offsets are applied beside it


def _utc(value: Temporal) -> tuple[int, ...]:
    try:
        moment = _moment(value) - timedelta(minutes=value.offset or 0)
    except OverflowError:
        return value.parts
    return moment.timetuple()[: len(value.parts)]


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1; None where the precisions or a missing offset leave it open. Time only compares with Time."""
    timed = left.kind != "Time" and len(left.parts) > 3 and len(right.parts) > 3
    if timed and (left.offset is None) != (right.offset is None):
        return _compare_unzoned(left, right)
    if timed:
        ours, theirs = left.comparable, right.comparable
    else:
        ours, theirs = left.parts, right.parts
        if left.kind == "Time":
            ours, theirs = left.comparable, right.comparable
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            return -1 if mine < other else 1
    return 0 if len(ours) == len(theirs) else None


def _compare_unzoned(left: Temporal, right: Temporal) -> int | None:
    """One offset is unknown: decided only where it is the same for every offset there is."""
    if left.offset is None:
        turned = _compare_unzoned(right, left)
        return None if turned is None else -turned
    distance = (
        _moment(left) - timedelta(minutes=left.offset) - _moment(right) if _moment(left).year > 1 else timedelta()
    )
    slack = timedelta(hours=1)
    if distance < -_EARLIEST - slack:
        return -1
    return 1 if distance > _LATEST + slack else None


def add(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    """`value` plus `amount` calendar `unit`s in the precision of `value`; None outside the years 1 to 9999.

    Decimals count for seconds only; months end on the last day there is.
    """
    finest = "second" if value.kind == "Time" else _UNITS[len(value.parts) - 1]
    if value.kind == "Time":
        finest = _UNITS[len(value.parts) + 2]
    if unit not in {"second", "millisecond"}:
        amount = amount.to_integral_value(rounding="ROUND_DOWN")
    if abs(amount) > 10**12:
        return None
    if value.kind != "Time" and (unit in {"year", "month"} or finest in {"year", "month"}):
        return _add_months(value, _months(amount, unit, finest))
    if unit in {"year", "month"}:
        return None
    seconds = amount * _SECONDS[unit]
    if finest != "second":
        seconds -= seconds % _SECONDS[finest] if seconds >= 0 else -((-seconds) % _SECONDS[finest])
    return _add_seconds(value, seconds)


def _months(amount: Decimal, unit: str, finest: str) -> int:
    """Whole months, whole years where `value` has only a year; a month has 30 days and a year 365 here."""
    if unit in {"year", "month"}:
        months = int(amount) * (12 if unit == "year" else 1)
        return int(months / 12) * 12 if finest == "year" else months
    days = int(amount * _SECONDS[unit] / 86_400)
    return int(days / 365) * 12 if finest == "year" else int(days / 30)


def _add_months(value: Temporal, months: int) -> Temporal | None:
    year, month = divmod(value.parts[0] * 12 + (value.parts[1] - 1 if len(value.parts) > 1 else 0) + months, 12)
    if not 1 <= year <= 9999:
        return None
    parts = (year, month + 1, *value.parts[2:])[: len(value.parts)]
    while len(parts) > 2 and _checked(Temporal("Date", parts[:3])) is None:
        parts = (*parts[:2], parts[2] - 1, *parts[3:])
    return Temporal(value.kind, parts, value.fraction, value.offset)


def _add_seconds(value: Temporal, seconds: Decimal) -> Temporal | None:
    total = (Decimal(f"0.{value.fraction}") if value.fraction else Decimal(0)) + seconds
    total = total.quantize(Decimal("1e-9"), "ROUND_DOWN")
    whole = int(total.to_integral_value(rounding="ROUND_FLOOR"))
    rest = total - whole
    date = (2000, 1, 1) if value.kind == "Time" else ()
    try:
        moment = _moment(Temporal("DateTime", date + value.parts)) + timedelta(seconds=whole)
    except OverflowError:
        return None
    parts = tuple(moment.timetuple()[:6])[: len(date) + len(value.parts)][len(date) :]
    places = max(len(value.fraction), 3 if rest else 0)
    fraction = f"{rest:.{places}f}"[2:] if places else ""
    return Temporal(value.kind, parts, fraction, value.offset)


def boundary(value: Temporal, digits: int | None, *, low: bool) -> Temporal | None:
    """The least (or greatest) value of `digits` precision that `value` can stand for; None for a precision it has not.

    An unknown offset is +14:00 at the low end and -12:00 at the high end.
    """
    steps = _DIGITS[value.kind]
    digits = steps[-1] if digits is None else digits
    if digits not in steps:
        return None
    parts = list(value.parts)
    start = 3 if value.kind == "Time" else 0
    edge = _LOWEST if low else _HIGHEST
    while len(parts) < (6 - start if value.kind == "DateTime" else 3):
        parts.append(edge[start + len(parts)])
    if not low and value.kind != "Time":
        while _checked(Temporal("Date", tuple(parts[:3]))) is None:
            parts[2] -= 1
    count = min(steps.index(digits) + 1, len(parts))
    fraction = (value.fraction + ("0" if low else "9") * 3)[:3] if steps.index(digits) >= len(parts) else ""
    offset = value.offset
    if value.kind == "DateTime" and offset is None and count > 3:
        offset = 14 * 60 if low else -12 * 60
    return Temporal(value.kind, tuple(parts[:count]), fraction, offset if count > 3 else None)
