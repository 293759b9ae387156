"""Fixed values, patterns and bounds of elements.

http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from fhir_server.dates import DateError, date_range
from fhir_server.fhirpath.units import unit

_Number = int | float | Decimal
UCUM: Final = "http://unitsofmeasure.org"
_TIMES: Final = frozenset({"Date", "DateTime", "Instant"})


def equal(value: Any, fixed: Any) -> bool:
    """Whether a JSON value is exactly the fixed one; the order of members does not count, that of items does."""
    if isinstance(fixed, Mapping):
        return (
            isinstance(value, Mapping)
            and value.keys() == fixed.keys()
            and all(equal(value[k], fixed[k]) for k in fixed)
        )
    if isinstance(fixed, list):
        return isinstance(value, list) and len(value) == len(fixed) and all(map(equal, value, fixed))
    return _same(value, fixed)


def fits(value: Any, pattern: Any) -> bool:
    """Whether a JSON value holds all that the pattern does: each member, each item of a list somewhere in the list."""
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(k in value and fits(value[k], pattern[k]) for k in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(one, wanted) for one in value) for wanted in pattern)
    return _same(value, pattern)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, _Number) and isinstance(other, _Number):
        return Decimal(str(value)) == Decimal(str(other))
    return bool(value == other)


def beyond(value: Any, bound: tuple[str, Any], *, least: bool) -> bool | None:
    """Whether the value is below the least (above the most) one allowed; None where they cannot be compared."""
    kind, limit = bound
    if kind in _TIMES and isinstance(value, str) and isinstance(limit, str):
        try:
            here, there = date_range(value), date_range(limit)
        except DateError:
            return None
        return here[1] <= there[0] if least else here[0] >= there[1]
    if isinstance(limit, Mapping) and isinstance(value, Mapping):
        return _quantity_beyond(value, limit, least=least)
    if isinstance(value, _Number) and isinstance(limit, _Number):
        a, b = Decimal(str(value)), Decimal(str(limit))
        return a < b if least else a > b
    if isinstance(value, str) and isinstance(limit, str):
        return value < limit if least else value > limit
    return None


def _quantity_beyond(value: Mapping[str, Any], limit: Mapping[str, Any], *, least: bool) -> bool | None:
    """Quantities of one unit by their numbers, of commensurable UCUM units by what they amount to."""
    if not isinstance(value.get("value"), _Number) or not isinstance(limit.get("value"), _Number):
        return None
    factors = Fraction(1), Fraction(1)
    if any(value.get(n) != limit.get(n) for n in ("system", "code") if n in limit):
        here, there = unit(str(value.get("code", "?"))), unit(str(limit.get("code", "?")))
        if not (value.get("system") == limit.get("system") == UCUM) or here is None or there is None:
            return None
        if here.powers != there.powers:
            return None
        factors = here.factor, there.factor
    a, b = (Fraction(str(q["value"])) * factor for q, factor in zip((value, limit), factors, strict=True))
    return a < b if least else a > b
