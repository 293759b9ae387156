"""One fault gives one issue, at its place, of its code; what is valid gives none."""

from copy import deepcopy
from typing import Any

import pytest

from fhir_server.outcome import Issue
from fhir_server.validation import check
from fhir_server.validation.explain import explain

Json = dict[str, Any]

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">text</div>'
EXTENSION = {"url": "http://example.org/e", "valueString": "v"}
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "1", "lastUpdated": "2020-02-29T10:00:00.123+01:00", "profile": ["http://example.org/p"]},
    "text": {"status": "generated", "div": DIV},
    "extension": [EXTENSION, {"url": "http://example.org/f", "extension": [EXTENSION]}],
    "identifier": [{"system": "urn:oid:1.2.3", "value": "A"}],
    "active": True,
    "name": [{"family": "Smith", "given": ["Anna", "B."]}],
    "gender": "female",
    "birthDate": "1980-02-29",
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "photo": [{"contentType": "image/png", "data": "AAAA", "size": 3}],
    "contact": [{"name": {"text": "x"}}],
    "communication": [{"language": {"text": "English"}}],
    "generalPractitioner": [{"reference": "Practitioner/1"}],
    "managingOrganization": {"reference": "#org"},
    "contained": [{"resourceType": "Organization", "id": "org", "name": "O"}],
}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2020",
    "valueQuantity": {"value": 1.5, "unit": "kg"},
    "component": [{"code": {"text": "c"}, "valueInteger": 3}],
}
CONDITION: Json = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "subject": {"reference": "Patient/1"},
}
MEDICATION_REQUEST: Json = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "aspirin"},
    "subject": {"reference": "Patient/1"},
}
BUNDLE: Json = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": OBSERVATION}]}
PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [{"name": "a", "part": [{"name": "b", "resource": OBSERVATION}]}],
}
VALID = (PATIENT, OBSERVATION, CONDITION, MEDICATION_REQUEST, BUNDLE, PARAMETERS)
GONE = object()


def with_change(resource: Json, path: str, value: object) -> Json:
    """A copy of `resource` with the member at `path` ("name.0.family") set, or taken away."""
    changed = deepcopy(resource)
    *parents, last = path.split(".")
    node: Any = changed
    for step in parents:
        node = node[int(step)] if isinstance(node, list) else node[step]
    key: Any = int(last) if isinstance(node, list) else last
    if value is GONE:
        del node[key]
    else:
        node[key] = value
    return changed


def found(resource: Any) -> list[tuple[str, str]]:
    issues = check(resource)
    assert all(len(i.expression) == 1 and i.severity == "error" and i.text for i in issues)
    return [(i.code, i.expression[0]) for i in issues]


@pytest.mark.parametrize("resource", VALID, ids=lambda r: str(r["resourceType"]))
def test_valid_gives_no_issue(resource: Json) -> None:
    assert check(resource) == ()
    assert explain(resource) == ()


