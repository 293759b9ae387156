"""Fixed values, patterns and bounds.

http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.validation.profiles.values import UCUM, beyond, equal, fits

values = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def quantity(value: Any, code: str, system: str = UCUM) -> dict[str, Any]:
    return {"value": value, "system": system, "code": code}


@given(values)
def test_every_value_equals_itself_and_fits_itself(value: Any) -> None:
    assert equal(value, value)
    assert fits(value, value)


@given(values, values)
def test_what_is_equal_fits(value: Any, other: Any) -> None:
    if equal(value, other):
        assert equal(other, value)
        assert fits(value, other)


@given(st.dictionaries(st.sampled_from("abcd"), values, max_size=4), st.sampled_from("abcd"))
def test_a_pattern_asks_for_its_own_members_alone(value: dict[str, Any], name: str) -> None:
    assert fits(value, {key: one for key, one in value.items() if key != name})
    assert not equal({**value, "more": 1}, value)


@pytest.mark.parametrize(
    ("value", "other", "same"),
    [(1, 1.0, True), (Decimal("0.10"), 0.1, True), (True, 1, False), ("1", 1, False), ([1, 2], [2, 1], False)],
)
def test_equal(value: Any, other: Any, same: bool) -> None:
    assert equal(value, other) is same


def test_a_pattern_finds_its_items_anywhere_in_a_list() -> None:
    assert fits([{"a": 1, "b": 2}, {"a": 2}], [{"a": 2}, {"b": 2}])
    assert not fits([{"a": 1}], [{"a": 1}, {"a": 2}])


@pytest.mark.parametrize(
    ("value", "bound", "below", "above"),
    [
        (3, ("Integer", 5), True, False),
        (Decimal("5.1"), ("Decimal", 5.1), False, False),
        ("2020", ("Date", "2021-01-01"), True, False),
        ("2021-06-30", ("Date", "2021-06"), False, False),
        ("10:00:00", ("Time", "09:00:00"), False, True),
        ("x", ("Date", "2021"), None, None),
        (quantity(-1, "g"), ("Quantity", quantity(0, "kg")), True, False),
        (quantity(1001, "g"), ("Quantity", quantity(1, "kg")), False, True),
        (quantity(1000, "g"), ("Quantity", quantity(1, "kg")), False, False),
        (quantity(1, "m"), ("Quantity", quantity(1, "kg")), None, None),
        (quantity(1, "x", "http://acme.org"), ("Quantity", quantity(2, "x", "http://acme.org")), True, False),
        ({"unit": "g"}, ("Quantity", quantity(1, "g")), None, None),
        ([1], ("Integer", 1), None, None),
    ],
)
def test_bounds(value: Any, bound: tuple[str, Any], below: bool | None, above: bool | None) -> None:
    assert beyond(value, bound, least=True) is below
    assert beyond(value, bound, least=False) is above


@given(st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3))
def test_units_of_one_kind_compare_by_what_they_amount_to(a: Decimal, b: Decimal) -> None:
    assert beyond(quantity(a, "g"), ("Quantity", quantity(b, "mg")), least=True) is (a * 1000 < b)
