"""_contained and _containedType: what comes back when the match lies within another resource.

http://hl7.org/fhir/R4/search.html#contained
"""

from typing import Any

import pytest

from tests.interactions.client import BASE, Client, patient

REQUEST: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "r",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p"},
    "medicationReference": {"reference": "#m1"},
    "supportingInformation": [{"reference": "#m2"}],
    "contained": [
        {"resourceType": "Medication", "id": "m1", "code": {"coding": [{"code": "abc"}]}},
        {"resourceType": "Medication", "id": "m2", "code": {"coding": [{"code": "xyz"}]}},
    ],
}
MEDICATION = {"resourceType": "Medication", "id": "own", "code": {"coding": [{"code": "abc"}]}}


@pytest.fixture
async def filled(client: Client) -> Client:
    await client.put("Patient/p", patient("p"))
    await client.put("MedicationRequest/r", REQUEST)
    await client.put("Medication/own", MEDICATION)
    return client


async def found(client: Client, query: str) -> dict[str, Any]:
    page = await client.get(query)
    return {e["fullUrl"].removeprefix(f"{BASE}/"): e["resource"] for e in page.get("entry", [])}


async def test_contained_resources_are_found_when_asked_for(filled: Client) -> None:
    assert set(await found(filled, "Medication?code=abc")) == {"Medication/own"}
    assert set(await found(filled, "Medication?code=abc&_contained=false")) == {"Medication/own"}
    assert set(await found(filled, "Medication?code=abc&_contained=true")) == {"MedicationRequest/r"}
    assert set(await found(filled, "Medication?code=abc&_contained=both")) == {"Medication/own", "MedicationRequest/r"}


async def test_contained_resource_comes_alone(filled: Client) -> None:
    alone = await found(filled, "Medication?code=abc&_contained=true&_containedType=contained")
    assert alone == {"MedicationRequest/r#m1": REQUEST["contained"][0]}
    both = await found(filled, "Medication?code=abc,xyz&_contained=both&_containedType=contained")
    assert set(both) == {"Medication/own", "MedicationRequest/r#m1", "MedicationRequest/r#m2"}


async def test_container_that_matches_itself_comes_too(filled: Client) -> None:
    query = "MedicationRequest?_contained=both&_containedType=contained"
    assert set(await found(filled, query)) == {"MedicationRequest/r"}
    nested = {**patient("outer", active=True), "contained": [patient("inner", active=True)]}
    await filled.put("Patient/outer", {**nested, "link": [{"other": {"reference": "#inner"}, "type": "seealso"}]})
    query = "Patient?active=true&_contained=both&_containedType=contained"
    assert set(await found(filled, query)) == {"Patient/outer", "Patient/outer#inner"}
    query = "Patient?active=true&_contained=true&_containedType=contained"
    assert set(await found(filled, query)) == {"Patient/outer#inner"}
    await filled.put(
        "Patient/outer", {**nested, "active": False, "link": [{"other": {"reference": "#inner"}, "type": "seealso"}]}
    )
    query = "Patient?active=true&_contained=both&_containedType=contained"
    assert set(await found(filled, query)) == {"Patient/outer#inner"}


async def test_self_says_what_was_used(filled: Client) -> None:
    page = await filled.get("Medication?code=abc&_contained=true&_containedType=contained")
    assert page["link"][0]["url"] == f"{BASE}/Medication?code=abc&_contained=true&_containedType=contained"
