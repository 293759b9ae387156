"""JSON Merge Patch: the examples of RFC 7386 appendix A, and its rules as properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats import json
from fhir_server.outcome import BadRequest
from fhir_server.patch import merge_patch

APPENDIX_A: tuple[tuple[dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
)


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX_A)
def test_examples_of_the_rfc(target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    before = json.dumps(target)
    assert merge_patch.apply(target, patch) == result
    assert json.dumps(target) == before


def test_object_that_loses_its_last_member_disappears() -> None:
    """RFC 7386 would leave {}, which no FHIR resource may hold."""
    patient = {"resourceType": "Patient", "maritalStatus": {"text": "married"}, "active": True}
    patched = merge_patch.apply(patient, {"maritalStatus": {"text": None}})
    assert patched == {"resourceType": "Patient", "active": True}
    assert merge_patch.apply({"a": 1}, {"b": {"c": {"d": None}}}) == {"a": 1}


def test_empty_object_that_is_sent_is_left_for_validation_to_refuse() -> None:
    assert merge_patch.apply({"a": 1}, {"b": {}}) == {"a": 1, "b": {}}


def test_digits_of_decimals_stay() -> None:
    tree = json.parse(b'{"resourceType":"Observation","valueQuantity":{"value":1.00}}').tree
    patched = merge_patch.apply(tree, merge_patch.parse(b'{"status":"final","valueQuantity":{"unit":"kg"}}'))
    assert json.dumps(patched) == (
        b'{"resourceType":"Observation","valueQuantity":{"value":1.00,"unit":"kg"},"status":"final"}'
    )


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b"null", b'{"a":1,"a":2}', b'{"a":NaN}', b"{"])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        merge_patch.parse(raw)


values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, min_size=1, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=4)


@given(objects, objects)
def test_merging_twice_is_merging_once(target: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch.apply(target, patch)
    assert merge_patch.apply(once, patch) == once


@given(objects)
def test_nulls_remove_everything_and_nothing_changes_nothing(target: dict[str, Any]) -> None:
    assert merge_patch.apply(target, {}) == target
    assert merge_patch.apply(target, dict.fromkeys(target)) == {}
