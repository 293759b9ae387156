"""Date search parameters: dates, dateTimes, instants, Periods and Timings as ranges of time.

http://hl7.org/fhir/R4/search.html#date
"""

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.dates import DateError, date_range, micros, period_range, timing_range
from fhir_server.search.query import DateRange, IndexEntry, Op
from fhir_server.search.types.reading import Alternatives, Reading, all_of, prefixed, unescape

Add = Callable[[IndexEntry], None]

MODIFIERS: frozenset[str] = frozenset()


def date(add: Add, param: str, value: str, group: int) -> None:
    low, high = date_range(value)
    add(IndexEntry(param, DateRange(low, high), group))


def period(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    if "start" in value or "end" in value:
        low, high = period_range(value)
        add(IndexEntry(param, DateRange(low, high), group))


def timing(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    limits = timing_range(value)
    if limits is not None:
        add(IndexEntry(param, DateRange(*limits), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "date": date,
    "dateTime": date,
    "instant": date,
    "Period": period,
    "Timing": timing,
}


def searched(value: str, reading: Reading) -> tuple[str, int, int]:
    """(prefix, low, high) of a search value; for `ap` the range is widened by a tenth of its distance from now.

    Raises BadRequest.
    """
    prefix, text = prefixed(unescape(value).strip())
    if len(text) > 16 and text[-6:-5] == " ":
        text = f"{text[:-6]}+{text[-5:]}"  # a + that was not encoded
    try:
        low, high = date_range(text)
    except DateError as error:
        raise reading.wrong(str(error)) from error
    if prefix == "ap":
        now = micros(reading.now)
        slack = max(low - now, now - high, 0) // 10
        low, high = low - slack, high + slack
    return prefix, low, high


def alternatives(value: str, _modifier: str, reading: Reading) -> Alternatives:
    """What the range of an entry must be to the range of the search value. Raises BadRequest."""
    prefix, low, high = searched(value, reading)
    match prefix:
        case "eq":
            return (all_of((DateRange, "low", Op.GE, low), (DateRange, "high", Op.LE, high)),)
        case "ne":
            return (all_of((DateRange, "low", Op.LT, low)), all_of((DateRange, "high", Op.GT, high)))
        case "gt":
            return (all_of((DateRange, "high", Op.GT, high)),)
        case "lt":
            return (all_of((DateRange, "low", Op.LT, low)),)
        case "ge":
            return (all_of((DateRange, "low", Op.GE, low)), all_of((DateRange, "high", Op.GT, high)))
        case "le":
            return (all_of((DateRange, "high", Op.LE, high)), all_of((DateRange, "low", Op.LT, low)))
        case "sa":
            return (all_of((DateRange, "low", Op.GE, high)),)
        case "eb":
            return (all_of((DateRange, "high", Op.LE, low)),)
        case _:
            return (all_of((DateRange, "low", Op.LT, high), (DateRange, "high", Op.GT, low)),)


def instant_tests(value: str, reading: Reading) -> tuple[tuple[tuple[Op, int], ...], ...]:
    """What a moment (`_lastUpdated`) must be to the search value: alternatives of tests that all hold. Raises BadRequest."""
    prefix, low, high = searched(value, reading)
    match prefix:
        case "ne":
            return ((Op.LT, low),), ((Op.GE, high),)
        case "gt" | "sa":
            return (((Op.GE, high),),)
        case "lt" | "eb":
            return (((Op.LT, low),),)
        case "ge":
            return (((Op.GE, low),),)
        case "le":
            return (((Op.LT, high),),)
        case _:
            return (((Op.GE, low), (Op.LT, high)),)
