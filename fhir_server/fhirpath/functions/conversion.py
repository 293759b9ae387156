"""Conversion: toBoolean, toInteger, toDecimal, toString, toDate, toDateTime, toTime, toQuantity and convertsTo….

http://hl7.org/fhirpath/N1/#conversion
"""

import re
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final

from fhir_server.fhirpath import temporal, units
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, Node, quantity, system
from fhir_server.fhirpath.scope import Evaluate, Scope, single, text
from fhir_server.fhirpath.temporal import CALENDAR, Kind, Temporal
from fhir_server.fhirpath.values import MAX_INTEGER, Quantity, Value, number_text
from fhir_server.fhirpath.values import decimal as to_decimal

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?\d{1,100}(?:\.\d{1,100})?", re.ASCII)
_QUANTITY: Final = re.compile(r"([+-]?\d{1,100}(?:\.\d{1,100})?)(?:\s+(?:'([^']+)'|([a-zA-Z]+)))?", re.ASCII)

Converted = Value | None


def boolean(value: Value) -> Converted:
    match value:
        case bool():
            return value
        case int() | Decimal() if value in {0, 1}:
            return value == 1
        case str() if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        case _:
            return None


def integer(value: Value) -> Converted:
    match value:
        case bool():
            return int(value)
        case int():
            return value
        case str() if _INTEGER.fullmatch(value) and -MAX_INTEGER - 1 <= int(value) <= MAX_INTEGER:
            return int(value)
        case _:
            return None


def decimal(value: Value) -> Converted:
    match value:
        case bool():
            return Decimal(1 if value else 0)
        case int() | Decimal():
            return Decimal(value)
        case str() if _DECIMAL.fullmatch(value):
            return Decimal(value)
        case _:
            return None


def string(value: Value) -> Converted:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return number_text(value)
        case str() | Temporal() | Quantity():
            return str(value)
        case _:
            return None


def to_quantity(value: Value) -> Converted:
    match value:
        case bool():
            return Quantity(Decimal(f"{value:d}.0"), "1")
        case int() | Decimal():
            return Quantity(Decimal(value), "1")
        case Quantity():
            return value
        case str() if found := _QUANTITY.fullmatch(value):
            number, code, word = found.groups()
            if word is None:
                return Quantity(Decimal(number), code or "1")
            singular = word.removesuffix("s")
            return Quantity(Decimal(number), singular, word) if singular in CALENDAR else None
        case _:
            return None


def _moment(kind: Kind) -> Callable[[Value], Converted]:
    def convert(value: Value) -> Converted:
        if isinstance(value, str):
            return temporal.parse(value, kind)
        if not isinstance(value, Temporal) or (value.kind == "Time") != (kind == "Time"):
            return None
        if kind == "Date":
            return Temporal("Date", value.parts[:3])
        return Temporal(kind, value.parts, value.fraction, value.offset)

    return convert


def _enter(name: str, convert: Callable[[Value], Converted]) -> None:
    """Enters to…() and convertsTo…()."""

    def converted(items: list[Item], of: str) -> Converted:
        item = single(items, of)
        value = None if item is None else quantity(item) or system(item)
        if value is None or isinstance(value, Node):
            return None
        return convert(value)

    @function(f"to{name}")
    def to(_: Scope, items: list[Item]) -> list[Item]:
        found = converted(items, f"to{name}()")
        return [] if found is None else [found]

    @function(f"convertsTo{name}")
    def converts_to(_: Scope, items: list[Item]) -> list[Item]:
        return [converted(items, f"convertsTo{name}()") is not None] if items else []


_enter("Boolean", boolean)
_enter("Integer", integer)
_enter("Decimal", decimal)
_enter("String", string)
_enter("Date", _moment("Date"))
_enter("DateTime", _moment("DateTime"))
_enter("Time", _moment("Time"))


def _quantity_in(scope: Scope, items: list[Item], unit: Evaluate | None, name: str) -> Quantity | None:
    item = single(items, name)
    value = None if item is None else quantity(item) or system(item)
    found = None if value is None or isinstance(value, Node) else to_quantity(value)
    wanted = text(unit(scope), name) if unit else None
    if not isinstance(found, Quantity) or wanted is None:
        return found if isinstance(found, Quantity) else None
    return _in_unit(found, wanted)


def _in_unit(value: Quantity, wanted: str) -> Quantity | None:
    if value.unit == wanted:
        return value
    canonical, unit = value.canonical, units.unit(wanted)
    if canonical is None or unit is None or canonical[1] != unit.powers:
        return None
    try:
        return Quantity(to_decimal(canonical[0] / unit.factor), wanted)
    except DecimalException:
        return None


@function("toQuantity", 0, 1)
def to_quantity_function(scope: Scope, items: list[Item], unit: Evaluate | None = None) -> list[Item]:
    found = _quantity_in(scope, items, unit, "toQuantity()")
    return [] if found is None else [found]


@function("convertsToQuantity", 0, 1)
def converts_to_quantity(scope: Scope, items: list[Item], unit: Evaluate | None = None) -> list[Item]:
    return [_quantity_in(scope, items, unit, "convertsToQuantity()") is not None] if items else []


@function("getValue")
def value_of(_: Scope, items: list[Item]) -> list[Item]:
    """The value of a single primitive as one of the language; empty for others."""
    found = system(items[0]) if len(items) == 1 else None
    return [] if found is None or isinstance(found, Node) else [found]


@function("hasValue")
def has_value(scope: Scope, items: list[Item]) -> list[Item]:
    return [bool(value_of(scope, items))]
