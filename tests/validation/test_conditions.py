"""Invariants asked of one value by itself."""

from typing import Any

import pytest

from fhir_server.validation.conditions import kept

QUANTITY = {"value": 1, "system": "http://unitsofmeasure.org", "code": "mg"}


@pytest.mark.parametrize(
    ("expression", "type_", "value", "right"),
    [
        ("code.exists() implies system.exists()", "Quantity", QUANTITY, True),  # told by a glance
        ("code.exists() implies system.exists()", "Quantity", {"value": 1, "code": "mg"}, False),
        ("code.exists() implies system = %ucum", "Quantity", QUANTITY, True),
        ("value > 0 and value < 1", "Quantity", QUANTITY, False),
        ("comparator.exists() and comparator = '<'", "Quantity", QUANTITY, False),
        ("$this is Quantity", "Quantity", QUANTITY, True),
        ("($this as dateTime).toString().length() >= 8", "dateTime", "2020-01-01", True),
        ("($this as dateTime).toString().length() >= 8", "dateTime", "2020", False),
        ("toString().length() > 70", "string", "x" * 80, True),
        ("$this <= today()", "date", "2020-01-01", True),
        ("$this <= today()", "date", "9999-01-01", False),
        ("1 / 'x'", "string", "cannot be evaluated", False),
    ],
)
def test_told(expression: str, type_: str, value: Any, right: bool) -> None:
    told = kept(expression, type_)
    assert told is not None
    for _ in range(2):  # the second answer may be a remembered one
        assert bool(told(value)) is right


@pytest.mark.parametrize(
    "expression",
    [
        "%resource.id.exists()",
        "%rootResource.contained.id contains id",
        "reference.resolve() is Patient",
        "$this.memberOf('http://acme.org/vs')",
        "conformsTo('http://acme.org/p')",
        "Patient.name.exists()",
        "(no expression",
    ],
)
def test_what_lies_elsewhere_takes_a_closer_look(expression: str) -> None:
    assert kept(expression, "Reference") is None
