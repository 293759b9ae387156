"""What one UCUM unit is in another."""

from fractions import Fraction
from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.types.ucum import converted, factor, scale

FACTORS = [
    ("g/dL", "g/L", "10"), ("g/L", "g/dL", "1/10"), ("mg", "kg", "1/1000000"), ("mL", "cm3", "1"), ("10*3/uL", "10*9/L", "1"),
    ("[lb_av]", "kg", "0.45359237"), ("[oz_av]", "[lb_av]", "1/16"), ("[in_i]", "cm", "2.54"), ("[ft_i]", "[in_i]", "12"), ("mm[Hg]", "kPa", "0.133322"),
    ("cm[H2O]", "Pa", "98.0665"), ("U/L", "nkat/L", "50/3"), ("meq/L", "mmol/L", "1"), ("mosm/kg", "mmol/kg", "1"), ("mg/(24.h)", "mg/d", "1"),
    ("L/(min.m2)", "L/min/m2", "1"), ("mmol/(8.h.kg)", "mmol/kg/d", "3"), ("/min", "{beats}/min", "1"), ("k[IU]/L", "[IU]/mL", "1"), ("[iU]", "[IU]", "1"),
    ("mo", "d", "30.4375"), ("a", "mo", "12"), ("wk", "d", "7"), ("rad", "deg", None), ("REM", "mSv", "10"), ("RAD", "cGy", "1"), ("Ci", "GBq", "37"),
    ("[foz_us]", "[cup_us]", "1/8"), ("[gal_br]", "[foz_br]", "160"), ("[oz_tr]", "[gr]", "480"), ("[lb_tr]", "[oz_tr]", "12"), ("[Cal]", "kcal", "1"),
    ("kcal", "kJ", "4.184"), ("g%", "g/dL", "1"), ("dyn.s/cm5", "Pa.s/m3", "100000"), ("[wood'U]", "dyn.s/cm5", "79.9932"), ("cSt", "mm2/s", "1"),
    ("[kn_i]", "km/h", "1.852"), ("%", "[ppth]", "10"), ("dB[SPL]", "B[SPL]", "1/10"), ("[degR]", "K", "5/9"), ("Cel", "Cel", "1"),
]  # fmt: skip
APART = [
    ("g/L", "mmol/L"), ("kg", "m"), ("[IU]/L", "U/L"), ("[CFU]/mL", "/mL"), ("[GPL'U]", "[MPL'U]"), ("Cel", "[degF]"), ("Cel", "K"), ("furlong", "furlong"),
    ("", "1"), ("mg/()", "mg"), ("mg/(24.h", "mg/d"), ("mg(24.h)", "mg"), ("(mg)2", "mg2"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "amount"), FACTORS)
def test_factors_are_exact(one: str, other: str, amount: str | None) -> None:
    found = factor(one, other)
    assert found is not None
    if amount is not None:
        numerator, _, denominator = amount.partition("/")
        assert found == Fraction(numerator) / Fraction(denominator or 1)
    back = factor(other, one)
    assert back is not None
    assert found * back == 1


@pytest.mark.parametrize(("one", "other"), APART)
def test_units_that_no_factor_joins(one: str, other: str) -> None:
    assert factor(one, other) is None


@pytest.mark.parametrize(
    ("value", "one", "other", "result"),
    [(37, "Cel", "[degF]", 98.6), (98.6, "[degF]", "Cel", 37.0), (310.15, "K", "Cel", 37.0), (-40, "Cel", "[degF]", -40.0), (0.0054, "kg/L", "g/dL", 0.54),
     (5.4, "g/dL", "g/L", 54.0), (0.1, "m", "mm", 100.0), (inf, "g", "kg", inf), (-inf, "Cel", "K", -inf), (1e300, "Gg", "pg", inf)],
)  # fmt: skip
def test_values_are_those_of_the_decimals(value: float, one: str, other: str, result: float) -> None:
    assert converted(value, one, other) == result


def test_values_of_other_dimensions() -> None:
    assert converted(1, "g", "m") is None
    assert converted(1, "furlong", "m") is None


units = st.sampled_from(("g/L", "g/dL", "mg/dL", "kg/m3", "ug/mL", "[lb_av]/[gal_us]"))
decimals = st.decimals(0, 10_000, places=3, allow_nan=False)


@given(decimals, decimals, units, units)
def test_the_order_of_decimals_is_that_of_their_conversions(a: object, b: object, one: str, other: str) -> None:
    """A stored 5.4 g/dL is neither above nor below a bound of 54 g/L; what is below stays below, unless both read alike."""
    x, y = float(str(a)), float(str(b))
    left, right = converted(x, one, other), converted(y, one, other)
    assert left is not None
    assert right is not None
    assert (left < right) == (x < y) or nextafter(left, right) == right
    whole = factor(one, other)
    assert whole is not None
    assert left == float(Fraction(str(a)) * whole)


@given(st.text(max_size=30))
def test_any_text_is_a_unit_or_none(code: str) -> None:
    found = scale(code)
    assert found is None or found.factor > 0
