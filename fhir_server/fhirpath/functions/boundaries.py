"""lowBoundary, highBoundary, precision, comparable: what a value of limited precision can stand for.

http://hl7.org/fhirpath/#boundary-functions (FHIRPath 2.1 and later; R4's period rules are written with them)
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from fhir_server.fhirpath import temporal
from fhir_server.fhirpath.equality import name_of
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, quantity, system
from fhir_server.fhirpath.scope import Evaluate, Scope, integer, single
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import EXACT, Quantity, places

_DEFAULT_PLACES = 8
_MAX_PLACES = 28


@function("lowBoundary", 0, 1)
def low_boundary(scope: Scope, items: list[Item], precision: Evaluate | None = None) -> list[Item]:
    return _boundary(scope, items, precision, "lowBoundary()", low=True)


@function("highBoundary", 0, 1)
def high_boundary(scope: Scope, items: list[Item], precision: Evaluate | None = None) -> list[Item]:
    return _boundary(scope, items, precision, "highBoundary()", low=False)


def _boundary(scope: Scope, items: list[Item], precision: Evaluate | None, name: str, *, low: bool) -> list[Item]:
    item = single(items, name)
    digits = integer(precision(scope), name) if precision else None
    if item is None or (precision and digits is None):
        return []
    value = quantity(item) or system(item)
    if value is None:
        return []
    if isinstance(value, Temporal):
        edge = temporal.boundary(value, digits, low=low)
        return [] if edge is None else [edge]
    if isinstance(value, Quantity):
        found = _number(value.value, digits, low=low)
        return [] if found is None else [Quantity(found, value.unit, value.word)]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        found = _number(Decimal(value), digits, low=low)
        return [] if found is None else [found]
    raise FhirPathError(f"{name} needs a number, quantity, date or time and got {name_of(item)}")


def _number(value: Decimal, digits: int | None, *, low: bool) -> Decimal | None:
    """Half a unit of the last place below (above) `value`, rounded outwards to `digits` places."""
    digits = _DEFAULT_PLACES if digits is None else digits
    if not 0 <= digits <= _MAX_PLACES:
        return None
    half = Decimal(5).scaleb(-places(value) - 1)
    edge = EXACT.subtract(value, half) if low else EXACT.add(value, half)
    return edge.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR if low else ROUND_CEILING, EXACT)


@function("precision")
def precision(_: Scope, items: list[Item]) -> list[Item]:
    """Digits behind the point of a number; of a date or time the digits that it is written with."""
    item = single(items, "precision()")
    value = None if item is None else system(item)
    match value:
        case None:
            return []
        case Temporal():
            return [value.digits]
        case int() | Decimal() if not isinstance(value, bool):
            return [places(Decimal(value))]
        case _:
            raise FhirPathError("precision() needs a number, date or time")


@function("comparable", 1)
def comparable(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    """Whether two quantities have units of one dimension."""
    mine, theirs = single(items, "comparable()"), single(other(scope), "comparable()")
    if mine is None or theirs is None:
        return []
    ours, others = quantity(mine), quantity(theirs)
    if ours is None or others is None:
        raise FhirPathError("comparable() needs two quantities")
    left, right = ours.canonical, others.canonical
    return [ours.unit == others.unit or (left is not None and right is not None and left[1] == right[1])]
