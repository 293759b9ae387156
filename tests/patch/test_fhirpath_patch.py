"""FHIRPath Patch on the official cases, and its rules."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhirpath import compile as compiled
from fhir_server.fhirpath import system
from fhir_server.formats.numbers import Exact
from fhir_server.formats.xml import from_xml
from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.patch import fhirpath_patch
from tests.conformance_data import require
from tests.patch.official_cases import Case, cases

CASES = cases("fhir-patch-tests.xml", "input", "diff", "output")


def operation(type_: str, path: str, *parts: dict[str, Any], **named: Any) -> dict[str, Any]:
    """One operation; `named` integers and strings become parts."""
    given = [{"name": "type", "valueCode": type_}, {"name": "path", "valueString": path}, *parts]
    given += [{"name": k, "valueInteger" if isinstance(v, int) else "valueString": v} for k, v in named.items()]
    return {"name": "operation", "part": given}


def patched(resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    before = json.dumps(resource)
    try:
        return fhirpath_patch.apply(resource, {"resourceType": "Parameters", "parameter": list(operations)})
    finally:
        assert json.dumps(resource) == before


def extension(url: str, code: str) -> dict[str, Any]:
    """R4's value[x] has no Extension: it is made of parts."""
    return {"name": "value", "part": [{"name": "url", "valueUri": url}, {"name": "value", "valueCode": code}]}


def value(**given: Any) -> dict[str, Any]:
    return {"name": "value", **given}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_official_case(case: Case) -> None:
    resource, patch = from_xml(case.before), from_xml(case.patch)
    if case.after is None:
        with pytest.raises(Unprocessable):
            fhirpath_patch.apply(resource, patch)
    else:
        assert fhirpath_patch.apply(resource, patch) == from_xml(case.after)


def test_official_file_is_there() -> None:
    require("patch", "fhir", "fhir-patch-tests.xml")
    assert len(CASES) == 33


def test_choice_takes_its_json_name_from_the_value() -> None:
    observation = {"resourceType": "Observation", "status": "final"}
    added = patched(
        observation, operation("add", "Observation", value(valueQuantity={"value": Exact("1.00")}), name="value")
    )
    assert added == {**observation, "valueQuantity": {"value": 1.0}}
    assert repr(added["valueQuantity"]["value"]) == "1.00"
    assert patched(added, operation("replace", "Observation.value", value(valueString="x"))) == {
        **observation,
        "valueString": "x",
    }
    with pytest.raises(Unprocessable, match="already"):
        patched(added, operation("add", "Observation", value(valueString="x"), name="value"))
    with pytest.raises(Unprocessable, match="does not take a Period"):
        patched({"resourceType": "Patient"}, operation("add", "Patient", value(valuePeriod={}), name="deceased"))


def test_inline_types_are_made_of_parts() -> None:
    parts = [
        {"name": "relationship", "valueCodeableConcept": {"text": "sister"}},
        {"name": "relationship", "valueCodeableConcept": {"text": "friend"}},
        {"name": "gender", "valueCode": "female"},
    ]
    found = patched(
        {"resourceType": "Patient"}, operation("add", "Patient", {"name": "value", "part": parts}, name="contact")
    )
    assert found["contact"] == [{"relationship": [{"text": "sister"}, {"text": "friend"}], "gender": "female"}]
    action = [{"name": "value", "valueString": "x"}, {"name": "linkId", "valueString": "1"}]
    nested = [{"name": "linkId", "valueString": "1"}, {"name": "answer", "part": [action[0]]}]
    response = patched(
        {"resourceType": "QuestionnaireResponse", "status": "completed"},
        operation("add", "QuestionnaireResponse", {"name": "value", "part": nested}, name="item"),
    )
    assert response["item"] == [{"linkId": "1", "answer": [{"valueString": "x"}]}]


GIVEN = {"resourceType": "Patient", "name": [{"given": ["A", None, "C"], "_given": [None, {"id": "b"}]}]}


