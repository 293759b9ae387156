"""fhirpy and fhirclient from PyPI, unmodified, against the real server."""

import pytest
from fhirclient import client as smart
from fhirclient.models.humanname import HumanName
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound

URN = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"


def transaction(family: str) -> dict[str, object]:
    patient = {"resourceType": "Patient", "name": [{"family": family}]}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "mood"},
        "subject": {"reference": URN},
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": URN, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
        ],
    }


def test_fhirpy_creates_reads_updates_patches_and_deletes(base: str) -> None:
    client = SyncFHIRClient(base)
    patient = client.resource("Patient", name=[{"family": "Fhirpy"}])
    patient.save()
    assert client.reference("Patient", patient.id).to_resource()["name"] == [{"family": "Fhirpy"}]
    patient["active"] = True
    patient.save()
    assert patient["meta"]["versionId"] == "2"
    patient.patch(active=False)
    assert patient["active"] is False
    assert patient["name"] == [{"family": "Fhirpy"}]
    patient.delete()  # type: ignore[no-untyped-call]
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", patient.id).to_resource()


def test_fhirpy_searches_with_paging(base: str) -> None:
    client = SyncFHIRClient(base)
    made = {client.resource("Patient", name=[{"family": "Fhirpypages"}]).save().id for _ in range(5)}
    found = [p.id for p in client.resources("Patient").search(family="Fhirpypages").limit(2).fetch_all()]
    assert sorted(found) == sorted(made)

    lenient = SyncFHIRClient(base, extra_headers={"Prefer": "handling=lenient"})
    assert lenient.resources("Patient").search(family="Fhirpypages").count() == 5, "it adds a parameter of its own"


def test_fhirpy_sends_a_transaction(base: str) -> None:
    client = SyncFHIRClient(base)
    done = client.execute("", method="post", data=transaction("Fhirpytx"))
    assert [entry["response"]["status"][:3] for entry in done["entry"]] == ["201", "201"]


def test_fhirclient_creates_reads_updates_and_deletes(base: str) -> None:
    server = smart.FHIRClient(settings={"app_id": "tests", "api_base": base}).server
    patient = Patient({"name": [{"family": "Fhirclient"}]})
    patient.create(server)
    found = list(Patient.where({"family": "Fhirclient"}).perform_resources_iter(server))
    assert [p.name[0].family for p in found] == ["Fhirclient"]
    read = Patient.read(found[0].id, server)
    read.name = [HumanName({"family": "Fhirclient", "given": ["Ida"]})]
    read.update(server)
    assert Patient.read(read.id, server).name[0].given == ["Ida"]
    read.delete(server)
    with pytest.raises(FHIRNotFoundException):
        Patient.read("never-there", server)


def test_fhirclient_pages_and_sends_a_transaction(base: str) -> None:
    server = smart.FHIRClient(settings={"app_id": "tests", "api_base": base}).server
    for _ in range(5):
        done = server.post_json("", transaction("Fhirclienttx")).json()
        assert [entry["response"]["status"][:3] for entry in done["entry"]] == ["201", "201"]
    search = Patient.where({"family": "Fhirclienttx", "_count": "2"})
    assert len(list(search.perform_resources_iter(server))) == 5
