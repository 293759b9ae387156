"""UCUM units as searches compare them: what one unit is in another, exactly.

http://hl7.org/fhir/R4/search.html#quantity, https://ucum.org/ucum

Units are alike where UCUM says so: annotations do not count (`{score}` is 1), a molar amount is no mass. Beside the table
that FHIRPath calculates with, the scales of temperature are known here, which have an offset.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from fhir_server.fhirpath.units import unit

SYSTEM: Final = "http://unitsofmeasure.org"


class Scale(NamedTuple):
    """x of a unit is x · `factor` + `offset` of the product of base units in `dimension`."""

    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


_KELVIN: Final = "K"
_TEMPERATURES: Final = {
    "Cel": Scale(_KELVIN, Fraction(1), Fraction("273.15")),
    "[degF]": Scale(_KELVIN, Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degR]": Scale(_KELVIN, Fraction(5, 9)),
    "[degRe]": Scale(_KELVIN, Fraction(5, 4), Fraction("273.15")),
}


@lru_cache(maxsize=4096)
def scale(code: str) -> Scale | None:
    """The scale of a UCUM code; None where the code is not known here."""
    if code in _TEMPERATURES:
        return _TEMPERATURES[code]
    found = unit(code) if code else None
    return None if found is None else Scale(found.code, found.factor)


def factor(code_from: str, code_to: str) -> Fraction | None:
    """How many of `code_to` one of `code_from` is; None where they are not commensurable, or differ by more than a factor."""
    a, b = scale(code_from), scale(code_to)
    if a is None or b is None or a.dimension != b.dimension or a.offset != b.offset:
        return None
    return a.factor / b.factor if not a.offset or a.factor == b.factor else None


def converted(value: float, code_from: str, code_to: str) -> float | None:
    """The float of `code_to` that stands for the decimal `value` of `code_from`; None where they are not commensurable.

    A float stands for the shortest decimal that reads as it. The exact result is rounded to the nearest float as every decimal
    is when it is read, so that comparisons come out as between the decimals themselves.
    """
    a, b = scale(code_from), scale(code_to)
    return None if a is None or b is None or a.dimension != b.dimension else rescaled(value, a, b)


def rescaled(value: float, a: Scale, b: Scale) -> float:
    """As `converted`, for commensurable scales; open ends stay what they are."""
    if a == b or abs(value) in _OPEN:
        return value
    exact = (Fraction(repr(float(value))) * a.factor + a.offset - b.offset) / b.factor
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


_OPEN: Final = (float("inf"),)
