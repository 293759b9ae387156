"""The language's own values: booleans, strings, integers, decimals, dates and times, quantities, types.

http://hl7.org/fhirpath/N1/#literals
"""

from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from fractions import Fraction
from typing import Final

from fhir_server.fhirpath import units
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.temporal import CALENDAR, Temporal
from fhir_server.fhirpath.types import Type

MAX_EXPONENT: Final = 400
"""Powers of ten that a decimal may reach: R4's own examples use E-245 and E+245."""

MAX_INTEGER: Final = 2**31 - 1

_TRAPS: Final = [InvalidOperation, DivisionByZero, Overflow]

ARITHMETIC: Final = Context(prec=34, Emax=MAX_EXPONENT, Emin=-MAX_EXPONENT, traps=_TRAPS)
"""Enough digits for every product of two FHIR decimals in practice; overflow is an error, not infinity."""

EXACT: Final = Context(prec=4 * MAX_EXPONENT, traps=_TRAPS)
"""Enough digits to hold any value of the language as it is: for rounding to a place and for a step to a neighbour."""

_UCUM_WORDS: Final = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_CALENDAR_CODES: Final = {code: word for word, code in _UCUM_WORDS.items()}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a UCUM code, or with a calendar duration in the singular (`word` is then how it was written)."""

    value: Decimal
    unit: str
    word: str | None = None

    def __str__(self) -> str:
        return f"{number_text(self.value)} {self.word}" if self.word else f"{number_text(self.value)} '{self.unit}'"

    @property
    def calendar(self) -> str | None:
        """The calendar duration to add to a date; None for other units and for UCUM's `a` and `mo`, which are fixed."""
        singular = self.unit.removesuffix("s") if self.unit.removesuffix("s") in CALENDAR else self.unit
        return singular if singular in CALENDAR else _CALENDAR_CODES.get(self.unit)

    @property
    def canonical(self) -> tuple[Fraction, tuple[tuple[str, int], ...]] | None:
        """(number, unit) in base units, equal for equal quantities; None for a unit that is not known.

        Calendar years and months are units of their own, for their length varies.
        """
        found = (
            units.Unit(Fraction(12 if self.unit == "year" else 1), (("month", 1),))
            if self.unit in {"year", "month"}
            else None
        )
        found = found or units.unit(_UCUM_WORDS.get(self.unit, self.unit))
        return None if found is None else (Fraction(self.value) * found.factor, found.powers)


Value = bool | int | str | Decimal | Temporal | Quantity | Type


def bounded(number: Decimal) -> Decimal:
    """`number` itself; FhirPathError where its exponent is beyond what is calculated with."""
    if (
        not number.is_finite()
        or abs(number.adjusted()) > MAX_EXPONENT
        or len(number.as_tuple().digits) > 2 * MAX_EXPONENT
    ):
        raise FhirPathError(f"A number is too long, or its exponent is beyond ±{MAX_EXPONENT}")
    return number


def number_text(number: int | Decimal) -> str:
    """The digits of `number` without exponent; the digits behind the point stay as they are."""
    return str(number) if isinstance(number, int) else f"{number:f}"


def decimal(number: Fraction) -> Decimal:
    """`number` in as many digits as are calculated with; DecimalException where it is too large."""
    return ARITHMETIC.divide(Decimal(number.numerator), Decimal(number.denominator)).normalize(ARITHMETIC)


def places(number: Decimal) -> int:
    """Digits behind the point."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def type_of(value: Value) -> str:
    """The name of `value`'s type in the namespace System."""
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case Decimal():
            return "Decimal"
        case str():
            return "String"
        case Temporal():
            return value.kind
        case Quantity():
            return "Quantity"
        case _:
            return "TypeInfo"