FAULTS: list[tuple[str, Json, str, object, str, str]] = [
    ("unknown element", PATIENT, "phto", [], "structure", "Patient.phto"),
    ("unknown nested element", PATIENT, "name.0.famly", "x", "structure", "Patient.name[0].famly"),
    ("unknown element of odd name", PATIENT, "a b", "x", "structure", "Patient.`a b`"),
    ("unknown choice type", OBSERVATION, "component.0.valueFoo", 1, "structure", "Observation.component[0].valueFoo"),
    ("sibling of what has none", PATIENT, "_name", [{}], "structure", "Patient.name"),
    ("sibling of the id", PATIENT, "_id", {"extension": [EXTENSION]}, "structure", "Patient.id"),
    ("object for array", PATIENT, "name", {"family": "x"}, "structure", "Patient.name"),
    ("array for object", OBSERVATION, "code", [{"text": "x"}], "structure", "Observation.code"),
    ("array for primitive", PATIENT, "gender", ["female"], "structure", "Patient.gender"),
    ("string for array of primitives", PATIENT, "name.0.given", "Anna", "structure", "Patient.name[0].given"),
    ("string for object", PATIENT, "maritalStatus", "M", "structure", "Patient.maritalStatus"),
    ("number for string", PATIENT, "name.0.family", 1, "structure", "Patient.name[0].family"),
    ("string for boolean", PATIENT, "active", "true", "structure", "Patient.active"),
    ("string for integer", PATIENT, "multipleBirthInteger", "2", "structure", "Patient.multipleBirth"),
    ("boolean for integer", PATIENT, "multipleBirthInteger", True, "structure", "Patient.multipleBirth"),
    ("decimal for integer", PATIENT, "multipleBirthInteger", 2.0, "structure", "Patient.multipleBirth"),
    ("string for decimal", OBSERVATION, "valueQuantity.value", "1.5", "structure", "Observation.value.value"),
    ("boolean for decimal", OBSERVATION, "valueQuantity.value", True, "structure", "Observation.value.value"),
    ("integer over 32 bits", PATIENT, "multipleBirthInteger", 2**31, "value", "Patient.multipleBirth"),
    ("negative unsignedInt", PATIENT, "photo.0.size", -1, "value", "Patient.photo[0].size"),
    ("null", PATIENT, "gender", None, "structure", "Patient.gender"),
    ("null object", OBSERVATION, "code", None, "structure", "Observation.code"),
    ("null in array of objects", PATIENT, "name", [None], "structure", "Patient.name[0]"),
    ("null in array of primitives", PATIENT, "name.0.given", ["A", None], "structure", "Patient.name[0].given[1]"),
    ("empty object", PATIENT, "maritalStatus", {}, "structure", "Patient.maritalStatus"),
    ("empty array", PATIENT, "name", [], "structure", "Patient.name"),
    ("empty array of primitives", PATIENT, "name.0.given", [], "structure", "Patient.name[0].given"),
    ("empty string", PATIENT, "name.0.family", "", "value", "Patient.name[0].family"),
    ("an id alone", PATIENT, "maritalStatus", {"id": "x"}, "invariant", "Patient.maritalStatus"),
    ("control character", PATIENT, "name.0.family", "a\x00b", "value", "Patient.name[0].family"),
    ("character XML lacks", PATIENT, "name.0.family", "a\uffffb", "value", "Patient.name[0].family"),
    ("long string", PATIENT, "name.0.family", "a" * (1024 * 1024 + 1), "too-long", "Patient.name[0].family"),
    ("bad id", PATIENT, "id", "a_b", "value", "Patient.id"),
    ("long id", PATIENT, "id", "a" * 65, "value", "Patient.id"),
    ("line end after a value", PATIENT, "birthDate", "1980-01-01\n", "value", "Patient.birthDate"),
    ("bad date", PATIENT, "birthDate", "01.02.1980", "value", "Patient.birthDate"),
    ("30 February", PATIENT, "birthDate", "1980-02-30", "value", "Patient.birthDate"),
    ("29 February of no leap year", PATIENT, "birthDate", "1900-02-29", "value", "Patient.birthDate"),
    ("31 April", OBSERVATION, "effectiveDateTime", "2021-04-31", "value", "Observation.effective"),
    ("time without zone", OBSERVATION, "effectiveDateTime", "2021-04-30T10:00:00", "value", "Observation.effective"),
    ("time without seconds", OBSERVATION, "effectiveDateTime", "2021-04-30T10:00Z", "value", "Observation.effective"),
    ("instant without time", PATIENT, "meta.lastUpdated", "2020-02-29", "value", "Patient.meta.lastUpdated"),
    ("bad code", PATIENT, "photo.0.contentType", " image", "value", "Patient.photo[0].contentType"),
    ("bad uri", PATIENT, "identifier.0.system", "a b", "value", "Patient.identifier[0].system"),
    ("bad base64", PATIENT, "photo.0.data", "AAA", "value", "Patient.photo[0].data"),
    ("code out of a required value set", PATIENT, "gender", "femal", "code-invalid", "Patient.gender"),
    (
        "concept out of a required value set",
        *(CONDITION, "clinicalStatus", {"text": "active"}, "code-invalid", "Condition.clinicalStatus"),
    ),
    (
        "concept of another system",
        *(
            CONDITION,
            "clinicalStatus.coding.0.system",
            "http://example.org",
            "code-invalid",
            "Condition.clinicalStatus",
        ),
    ),
    ("missing primitive", OBSERVATION, "status", GONE, "required", "Observation.status"),
    ("missing object", OBSERVATION, "code", GONE, "required", "Observation.code"),
    ("missing nested", OBSERVATION, "component.0.code", GONE, "required", "Observation.component[0].code"),
    (
        "missing choice",
        MEDICATION_REQUEST,
        "medicationCodeableConcept",
        GONE,
        "required",
        "MedicationRequest.medication",
    ),
    ("two of a choice", OBSERVATION, "valueString", "x", "structure", "Observation.value"),
    (
        "two of a choice, one as sibling",
        OBSERVATION,
        "_valueString",
        {"extension": [EXTENSION]},
        "structure",
        "Observation.value",
    ),
    (
        "two of a required choice",
        *(MEDICATION_REQUEST, "medicationReference", {"reference": "#m"}, "structure", "MedicationRequest.medication"),
    ),
    ("extension without url", PATIENT, "extension.0", {"valueString": "x"}, "required", "Patient.extension[0].url"),
    ("extension without content", PATIENT, "extension.0", {"url": "http://x.org"}, "invariant", "Patient.extension[0]"),
    (
        "extension with id only",
        *(PATIENT, "extension.0", {"url": "http://x.org", "id": "a"}, "invariant", "Patient.extension[0]"),
    ),
    (
        "extension with value and extensions",
        *(PATIENT, "extension.0", {**EXTENSION, "extension": [EXTENSION]}, "invariant", "Patient.extension[0]"),
    ),
    (
        "extension with two values",
        *(PATIENT, "extension.0", {**EXTENSION, "valueCode": "x"}, "structure", "Patient.extension[0].value"),
    ),
    ("sibling that is no object", PATIENT, "_gender", "x", "structure", "Patient.gender"),
    ("sibling that is empty", PATIENT, "_gender", {}, "structure", "Patient.gender"),
    ("fault in a sibling", PATIENT, "_gender", {"extension": [{}]}, "structure", "Patient.gender.extension[0]"),
    ("sibling with id and no value", PATIENT, "_language", {"id": "x"}, "invariant", "Patient.language"),
    (
        "reference to a type that is no target",
        OBSERVATION,
        "subject.reference",
        "Encounter/1",
        "value",
        "Observation.subject.reference",
    ),
    ("reference to no type", OBSERVATION, "subject.reference", "Patent/1", "value", "Observation.subject.reference"),
    ("reference without id", OBSERVATION, "subject.reference", "Patient", "value", "Observation.subject.reference"),
    ("contained without id", PATIENT, "contained.0.id", GONE, "required", "Patient.contained[0].id"),
    ("contained and not referred to", PATIENT, "managingOrganization", GONE, "invariant", "Patient.contained[0]"),
    (
        "contained in contained",
        PATIENT,
        "contained.0.contained",
        [{"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": "#"}}],
        "invariant",
        "Patient.contained[0].contained",
    ),
    (
        "contained with version",
        PATIENT,
        "contained.0.meta",
        {"versionId": "1"},
        "invariant",
        "Patient.contained[0].meta.versionId",
    ),
    (
        "contained with time",
        PATIENT,
        "contained.0.meta",
        {"lastUpdated": "2020-01-01T00:00:00Z"},
        "invariant",
        "Patient.contained[0].meta.lastUpdated",
    ),
    (
        "contained with label",
        PATIENT,
        "contained.0.meta",
        {"security": [{"code": "R"}]},
        "invariant",
        "Patient.contained[0].meta.security",
    ),
    ("fault in contained", PATIENT, "contained.0.foo", 1, "structure", "Patient.contained[0].foo"),
    (
        "contained without type",
        PATIENT,
        "contained.0.resourceType",
        GONE,
        "structure",
        "Patient.contained[0].resourceType",
    ),
    ("fault in an entry", BUNDLE, "entry.0.resource.status", "x", "code-invalid", "Bundle.entry[0].resource.status"),
    (
        "fault in a part",
        *(
            PARAMETERS,
            "parameter.0.part.0.resource.status",
            GONE,
            "required",
            "Parameters.parameter[0].part[0].resource.status",
        ),
    ),
    ("entry that is no resource", BUNDLE, "entry.0.resource", 1, "structure", "Bundle.entry[0].resource"),
    (
        "script in narrative",
        PATIENT,
        "text.div",
        DIV.replace("text", "<script>x</script>"),
        "invalid",
        "Patient.text.div",
    ),
    ("narrative cut off", PATIENT, "text.div", DIV[:-6], "invalid", "Patient.text.div"),
    ("narrative that is no string", PATIENT, "text.div", 1, "structure", "Patient.text.div"),
    ("unknown resource type", PATIENT, "resourceType", "Paitent", "structure", "resourceType"),
    ("abstract resource type", PATIENT, "resourceType", "DomainResource", "structure", "resourceType"),
    ("no resource type", PATIENT, "resourceType", GONE, "structure", "resourceType"),
    ("resource type that is no string", PATIENT, "resourceType", {"a": 1}, "structure", "resourceType"),
]


