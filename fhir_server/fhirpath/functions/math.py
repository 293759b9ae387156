"""Math: abs, ceiling, floor, round, truncate, exp, ln, log, power, sqrt.

http://hl7.org/fhirpath/N1/#math
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException

from fhir_server.fhirpath.equality import name_of
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, quantity, system
from fhir_server.fhirpath.scope import Evaluate, Scope, integer, single
from fhir_server.fhirpath.values import ARITHMETIC, MAX_INTEGER, Quantity

_MAX_PLACES = 28


def _number(items: list[Item], name: str) -> int | Decimal | None:
    item = single(items, name)
    value = None if item is None else system(item)
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    raise FhirPathError(f"{name} needs a number and got {name_of(item) if item is not None else 'nothing'}")


def _decimal(calculate: Callable[[], Decimal]) -> list[Item]:
    """The result; empty where it is no number or too large."""
    try:
        return [calculate()]
    except DecimalException:
        return []


def _whole(items: list[Item], name: str, rounding: str) -> list[Item]:
    value = _number(items, name)
    if value is None or Decimal(value).copy_abs() > MAX_INTEGER:
        return []
    return [int(Decimal(value).to_integral_value(rounding))]


@function("abs")
def abs_(_: Scope, items: list[Item]) -> list[Item]:
    item = single(items, "abs()")
    found = None if item is None else quantity(item)
    if found:
        return [Quantity(found.value.copy_abs(), found.unit, found.word)]
    value = _number(items, "abs()")
    return [] if value is None else [value.copy_abs() if isinstance(value, Decimal) else abs(value)]


@function("ceiling")
def ceiling(_: Scope, items: list[Item]) -> list[Item]:
    return _whole(items, "ceiling()", ROUND_CEILING)


@function("floor")
def floor(_: Scope, items: list[Item]) -> list[Item]:
    return _whole(items, "floor()", ROUND_FLOOR)


@function("truncate")
def truncate(_: Scope, items: list[Item]) -> list[Item]:
    return _whole(items, "truncate()", ROUND_DOWN)


@function("round", 0, 1)
def round_(scope: Scope, items: list[Item], precision: Evaluate | None = None) -> list[Item]:
    value = _number(items, "round()")
    digits = integer(precision(scope), "round()") if precision else 0
    if value is None or digits is None:
        return []
    if not 0 <= digits <= _MAX_PLACES:
        raise FhirPathError(f"round() takes a precision from 0 to {_MAX_PLACES}")
    return _decimal(lambda: Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, ARITHMETIC))


@function("exp")
def exp(_: Scope, items: list[Item]) -> list[Item]:
    value = _number(items, "exp()")
    return [] if value is None else _decimal(lambda: ARITHMETIC.exp(Decimal(value)))


@function("ln")
def ln(_: Scope, items: list[Item]) -> list[Item]:
    value = _number(items, "ln()")
    return [] if value is None or value <= 0 else _decimal(lambda: ARITHMETIC.ln(Decimal(value)))


@function("log", 1)
def log(scope: Scope, items: list[Item], base: Evaluate) -> list[Item]:
    value, of = _number(items, "log()"), _number(base(scope), "log()")
    if value is None or of is None or value <= 0 or of <= 0:
        return []

    def calculate() -> Decimal:
        exact = ARITHMETIC.divide(ARITHMETIC.ln(Decimal(value)), ARITHMETIC.ln(Decimal(of)))
        return exact.quantize(Decimal(1).scaleb(-_MAX_PLACES), ROUND_HALF_UP, ARITHMETIC)

    return _decimal(calculate)


@function("power", 1)
def power(scope: Scope, items: list[Item], exponent: Evaluate) -> list[Item]:
    value, to = _number(items, "power()"), _number(exponent(scope), "power()")
    if value is None or to is None:
        return []
    found = _decimal(lambda: ARITHMETIC.power(Decimal(value), Decimal(to)))
    if not found or not isinstance(value, int) or not isinstance(to, int) or to < 0:
        return found
    result = found[0]
    assert isinstance(result, Decimal)
    return [int(result)] if abs(result) <= MAX_INTEGER else []


@function("sqrt")
def sqrt(_: Scope, items: list[Item]) -> list[Item]:
    value = _number(items, "sqrt()")
    return [] if value is None or value < 0 else _decimal(lambda: ARITHMETIC.sqrt(Decimal(value)))
