"""Number search parameters, and the implicit precision that quantities share.

http://hl7.org/fhir/R4/search.html#number
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import inf, nextafter
from typing import Any

from fhir_server.search.query import Compare, IndexEntry, Number, Op, Quantity
from fhir_server.search.types.reading import Alternatives, Reading, prefixed, unescape

Add = Callable[[IndexEntry], None]

MODIFIERS: frozenset[str] = frozenset()
MAX_DIGITS, MAX_EXPONENT = 100, 300
_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?", re.ASCII)


def number(add: Add, param: str, value: float, group: int) -> None:
    add(IndexEntry(param, Number(float(value), float(value)), group))


def bounds(value: Mapping[str, Any]) -> tuple[float, float]:
    """The numbers from which and to which a Range goes; a missing end is infinite."""
    low, high = value.get("low", {}).get("value"), value.get("high", {}).get("value")
    return -inf if low is None else float(low), inf if high is None else float(high)


def number_range(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    add(IndexEntry(param, Number(*bounds(value)), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "decimal": number,
    "integer": number,
    "positiveInt": number,
    "unsignedInt": number,
    "Range": number_range,
}


def alternatives(value: str, _modifier: str, reading: Reading) -> Alternatives:
    """What the number, or the range, of an entry must be to the search value. Raises BadRequest."""
    prefix, text = prefixed(unescape(value).strip())
    return compared(Number, prefix, text, reading)


def compared(kind: type[Number | Quantity], prefix: str, text: str, reading: Reading) -> Alternatives:
    """The comparisons of `low` and `high` that a prefix and a number mean. Raises BadRequest."""
    exact, low, high = precision(text, reading)

    def of(*tests: tuple[str, Op, float]) -> tuple[Compare, ...]:
        return tuple(Compare(kind, field, op, bound) for field, op, bound in tests)

    match prefix:
        case "eq":
            return (of(("low", Op.GE, low), ("high", Op.LT, high)),)
        case "ne":
            return of(("low", Op.LT, low)), of(("high", Op.GE, high))
        case "gt":
            return (of(("high", Op.GT, exact)),)
        case "lt":
            return (of(("low", Op.LT, exact)),)
        case "ge":
            return (of(("high", Op.GE, exact)),)
        case "le":
            return (of(("low", Op.LE, exact)),)
        case "sa":
            return (of(("low", Op.GT, exact)),)
        case "eb":
            return (of(("high", Op.LT, exact)),)
        case _:
            slack = abs(exact) / 10
            return (of(("low", Op.LE, max(exact + slack, high)), ("high", Op.GE, min(exact - slack, low))),)


def precision(text: str, reading: Reading) -> tuple[float, float, float]:
    """(the number, low, high): half a unit of the last digit to both sides, [low, high).

    R4's own example reads 1e2 as 95 to 105: a number without a point, with an exponent, is taken to a tenth of its unit.
    What a double cannot tell apart from the number is within. Raises BadRequest.
    """
    found = _NUMBER.fullmatch(text) if len(text) <= MAX_DIGITS else None
    if found is None or abs(int(found[4] or 0)) > MAX_EXPONENT:
        raise reading.wrong(
            f"{text[:64]!r} is not a number, or one of more than {MAX_DIGITS} digits or exponent {MAX_EXPONENT}"
        )
    value = Decimal(text)
    exponent = int(found[4] or 0) - len(found[3] or "")
    if found[4] is not None and found[3] is None:
        exponent -= 1
    half = Decimal(5).scaleb(exponent - 1)
    exact = float(value)
    return exact, float(value - half), max(float(value + half), nextafter(exact, inf))
