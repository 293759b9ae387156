"""Rules of conformance resources by themselves: URLs, properties of code systems, conditions of questions, maps, profiles.

http://hl7.org/fhir/R4/resource.html#canonical
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.metadata import canonical_type, uuid_fault
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.profiles.making import profile

Json = dict[str, Any]
STANDARD = "http://hl7.org/fhir/concept-properties#"


def told(resource: Json, *, vital_signs: bool = False) -> list[tuple[str, str, str]]:
    """(severity, code, expression) of what is beyond the structure."""
    validator = Validator(Profiles(), CoreCodes(), lambda *_: None)
    issues = validator.further(resource, vital_signs=vital_signs)
    return [(issue.severity, issue.code, issue.expression[0]) for issue in issues]


@given(st.uuids())
def test_uuids_in_lower_case_are_uuids(uuid: Any) -> None:
    assert uuid_fault(f"urn:uuid:{uuid}") == ""
    upper = f"urn:uuid:{str(uuid).upper()}"
    assert bool(uuid_fault(upper)) is (upper != f"urn:uuid:{uuid}")
    assert uuid_fault(f"URN:UUID:{uuid}")
    assert uuid_fault(f"urn:uuid:{uuid}0")


@given(st.text(max_size=20))
def test_other_uris_are_no_uuids(text: str) -> None:
    assert uuid_fault(f"http://{text}") == ""


def test_what_is_known_by_a_canonical_url() -> None:
    assert all(map(canonical_type, ("ValueSet", "Questionnaire", "ChargeItemDefinition", "Contract")))
    assert not any(map(canonical_type, ("Patient", "Device", "DeviceDefinition", "Bundle", "Nothing", "Period")))


@pytest.mark.parametrize(
    ("url", "wrong"),
    [("http://acme.org/v", False), ("urn:oid:1.2", False), ("ValueSet/v", True), ("urn:uuid:1", True), ("#v", True)],
)
def test_canonical_urls_are_absolute(url: str, wrong: bool) -> None:
    value_set = {"resourceType": "ValueSet", "status": "draft", "url": url}
    assert told(value_set) == [("error", "invalid", "ValueSet.url")] * wrong


def test_code_systems_of_a_value_set_are_absolute() -> None:
    compose = {"include": [{"system": "http://acme.org"}, {"system": "acme"}], "exclude": [{"system": "#a"}]}
    value_set = {"resourceType": "ValueSet", "status": "draft", "compose": compose}
    places = ("ValueSet.compose.include[1].system", "ValueSet.compose.exclude[0].system")
    assert told(value_set) == [("error", "invalid", place) for place in places]


def test_properties_of_a_code_system() -> None:
    code_system = {
        "resourceType": "CodeSystem",
        "status": "draft",
        "content": "complete",
        "property": [
            {"code": "inactive", "uri": f"{STANDARD}inactive", "type": "code"},
            {"code": "inactive", "type": "boolean"},
            {"code": "gone", "uri": f"{STANDARD}inactive", "type": "boolean"},
            {"code": "size", "type": "decimal"},
        ],
        "concept": [
            {"code": "a", "concept": [{"code": "b", "property": [{"code": "size", "valueString": "x"}]}]},
            {"code": "c", "property": [{"code": "size", "valueDecimal": 1.5}, {"code": "other", "valueCode": "x"}]},
        ],
    }
    assert [place for _, code, place in told(code_system) if code == "business-rule"] == [
        "CodeSystem.property[0].type",
        "CodeSystem.property[1].code",
        "CodeSystem.property[2].uri",
        "CodeSystem.concept[0].concept[0].property[0].value",
    ]


@pytest.mark.parametrize(("question", "wrong"), [("b", False), ("a", True), ("inner", True), ("none", True)])
def test_conditions_of_questions_refer_to_others(question: str, wrong: bool) -> None:
    condition = {"question": question, "operator": "exists", "answerBoolean": True}
    inner = {"linkId": "inner", "type": "string"}
    questionnaire = {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [
            {"linkId": "a", "type": "group", "enableWhen": [condition], "item": [inner]},
            {"linkId": "b", "type": "string"},
        ],
    }
    place = "Questionnaire.item[0].enableWhen[0].question"
    assert told(questionnaire) == [("error", "business-rule", place)] * wrong


def test_two_conditions_say_whether_all_or_any() -> None:
    conditions = [{"question": "b", "operator": "exists", "answerBoolean": True}] * 2
    items = [{"linkId": "a", "type": "string", "enableWhen": conditions}, {"linkId": "b", "type": "string"}]
    questionnaire = {"resourceType": "Questionnaire", "status": "draft", "item": items}
    assert told(questionnaire) == [("error", "invariant", "Questionnaire.item[0]")]


def test_a_map_of_codes_that_its_source_does_not_have() -> None:
    group = {
        "source": "http://hl7.org/fhir/administrative-gender",
        "element": [{"code": code, "target": [{"code": "x", "equivalence": "equal"}]} for code in ("male", "mail")],
    }
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    concept_map = {"resourceType": "ConceptMap", "status": "draft", "sourceCanonical": gender, "group": [group]}
    assert told(concept_map) == [("warning", "code-invalid", "ConceptMap.group[0].element[1].code")]


@pytest.mark.parametrize(
    ("element", "wrong"),
    [
        ({"path": "Observation.status", "min": 0}, True),
        ({"path": "Observation.status", "max": "*"}, True),
        ({"path": "Observation.subject", "min": 1}, False),
        ({"path": "Observation.category", "max": "1"}, False),
    ],
)
def test_a_profile_only_narrows_its_base(element: Json, wrong: bool) -> None:
    made = profile("Observation", element)
    assert [t for t in told(made) if t[0] == "error"] == [
        ("error", "value", "StructureDefinition.differential.element[0]")
    ] * wrong


def test_vital_signs_follow_their_profiles_where_that_is_asked_for() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    rate = {"resourceType": "Observation", "status": "final", "code": code}
    assert told(rate) == []
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {**rate, "id": "a"}}]}
    for resource, at in ((rate, "Observation"), (bundle, "Bundle.entry[0].resource")):
        places = {place for severity, _, place in told(resource, vital_signs=True) if severity == "error"}
        assert {f"{at}.category", f"{at}.subject", f"{at}.effective"} <= places


@pytest.mark.parametrize(
    ("div", "wrong"), [(" ", True), ("<p> </p>", True), ("x", False), ('<img src="#a" alt=""/>', False)]
)
def test_a_narrative_says_something(div: str, wrong: bool) -> None:
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{div}</div>'}
    assert told({"resourceType": "Patient", "text": text}) == [("error", "invariant", "Patient.text.div")] * wrong
