"""Purge over HTTP: what may not be deleted may not be removed for good either.

http://hl7.org/fhir/R4/http.html#delete
"""

from pathlib import Path

from fhir_server.settings import Settings
from tests.http.site import site


def test_referential_integrity_holds_for_a_purge(folder: Path) -> None:
    with site(folder, Settings(purge=True, referential_integrity=True)) as client:
        place = "Patient/" + client.post("/fhir/Patient", json={"resourceType": "Patient"}).json()["id"]
        client.put(f"/fhir/{place}", json={"resourceType": "Patient", "id": place[8:], "active": True})
        condition = {"resourceType": "Condition", "subject": {"reference": place}}
        reference = "Condition/" + client.post("/fhir/Condition", json=condition).json()["id"]

        refused = client.delete(f"/fhir/{place}/_history")

        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (409, "conflict")
        assert client.get(f"/fhir/{place}/_history").json()["total"] == 2

        assert client.delete(f"/fhir/{place}/_history/1").status_code == 204
        assert client.delete(f"/fhir/{reference}").status_code == 204
        assert client.delete(f"/fhir/{place}/_history").status_code == 204
        assert client.get(f"/fhir/{place}").status_code == 404
        assert client.delete(f"/fhir/{reference}/_history").status_code == 204
        assert client.get(f"/fhir/{reference}/_history").status_code == 404