@pytest.mark.parametrize(
    ("resource", "path", "value", "code", "expression"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_one_fault_gives_one_issue(resource: Json, path: str, value: object, code: str, expression: str) -> None:
    assert found(with_change(resource, path, value)) == [(code, expression)]


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        (PATIENT, "name.0", {"given": ["A", None], "_given": [None, {"extension": [EXTENSION]}]}),
        (PATIENT, "name.0", {"given": ["A", None, "B"], "_given": [None, {"extension": [EXTENSION]}]}),
        (PATIENT, "name.0", {"_given": [{"extension": [EXTENSION]}]}),
        (PATIENT, "_gender", {"id": "x"}),
        (PATIENT, "_gender", {"extension": [EXTENSION]}),
        (PATIENT, "_language", {"extension": [EXTENSION]}),
        (PATIENT, "extension.0", {"url": "http://x.org", "_valueDate": {"extension": [EXTENSION]}}),
        (PATIENT, "extension.0", {"url": "http://x.org", "id": "a b", "valueDecimal": 1}),
        (PATIENT, "birthDate", "2000-02-29"),
        (PATIENT, "multipleBirthInteger", -(2**31)),
        (PATIENT, "name.0.family", "a\u00a0b \r\n\t"),
        (PATIENT, "photo.0.data", " AAAA AAA=\n"),
        (OBSERVATION, "effectiveDateTime", "2016-12-31T23:59:60Z"),
        (OBSERVATION, "subject.reference", "Patient/1/_history/2"),
        (OBSERVATION, "subject.reference", "Patient?identifier=http://x.org|1"),
        (OBSERVATION, "subject.reference", "http://example.org/fhir/Patient/1"),
        (OBSERVATION, "subject.reference", "https://example.org/fhir/Patient/1/_history/2"),
        (OBSERVATION, "subject.reference", "http://example.org/fhir/Patient/1#name"),
        (OBSERVATION, "subject.reference", "http://example.org/patients/1"),
        (OBSERVATION, "subject.reference", "http://example.org/fhir/Encounter/1/more"),
        (OBSERVATION, "subject.reference", "urn:oid:1.2.3"),
        (OBSERVATION, "subject.reference", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        (OBSERVATION, "subject", {"display": "someone"}),
        (PATIENT, "managingOrganization.extension", [EXTENSION]),
    ],
)
def test_rare_but_valid_gives_no_issue(resource: Json, path: str, value: object) -> None:
    assert check(with_change(resource, path, value)) == ()


@pytest.mark.parametrize("version", ["", "/_history/2", "#name"])
@pytest.mark.parametrize("base", ["", "http://example.org/fhir/", "https://example.org:8443/a/b/r4/"])
def test_a_reference_that_names_its_type_names_one_of_those_allowed(base: str, version: str) -> None:
    for type_, expected in (("Patient", []), ("Encounter", [("value", "Observation.subject.reference")])):
        if base or version != "#name":
            assert found(with_change(OBSERVATION, "subject.reference", f"{base}{type_}/1{version}")) == expected


def test_required_primitive_may_be_an_extension() -> None:
    absent = with_change(OBSERVATION, "status", GONE) | {"_status": {"extension": [EXTENSION]}}
    assert check(absent) == ()
    assert found(with_change(OBSERVATION, "status", GONE) | {"_status": {"id": "x"}}) == [
        ("invariant", "Observation.status")
    ]


def test_all_faults_are_reported_at_once() -> None:
    resource = {"resourceType": "Observation", "status": "x", "subject": {"reference": "Encounter/1"}, "foo": 1}
    assert found(resource) == [
        ("structure", "Observation.foo"),
        ("code-invalid", "Observation.status"),
        ("value", "Observation.subject.reference"),
        ("required", "Observation.code"),
    ]


def test_issues_end_at_a_hundred() -> None:
    assert len(check({"resourceType": "Patient", "name": [{"family": 1}] * 1000})) == 100


def test_text_says_what_would_be_right() -> None:
    assert check(with_change(PATIENT, "phto", 1)) == (
        Issue("structure", "Patient has no element 'phto': did you mean photo?", ("Patient.phto",)),
    )
    assert check(with_change(PATIENT, "gender", "f"))[0].text == (
        "Patient.gender must be a code of http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1: female, male, other, unknown"
    )


def test_no_text_repeats_a_value() -> None:
    for _, resource, path, _, _, _ in FAULTS:
        if path.endswith(("family", "birthDate", "gender", "reference", "id")):
            texts = [i.text for i in check(with_change(resource, path, "secr et\x00"))]
            assert texts
            assert not any("secr" in t for t in texts)


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, {"resourceType": []}, {"resourceType": "Patient", "name": 10**400}]
)
def test_anything_gives_issues_and_no_exception(value: Any) -> None:
    assert check(value)


def test_depth_is_bounded() -> None:
    inner: Json = dict(EXTENSION)
    for _ in range(500):
        inner = {"url": "http://example.org/e", "extension": [inner]}
    assert found({"resourceType": "Patient", "id": "a_", "extension": [inner]})[-1][0] == "too-costly"
