"""Quantity search parameters: a number with a unit.

http://hl7.org/fhir/R4/search.html#quantity
"""

from collections.abc import Callable, Mapping
from math import inf, nextafter
from typing import Any

from fhir_server.search.query import Compare, IndexEntry, Op, Quantity
from fhir_server.search.types.number import bounds, compared
from fhir_server.search.types.reading import Alternatives, Reading, prefixed, split, spread, unescape

Add = Callable[[IndexEntry], None]

MODIFIERS: frozenset[str] = frozenset()
CURRENCY = "urn:iso:std:iso:4217"


def quantity(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """A Quantity; with a comparator (`<5`) it is the range of what it may be."""
    amount = value.get("value")
    if amount is None:
        return
    low = high = float(amount)
    if (comparator := value.get("comparator")) is not None:
        low, high = COMPARED[comparator](low)
    add(
        IndexEntry(
            param, Quantity(low, high, value.get("system", ""), value.get("code", ""), value.get("unit", "")), group
        )
    )


COMPARED: Mapping[str, Callable[[float], tuple[float, float]]] = {
    "<": lambda x: (-inf, nextafter(x, -inf)),
    "<=": lambda x: (-inf, x),
    ">=": lambda x: (x, inf),
    ">": lambda x: (nextafter(x, inf), inf),
}


def money(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    if (amount := value.get("value")) is not None:
        currency = value.get("currency", "")
        add(IndexEntry(param, Quantity(float(amount), float(amount), CURRENCY if currency else "", currency), group))


def quantity_range(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    unit = value.get("low") or value.get("high") or {}
    low, high = bounds(value)
    add(
        IndexEntry(
            param, Quantity(low, high, unit.get("system", ""), unit.get("code", ""), unit.get("unit", "")), group
        )
    )


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "Quantity": quantity,
    "Age": quantity,
    "Duration": quantity,
    "Count": quantity,
    "Distance": quantity,
    "Money": money,
    "Range": quantity_range,
}


def alternatives(value: str, _modifier: str, reading: Reading) -> Alternatives:
    """`[prefix]number`, with `|system|code`, or with `||code` for a code or the unit as people write it. Raises BadRequest."""
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) not in (1, 3):
        raise reading.wrong(f"{value[:64]!r} has not the form [prefix][number] or [prefix][number]|[system]|[code]")
    prefix, number = prefixed(pieces[0].strip())
    numbers = compared(Quantity, prefix, number, reading)
    system, code = pieces[1:] or ("", "")
    if system:
        numbers = spread(numbers, ((Compare(Quantity, "system", Op.EQ, system),),))
        return spread(numbers, ((Compare(Quantity, "code", Op.EQ, code),),)) if code else numbers
    if code:
        return spread(numbers, ((Compare(Quantity, "code", Op.EQ, code),), (Compare(Quantity, "unit", Op.EQ, code),)))
    return numbers