def test_primitive_lists_keep_their_extensions_in_step() -> None:
    def given_(*operations: dict[str, Any]) -> Any:
        name = patched(GIVEN, *operations)["name"][0]
        return name.get("given"), name.get("_given")

    b = {"id": "b"}
    assert given_(operation("insert", "Patient.name.given", value(valueString="X"), index=0)) == (
        ["X", "A", None, "C"],
        [None, None, b],
    )
    assert given_(operation("move", "Patient.name.given", source=1, destination=0)) == ([None, "A", "C"], [b])
    assert given_(operation("delete", "Patient.name.given[0]")) == ([None, "C"], [b])
    assert given_(operation("delete", "Patient.name.given[1]")) == (["A", "C"], None)
    assert given_(operation("replace", "Patient.name.given[1]", value(valueString="B"))) == (["A", "B", "C"], None)
    with_extension = operation("add", "Patient.name.given[0]", extension("u", "c"), name="extension")
    assert given_(with_extension)[1] == [{"extension": [{"url": "u", "valueCode": "c"}]}, b]


def test_extensions_of_a_primitive_come_and_go() -> None:
    patient = {"resourceType": "Patient", "birthDate": "1970-03-30"}
    add = operation("add", "Patient.birthDate", extension("u", "c"), name="extension")
    added = patched(patient, add)
    assert added == {**patient, "_birthDate": {"extension": [{"url": "u", "valueCode": "c"}]}}
    assert patched(added, operation("delete", "Patient.birthDate.extension('u')")) == patient
    changed = patched(
        added, operation("replace", "Patient.birthDate.extension.where(url = 'u').value", value(valueCode="d"))
    )
    assert changed["_birthDate"] == {"extension": [{"url": "u", "valueCode": "d"}]}
    assert patched(added, operation("delete", "Patient.birthDate")) == {"resourceType": "Patient"}


TWO = {"resourceType": "Patient", "name": [{"family": "A"}, {"family": "B"}]}


@pytest.mark.parametrize(
    "wrong",
    [
        operation("delete", "Patient.name"),
        operation("delete", "Patient"),
        operation("replace", "Patient.name", value(valueHumanName={"family": "C"})),
        operation("replace", "Patient.birthDate", value(valueDate="2000")),
        operation("replace", "Patient", value(valueString="2000")),
        operation("replace", "Patient.name.first().family", value(valueInteger=1)),
        operation("add", "Patient.name", value(valueString="x"), name="text"),
        operation("add", "Patient.name[0]", value(valueString="x"), name="family"),
        operation("add", "Patient", value(valueString="x"), name="nothing"),
        operation("add", "Patient", value(), name="name"),
        operation("insert", "Patient.name", value(valueHumanName={"family": "C"}), index=3),
        operation("insert", "Patient.name.given", value(valueString="x"), index=0),
        operation("insert", "Patient.name[0].family", value(valueString="x"), index=0),
        operation("insert", "Patient.name.where(family = 'A')", value(valueHumanName={}), index=0),
        operation("move", "Patient.name", source=0, destination=2),
        operation("move", "Patient.name", source=2, destination=0),
        operation("delete", "Patient.name.family.upper()"),
        operation("delete", "Patient.name.single()"),
    ],
)
def test_operation_that_does_not_fit_is_422_and_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as caught:
        patched(TWO, operation("delete", "Patient.photo"), wrong)
    assert caught.value.status == 422
    assert caught.value.issues[0].expression == ("Parameters.parameter[1]",)


@pytest.mark.parametrize(
    ("parameters", "expression"),
    [
        ([], "resourceType"),
        ({"resourceType": "Patient"}, "resourceType"),
        ({"resourceType": "Parameters", "parameter": {}}, "Parameters.parameter"),
        ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, "Parameters.parameter[0].name"),
        ({"resourceType": "Parameters", "parameter": [{"name": "operation"}]}, "Parameters.parameter[0]"),
        ({"resourceType": "Parameters", "parameter": [operation("upsert", "Patient")]}, "Parameters.parameter[0].part"),
        ({"resourceType": "Parameters", "parameter": [operation("add", "Patient")]}, "Parameters.parameter[0].part"),
        ({"resourceType": "Parameters", "parameter": [operation("delete", "Patient..")]}, "Parameters.parameter[0].part[1].value"),
        ({"resourceType": "Parameters", "parameter": [operation("move", "Patient.name", source=-1, destination=0)]}, "Parameters.parameter[0].part[2]"),
    ],
)  # fmt: skip
def test_malformed_patch_is_400_and_named(parameters: Any, expression: str) -> None:
    with pytest.raises(BadRequest) as caught:
        fhirpath_patch.apply(TWO, parameters)
    assert caught.value.status == 400
    assert caught.value.issues[0].expression == (expression,)


