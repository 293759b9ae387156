"""Parameters that the terminology operations share: date, displayLanguage, context; dependencies of $translate; in a batch.

http://hl7.org/fhir/R4/terminology-service.html
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_server.outcome import FhirError
from tests.interactions.client import Client
from tests.operations.test_terminology import told
from tests.operations.zoo import SYSTEM, VS, stocked


@pytest.fixture
async def zoo(client: Client) -> Client:
    return await stocked(client)


PATHS = (
    f"ValueSet/$expand?url={VS}pets",
    f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=cat",
    f"CodeSystem/$validate-code?url={SYSTEM}&code=cat",
    f"CodeSystem/$lookup?system={SYSTEM}&code=cat",
)


@pytest.mark.parametrize("path", PATHS)
async def test_definitions_of_another_time_are_refused(zoo: Client, path: str) -> None:
    today = datetime.now(UTC).date()
    for date, status in (("2001", 422), ((today - timedelta(2)).isoformat(), 422), ("soon", 400)):
        error = await zoo.fails("GET", f"{path}&date={date}")
        assert (error.status, error.issues[0].expression) == (status, ("http.date",))
    assert await zoo.get(f"{path}&date={today.isoformat()}") is not None
    assert await zoo.get(f"{path}&date={today.year}") is not None


@pytest.mark.parametrize(
    ("language", "display"),
    [("de", "Katze"), ("de-AT", "Katze"), ("fr", "Chat gris"), ("fr-CH", "Chat gris"), ("sv", "Grey cat")],
)
async def test_all_operations_say_displays_in_the_same_language(zoo: Client, language: str, display: str) -> None:
    looked = await zoo.get(f"CodeSystem/$lookup?system={SYSTEM}&code=cat&displayLanguage={language}")
    judged = await zoo.get(f"CodeSystem/$validate-code?url={SYSTEM}&code=cat&displayLanguage={language}")
    expanded = await zoo.get(f"ValueSet/$expand?url={VS}pets&displayLanguage={language}")
    rows = {each["code"]: each["display"] for each in expanded["expansion"]["contains"]}
    assert (told(looked)["display"], told(judged)["display"], rows["cat"]) == (display, display, display)


@pytest.mark.parametrize(
    ("path", "display", "language", "result"),
    [
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat", "Katze", "de", True),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat", "Chat gris", "de", False),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat", "Chat gris", "", True),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=cat", "Chat gris", "de-CH", False),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=cat", "katze", "de-CH", True),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=dog", "Good boy", "de", True),
    ],
)
async def test_a_display_is_judged_in_the_language_that_is_named(
    zoo: Client, path: str, display: str, language: str, *, result: bool
) -> None:
    more = f"&displayLanguage={language}" if language else ""
    answer = told(await zoo.get(f"{path}&display={display}{more}"))
    assert (answer["result"], "message" in answer) == (result, not result)


async def test_lookup_tells_the_designations_of_one_language(zoo: Client) -> None:
    answer = await zoo.get(f"CodeSystem/$lookup?system={SYSTEM}&code=cat&property=lang.fr")
    parts = [told({"parameter": p["part"]}) for p in answer["parameter"] if p["name"] == "designation"]
    assert [part["value"] for part in parts] == ["Chat gris"]
    assert not [p for p in answer["parameter"] if p["name"] == "property"]


PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "animal",
    "url": "http://acme.org/StructureDefinition/animal",
    "name": "Animal",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {
        "element": [
            {"id": "Patient", "path": "Patient"},
            {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "binding": {"strength": "required", "valueSet": f"{VS}pets"}},
        ]
    },
}  # fmt: skip


async def test_a_value_set_is_named_by_the_element_that_is_bound_to_it(zoo: Client) -> None:
    await zoo.put("StructureDefinition/animal", PROFILE)
    expanded = await zoo.get(f"ValueSet/$expand?context={PROFILE['url']}%23Patient.maritalStatus")
    assert [each["code"] for each in expanded["expansion"]["contains"]] == ["dog", "cat"]
    core = await zoo.get("ValueSet/$expand?context=http://hl7.org/fhir/StructureDefinition/Patient%23Patient.gender")
    assert len(core["expansion"]["contains"]) == 4
    inherited = await zoo.get(f"ValueSet/$expand?context={PROFILE['url']}%23Patient.gender")
    assert inherited["expansion"]["contains"] == core["expansion"]["contains"]
    inner = "http://hl7.org/fhir/StructureDefinition/Patient%23Patient.contact.gender"
    judged = await zoo.get(
        f"ValueSet/$validate-code?context={inner}&code=male&system=http://hl7.org/fhir/administrative-gender"
    )
    assert told(judged)["result"] is True


@pytest.mark.parametrize(
    "context", ["http://acme.org/none%23Patient.gender", "Patient.gender", "http://hl7.org/fhir/StructureDefinition/Patient%23Patient.birthDate",
                "http://hl7.org/fhir/StructureDefinition/Patient%23Observation.status", "http://hl7.org/fhir/StructureDefinition/Patient%23Patient.x.y"]
)  # fmt: skip
async def test_a_context_that_is_not_known(zoo: Client, context: str) -> None:
    error = await zoo.fails("GET", f"ValueSet/$expand?context={context}")
    assert (error.status, error.issues[0].expression) == (404, ("http.context",))


MAP = {
    "resourceType": "ConceptMap",
    "id": "sex",
    "url": "http://acme.org/map/sex",
    "status": "active",
    "group": [{"source": SYSTEM, "target": "http://acme.org/names", "element": [{"code": "cat", "target": [
        {"code": "tom", "equivalence": "wider", "dependsOn": [{"property": "http://acme.org/sex", "system": "http://hl7.org/fhir/administrative-gender", "value": "male"}]},
        {"code": "queen", "equivalence": "wider", "dependsOn": [{"property": "http://acme.org/sex", "value": "female"}]},
        {"code": "felis", "equivalence": "equivalent"},
    ]}]}],
}  # fmt: skip


def dependent(*codings: dict[str, str], text: str = "") -> dict[str, Any]:
    concept: dict[str, Any] = {"coding": list(codings)} if codings else {"text": text}
    known = [
        {"name": "element", "valueUri": "http://acme.org/sex"},
        {"name": "concept", "valueCodeableConcept": concept},
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": MAP["url"]},
            {"name": "coding", "valueCoding": {"system": SYSTEM, "code": "cat"}},
            *([{"name": "dependency", "part": known}] if codings or text else []),
        ],
    }


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (dependent(), ["felis"]),
        (dependent({"system": "http://hl7.org/fhir/administrative-gender", "code": "male"}), ["tom", "felis"]),
        (dependent({"system": "http://acme.org/else", "code": "male"}), ["felis"]),
        (dependent({"system": "http://acme.org/else", "code": "female"}), ["queen", "felis"]),
        (dependent(text="female"), ["queen", "felis"]),
    ],
)
async def test_a_translation_holds_where_what_it_depends_on_is_known(zoo: Client, body: Any, codes: list[str]) -> None:
    await zoo.put("ConceptMap/sex", MAP)
    answer = await zoo.post("ConceptMap/$translate", body)
    concepts = [
        part["valueCoding"]["code"]
        for p in answer["parameter"] if p["name"] == "match"
        for part in p["part"] if part["name"] == "concept"
    ]  # fmt: skip
    assert concepts == codes


async def test_a_dependency_without_its_parts_is_refused(zoo: Client) -> None:
    body = dependent(text="x")
    del body["parameter"][-1]["part"][0]
    with pytest.raises(FhirError, match="a dependency has an element"):
        await zoo.post("ConceptMap/$translate", body)


async def test_operations_come_in_a_batch(zoo: Client) -> None:
    entries = [{"request": {"method": "GET", "url": path}} for path in (*PATHS, f"ValueSet/$expand?url={VS}none")]
    answer = await zoo.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["200", "200", "200", "200", "404"]
    assert [entry["resource"]["resourceType"] for entry in answer["entry"][:4]] == ["ValueSet", "Parameters", "Parameters", "Parameters"]  # fmt: skip
