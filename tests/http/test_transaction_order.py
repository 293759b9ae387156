"""Transactions over HTTP whose entries meet: deletions before conditional creates, conditional updates after creates.

http://hl7.org/fhir/R4/http.html#trules
"""

import uuid
from typing import Any

import httpx


def _patient(system: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "value": "1"}], **more}


def _entry(method: str, url: str, resource: dict[str, Any] | None = None, **request: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return entry if resource is None else {**entry, "resource": resource}


def _transaction(client: httpx.Client, *entries: dict[str, Any]) -> httpx.Response:
    return client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})


def _matches(client: httpx.Client, system: str) -> list[str]:
    found = client.get("/fhir/Patient", params={"identifier": f"{system}|1"}).json()
    return [entry["resource"]["id"] for entry in found.get("entry", [])]


def test_a_conditional_create_does_not_find_what_the_bundle_deletes(client: httpx.Client) -> None:
    system = f"urn:uuid:{uuid.uuid4()}"
    old = client.post("/fhir/Patient", json=_patient(system)).json()["id"]

    for delete in (f"Patient/{old}", f"Patient?identifier={system}|1"):
        done = _transaction(
            client,
            _entry("POST", "Patient", _patient(system), ifNoneExist=f"identifier={system}|1"),
            _entry("DELETE", delete),
        )

        assert [entry["response"]["status"] for entry in done.json()["entry"]] == ["201 Created", "204 No Content"]
        (new,) = _matches(client, system)
        assert done.json()["entry"][0]["response"]["location"] == f"Patient/{new}/_history/1"
        assert client.get(f"/fhir/Patient/{old}").status_code == 410
        old = new


def test_a_conditional_update_beside_a_create_that_it_matches_fails(client: httpx.Client) -> None:
    system = f"urn:uuid:{uuid.uuid4()}"

    done = _transaction(
        client,
        _entry("PUT", f"Patient?identifier={system}|1", _patient(system, active=True)),
        _entry("POST", "Patient", _patient(system)),
    )

    assert (done.status_code, done.json()["issue"][0]["code"]) == (412, "multiple-matches")
    assert done.json()["issue"][0]["expression"] == ["Bundle.entry[0]"]
    assert _matches(client, system) == []


def test_a_conditional_update_does_not_overwrite_what_it_does_not_match(client: httpx.Client, patient: str) -> None:
    """As the same request outside a transaction."""
    system = f"urn:uuid:{uuid.uuid4()}"
    id_ = patient.rpartition("/")[2]
    before = client.get(patient).content

    alone = client.put(f"/fhir/Patient?identifier={system}|1", json=_patient(system, id=id_))
    done = _transaction(client, _entry("PUT", f"Patient?identifier={system}|1", _patient(system, id=id_)))

    assert (alone.status_code, alone.json()["issue"][0]["expression"]) == (409, ["Patient.id"])
    assert (done.status_code, done.json()["issue"][0]["expression"]) == (409, ["Bundle.entry[0].resource.id"])
    assert client.get(patient).content == before
