"""UCUM codes as factor and powers, and the quantities that are compared with them."""

from typing import Any

import pytest

from fhir_server import fhirpath
from fhir_server.fhirpath.units import unit


def value(expression: str) -> list[Any]:
    return fhirpath.compile(expression).evaluate(None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 'kg'", "1000 'g'"), ("1 'mmol/L'", "1 'mol/m3'"), ("1 'mg/dL'", "0.01 'g/L'"), ("120 'mm[Hg]'", "15998.64 'Pa'"), ("1 '[lb_av]'", "16 '[oz_av]'"),
        ("1 '10*3/uL'", "1 '10*9/L'"), ("1 'cm2'", "100 'mm2'"), ("60 '/min'", "1 'Hz'"), ("1 'kg.m/s2'", "1 'N'"), ("100 '%'", "1 '1'"), ("1 'U/L'", "1 'umol/min/L'"),
        ("1 'm2{body}'", "10000 'cm2'"), ("1 '{score}'", "1 '1'"), ("1 hour", "60 'min'"), ("12 months", "1 year"), ("1 '[in_i]'", "2.54 'cm'"), ("1 'kat'", "60000000 'U'"),
    ],
)  # fmt: skip
def test_quantities_in_different_units_are_equal(one: str, other: str) -> None:
    assert value(f"{one} = {other}") == [True]
    assert value(f"({one}).toQuantity() < {other}") == [False]


def test_units_that_cannot_be_compared() -> None:
    assert value("1 'kg' = 1 'm'") == [False]
    assert value("1 'kg' < 1 'm'") == []
    assert value("1 'foo' = 1 'foo'") == [True]
    assert value("1 'foo' = 1 'bar'") == []
    assert value("37 'Cel' = 98.6 '[degF]'") == [False]
    assert value("1 'mo' = 1 month") == []


@pytest.mark.parametrize(
    "code", ["", "1", "kg", "mg/dL", "10*3/uL", "m[H2O]", "%{vol}", "/min", "kg.m-2", "mL/min/{1.73_m2}"]
)
def test_code_is_known(code: str) -> None:
    assert unit(code) is not None


@pytest.mark.parametrize(
    "code",
    [
        "foo",
        "k",
        "m//s",
        "kg/",
        "m99",
        "(kg",
        "m" * 101,
        "{",
        "Ym30.Ym30.Ym30.Ym30",
        "kwk",
        "0",
        "m s",
        "10*99",
        "m{a}{b}",
        "{a",
    ],
)
def test_code_is_not_known(code: str) -> None:
    assert unit(code) is None


def test_product_is_told_in_base_units() -> None:
    assert [str(item) for item in value("2 'kg' * 3 'm/s2'")] == ["6000 'g.m.s-2'"]
    assert [str(item) for item in value("5 'mg' + 1 'g'")] == ["1005 'mg'"]
    assert [str(item) for item in value("5 'mg' * 2")] == ["10 'mg'"]
    assert value("5 'mg' / 0 's'") == []
    assert value("5 'mg' + 1 's'") == []
    found = unit("mm[Hg]")
    assert found is not None
    assert found.factor == 133322