def test_all_operations_share_one_budget() -> None:
    many = {"resourceType": "Patient", "name": [{"family": f"F{n}"} for n in range(300)]}
    costly = operation("delete", "Patient.name.where(%resource.descendants().count() = 0)")
    with pytest.raises(BadRequest, match="needs more than"):
        patched(many, *[costly] * 20)


NAMES = st.dictionaries(st.sampled_from(["family", "text", "use"]), st.text("abc", min_size=1, max_size=3), min_size=1)
LISTS = st.lists(NAMES, min_size=1, max_size=4)


@given(LISTS, st.text("xyz", min_size=1), st.data())
def test_replace_then_read_gives_the_value(names: list[dict[str, Any]], text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(names) - 1))
    path = f"Patient.name[{at}].text"
    kind = "replace" if "text" in names[at] else "add"
    change = (
        operation("replace", path, value(valueString=text))
        if kind == "replace"
        else operation("add", f"Patient.name[{at}]", value(valueString=text), name="text")
    )
    found = patched({"resourceType": "Patient", "name": names}, change)
    assert [system(item) for item in compiled(path).evaluate(found)] == [text]
    assert [n for i, n in enumerate(found["name"]) if i != at] == [n for i, n in enumerate(names) if i != at]


@given(LISTS, NAMES, st.data())
def test_insert_then_delete_is_identity(names: list[dict[str, Any]], new: dict[str, Any], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(names)))
    patient = {"resourceType": "Patient", "name": names}
    there = operation("insert", "Patient.name", value(valueHumanName=new), index=at)
    assert patched(patient, there)["name"][at] == new
    assert patched(patient, there, operation("delete", f"Patient.name[{at}]")) == patient


@given(LISTS, st.data())
def test_move_there_and_back_is_identity(names: list[dict[str, Any]], data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, len(names) - 1)) for _ in range(2))
    patient = {"resourceType": "Patient", "name": names}
    moves = [operation("move", "Patient.name", source=a, destination=b) for a, b in ((one, other), (other, one))]
    assert patched(patient, *moves) == patient


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "given", "value", "part", "valueString"]), inner, max_size=2)
    ),
    max_leaves=6,
)
PATHS = st.sampled_from([
    "Patient", "Patient.name", "Patient.name.given", "Patient.name[0]", "Patient.name.given[0]", "birthDate", "Patient.contained", "Patient.text.`div`",
    "Patient.deceased", "Patient.birthDate.extension", "Patient.name.given.id", "Patient.name.where(use='x')", "1", "", "Patient.children()", "%resource",
])  # fmt: skip
PARTS = st.fixed_dictionaries(
    {"name": st.sampled_from(["type", "path", "name", "value", "index", "source", "destination"]) | JSON},
    optional={
        "valueCode": st.sampled_from(["add", "insert", "delete", "replace", "move"]) | JSON, "valueString": PATHS | JSON, "valueInteger": JSON,
        "part": JSON, "valueHumanName": JSON, "resource": JSON, "_valueString": JSON,
    },
)  # fmt: skip
WELL_FORMED = st.builds(
    lambda kind, path, name, given_, index: operation(
        kind, path, {"name": "value", **given_}, name=name, index=index, source=index, destination=0
    ),
    st.sampled_from(["add", "insert", "delete", "replace", "move"]),
    PATHS,
    st.sampled_from(
        ["name", "given", "birthDate", "extension", "deceased", "id", "contained", "value", "text", "deceasedBoolean"]
    ),
    st.dictionaries(
        st.sampled_from(
            ["valueString", "valueBoolean", "valueHumanName", "_valueString", "valueExtension", "part", "resource"]
        ),
        JSON,
        max_size=1,
    ),
    st.integers(0, 2),
)
TREES = st.dictionaries(
    st.sampled_from(["name", "_name", "birthDate", "_birthDate", "contained", "deceasedBoolean", "text"]), JSON
)


@given(
    TREES | st.just(GIVEN),
    st.lists(
        WELL_FORMED | st.builds(lambda parts: {"name": "operation", "part": parts}, st.lists(PARTS)) | JSON, max_size=3
    ),
)
def test_any_patch_gives_a_resource_or_a_fhir_error(tree: dict[str, Any], given_: list[Any]) -> None:
    with suppress(BadRequest, Unprocessable):
        assert isinstance(patched({"resourceType": "Patient", **tree}, *given_), dict)
