"""The generated schema is right: the reference implementation reads it alike, and what it accepts has no issue."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.definitions import definitions
from fhir_server.validation.explain import explain
from fhir_server.validation.schema import generate
from fhir_server.validation.structure import _is_valid
from tests.validation.test_structure import FAULTS, VALID, with_change

Json = dict[str, Any]


def _pattern(_: object, pattern: str, instance: object, __: object) -> Any:
    """`$` is the end of the string, as in JSON Schema's own dialect; Python's `re` lets a line end follow."""
    if isinstance(instance, str) and re2.search(pattern, instance) is None:
        yield jsonschema.ValidationError("does not match")


@cache
def _reference() -> Any:
    extend: Any = jsonschema.validators.extend
    return extend(jsonschema.Draft4Validator, {"pattern": _pattern})(generate())


def _verdicts(resource: Json) -> tuple[bool, bool]:
    wrapped = {str(resource.get("resourceType")): resource}
    return _is_valid()(wrapped), _reference().is_valid(wrapped)


def test_schema_is_a_schema() -> None:
    jsonschema.Draft4Validator.check_schema(generate())
    assert jsonschema_rs.meta.is_valid(generate())


def test_schema_is_the_same_each_time() -> None:
    assert generate() == generate()


def test_schema_has_all_types() -> None:
    assert sorted(generate()["properties"]) == list(definitions().resource_types)


def test_implementations_agree_on_official_examples(examples: Mapping[str, Json]) -> None:
    small = [r for r in examples.values() if len(str(r)) < 8000][::15]
    assert len(small) > 100
    for resource in small:
        fast, reference = _verdicts(resource)
        assert fast == reference, resource.get("id")


@pytest.mark.parametrize(("resource", "path", "value"), [f[1:4] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_implementations_agree_on_faults(resource: Json, path: str, value: object) -> None:
    fast, reference = _verdicts(with_change(resource, path, value))
    assert fast == reference


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["", "2020-02-30", "2020-02-29", "2020", "Patient/1", "#a", "final", "AAAA", "urn:oid:1.2", "<div/>"]
    ),
    st.just([]),
    st.just({}),
    st.sampled_from(
        [{"id": "a"}, [None], [{}], {"extension": [{"url": "x"}]}, {"reference": "Basic/1"}, {"text": "x"}]
    ),
)


@st.composite
def _mutated(draw: st.DrawFn) -> Json:
    """A valid resource with up to three members set, renamed, repeated or taken away."""
    resource = deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        nodes = [n for n in _objects(resource) if n]
        node = draw(st.sampled_from(nodes)) if nodes else resource
        name = draw(st.sampled_from(sorted(node))) if node else "x"
        match draw(st.integers(0, 5)):
            case 0:
                node.pop(name, None)
            case 1:
                node[name] = deepcopy(draw(_VALUES))
            case 2:
                node["_" + name] = deepcopy(draw(_VALUES))
            case 3:
                node[name] = [node.get(name)]
            case 4:
                known = [
                    n
                    for t in ("Patient", "Observation", "Extension", "Reference", "Meta")
                    for n in definitions().elements(t)
                ]
                node[draw(st.sampled_from(known))] = deepcopy(draw(_VALUES))
            case _:
                node[draw(st.sampled_from(["id", "extension", "_value", "foo"]))] = deepcopy(draw(_VALUES))
    return resource


def _objects(tree: object) -> list[Json]:
    if isinstance(tree, dict):
        return [tree, *(o for v in tree.values() for o in _objects(v))]
    return [o for v in tree for o in _objects(v)] if isinstance(tree, list) else []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_mutated())
def test_what_the_schema_accepts_has_no_issue(resource: Json) -> None:
    """But for narrative and resources inside, which the schema leaves to others."""
    fast, reference = _verdicts(resource)
    assert fast == reference
    if fast:
        rest = [i for i in explain(resource) if ".div" not in i.expression[0] and not _inside(i.expression[0])]
        assert rest == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_mutated())
def test_what_the_schema_refuses_has_an_issue_unless_siblings_or_nulls_explain_it(resource: Json) -> None:
    if not _verdicts(resource)[0] and not explain(resource):
        assert "'_" in str(resource)


def _inside(expression: str) -> bool:
    return any(part in expression for part in (".contained[", ".resource", ".entry[", ".part["))
