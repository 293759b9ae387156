"""What writes are held to, as the settings say, and how a refusal tells of it.

http://hl7.org/fhir/R4/validation.html and http://hl7.org/fhir/R4/http.html#create (422 for business rules)
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_server.app import create_app
from fhir_server.settings import SettingError, Settings
from tests.http.site import site

Json = dict[str, Any]
URL = "http://acme.org/StructureDefinition/named-patient"
BROKEN_RULE = {"resourceType": "Patient", "contact": [{"relationship": [{"text": "x"}]}]}
"""pat-1: a contact has details."""
VITAL = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
    "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bodytemp"]},
}


def named(**more: Any) -> Json:
    """A profile that asks each Patient for a name."""
    return {
        "resourceType": "StructureDefinition",
        "url": URL,
        "name": "NamedPatient",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
        **more,
    }


def claiming(**more: Any) -> Json:
    return {"resourceType": "Patient", "meta": {"profile": [URL]}, **more}


def told(answer: httpx.Response) -> list[tuple[str, str, list[str]]]:
    """(severity, code, expression) of the issues."""
    return [(i["severity"], i["code"], i["expression"]) for i in answer.json()["issue"]]


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with site(folder) as running:
        yield running


@pytest.mark.parametrize(
    ("level", "rule", "profile"), [("structure", 201, 201), ("invariants", 422, 201), ("profiles", 422, 422)]
)
def test_each_level_holds_writes_to_more(folder: Path, level: str, rule: int, profile: int) -> None:
    with site(folder, Settings(validation=level)) as client:
        assert client.post("/fhir/Patient", json={"resourceType": "Patient", "gender": "x"}).status_code == 400
        assert client.post("/fhir/Patient", json=BROKEN_RULE).status_code == rule
        assert client.post("/fhir/Observation", json=VITAL).status_code == profile


def test_required_profiles_hold_for_resources_that_claim_nothing(folder: Path) -> None:
    temperature = "http://hl7.org/fhir/StructureDefinition/bodytemp"
    with site(folder, Settings(required_profiles=f"Observation={temperature},Patient={URL}")) as client:
        plain = {key: value for key, value in VITAL.items() if key != "meta"}
        refused = client.post("/fhir/Observation", json=plain)
        assert refused.status_code == 422
        assert ("error", "required", ["Observation.subject"]) in told(refused)
        unknown = client.post("/fhir/Patient", json={"resourceType": "Patient"})
        assert (unknown.status_code, told(unknown)) == (422, [("error", "not-found", ["Patient.meta.profile"])])
        assert client.post("/fhir/StructureDefinition", json=named()).status_code == 201
        missing = client.post("/fhir/Patient", json={"resourceType": "Patient"})
        assert (missing.status_code, told(missing)) == (422, [("error", "required", ["Patient.name"])])
        whole = {"resourceType": "Patient", "name": [{"family": "Chalmers"}]}
        assert client.post("/fhir/Patient", json=whole).status_code == 201


@pytest.mark.parametrize(
    "settings",
    [
        {"validation": "strict"},
        {"required_profiles": "Patient"},
        {"required_profiles": "Patients=http://acme.org/p"},
        {"required_profiles": "Patient=named"},
        {"required_profiles": f"Patient={URL}", "validation": "invariants"},
    ],
)
def test_settings_that_cannot_be_stop_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=r"FHIR_(VALIDATION|REQUIRED_PROFILES)"):
        create_app(Settings(**settings))  # type: ignore[arg-type]


def test_a_profile_holds_as_soon_as_it_is_created_and_on_other_workers_soon(folder: Path) -> None:
    with ExitStack() as stack:
        first, second = (stack.enter_context(site(folder)) for _ in range(2))
        for client in (first, second):
            assert client.post("/fhir/Patient", json=claiming()).status_code == 201  # not known: a warning
        made = first.post("/fhir/StructureDefinition", json=named()).json()
        assert told(first.post("/fhir/Patient", json=claiming())) == [("error", "required", ["Patient.name"])]
        until = time.monotonic() + 5
        while second.post("/fhir/Patient", json=claiming()).status_code == 201:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert time.monotonic() < until - 3
        changed = named(
            id=made["id"], differential={"element": [{"id": "Patient.gender", "path": "Patient.gender", "min": 1}]}
        )
        assert first.put(f"/fhir/StructureDefinition/{made['id']}", json=changed).status_code == 200
        assert told(first.post("/fhir/Patient", json=claiming())) == [("error", "required", ["Patient.gender"])]
        assert first.delete(f"/fhir/StructureDefinition/{made['id']}").status_code in (200, 204)
        assert first.post("/fhir/Patient", json=claiming()).status_code == 201


def test_an_extension_is_held_to_its_definition_as_soon_as_that_is_created(client: httpx.Client) -> None:
    url = "http://acme.org/StructureDefinition/shoe-size"
    patient = {"resourceType": "Patient", "extension": [{"url": url, "valueString": "large"}]}
    assert client.post("/fhir/Patient", json=patient).status_code == 201
    value = {"id": "Extension.value[x]", "path": "Extension.value[x]", "type": [{"code": "integer"}]}
    made = client.post(
        "/fhir/StructureDefinition",
        json=named(
            url=url,
            type="Extension",
            kind="complex-type",
            baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
            context=[{"type": "element", "expression": "Patient"}],
            differential={"element": [{"id": "Extension", "path": "Extension"}, value]},
        ),
    )
    assert made.status_code == 201
    refused = client.post("/fhir/Patient", json=patient)
    assert (refused.status_code, told(refused)) == (422, [("error", "structure", ["Patient.extension[0].value"])])
    patient["extension"] = [{"url": url, "valueInteger": 42}]
    assert client.post("/fhir/Patient", json=patient).status_code == 201


def test_a_transaction_names_the_entries(client: httpx.Client) -> None:
    client.post("/fhir/StructureDefinition", json=named())
    resources = [{"resourceType": "Patient"}, claiming(), BROKEN_RULE]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": r, "request": {"method": "POST", "url": "Patient"}} for r in resources],
    }
    refused = client.post("/fhir", json=bundle)
    assert refused.status_code == 422
    assert told(refused) == [
        ("error", "required", ["Bundle.entry[1].resource.name"]),
        ("error", "invariant", ["Bundle.entry[2].resource.contact[0]"]),
    ]
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == 0
    bundle["type"] = "batch"
    answer = client.post("/fhir", json=bundle).json()
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "422", "422"]


def test_line_and_column_are_those_of_the_text(client: httpx.Client) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue"
    text = '{\n  "resourceType": "Patient",\n  "contact": [{"relationship": [{"text": "x"}]}]\n}'
    markup = '<Patient xmlns="http://hl7.org/fhir">\n <gender value="x"/>\n</Patient>'
    for content, kind, line, column in ((text, "json", 3, 15), (markup, "xml", 2, 2)):
        refused = client.post("/fhir/Patient", content=content, headers={"content-type": f"application/fhir+{kind}"})
        assert refused.status_code in (400, 422)
        expected = [{"url": f"{url}-line", "valueInteger": line}, {"url": f"{url}-col", "valueInteger": column}]
        assert refused.json()["issue"][0]["extension"] == expected
        same = client.post(
            "/fhir/Patient/$validate", content=content, headers={"content-type": f"application/fhir+{kind}"}
        )
        assert (same.status_code, same.json()["issue"][0]["extension"]) == (200, expected)


def test_validate_takes_a_profile_and_a_mode(client: httpx.Client) -> None:
    client.post("/fhir/StructureDefinition", json=named())
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'}
    patient = {"resourceType": "Patient", "id": "a", "text": narrative}
    client.put("/fhir/Patient/a", json=patient)
    missing = [("error", "required", ["Patient.name"])]
    assert told(client.get(f"/fhir/Patient/a/$validate?profile={URL}")) == missing
    assert told(client.post(f"/fhir/Patient/$validate?profile={URL}", json=patient)) == missing
    asked: Json = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "mode", "valueCode": "update"},
            {"name": "resource", "resource": patient},
            {"name": "profile", "valueUri": URL},
        ],
    }
    answer = client.post("/fhir/Patient/a/$validate", json=asked).json()["issue"][0]
    assert (answer["expression"], answer["details"]["text"]) == (
        ["Patient.name"],
        f"name is needed; there are none ({URL})",
    )
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:uuid:6f0b0a1e-6f4e-4d6c-9f6e-0f2b8a1c2d3e", "resource": {**claiming(), "text": narrative}}]}  # fmt: skip
    assert told(client.post("/fhir/Bundle/$validate", json=bundle)) == [
        ("error", "required", ["Bundle.entry[0].resource.name"])
    ]


def test_errors_come_first_and_warnings_alone_never_block(client: httpx.Client) -> None:
    stranger = {"url": "http://acme.org/unknown", "valueString": "x"}
    warned: Json = {
        "resourceType": "Patient",
        "modifierExtension": [stranger],
        "meta": {"profile": ["http://acme.org/none"]},
    }
    assert client.post("/fhir/Patient", json=warned).status_code == 201
    refused = client.post("/fhir/Patient", json={**warned, **BROKEN_RULE})
    assert refused.status_code == 422
    assert [severity for severity, _, _ in told(refused)] == ["error", "warning", "warning"]


def test_faults_of_structure_do_not_hide_the_others(client: httpx.Client) -> None:
    client.post("/fhir/StructureDefinition", json=named())
    wrong: Json = {**claiming(), **BROKEN_RULE, "gender": "x", "nonsense": 1}
    expected = [
        ("error", "structure", ["Patient.nonsense"]),
        ("error", "code-invalid", ["Patient.gender"]),
        ("error", "invariant", ["Patient.contact[0]"]),
        ("error", "required", ["Patient.name"]),
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": wrong, "request": {"method": "POST", "url": "Patient"}}]}  # fmt: skip
    for path, body, place in (("Patient", wrong, "Patient"), ("", bundle, "Bundle.entry[0].resource")):
        refused = client.post(f"/fhir/{path}", json=body)
        assert refused.status_code == 400
        moved = [(severity, code, [e.replace("Patient", place) for e in where]) for severity, code, where in expected]
        assert sorted(told(refused)) == sorted(moved)
    checked = told(client.post("/fhir/Patient/$validate", json=wrong))
    assert sorted(each for each in checked if each[0] == "error") == sorted(expected)
