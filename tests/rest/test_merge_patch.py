"""PATCH with a part of the resource, as `application/merge-patch+json` or (from fhirpy) as plain `application/json`."""

from pathlib import Path

from tests.http.server import running
from tests.http.wire import Wire


def test_merge_patch_over_http(folder: Path) -> None:
    with running(cwd=folder) as server, Wire(server.port) as wire:
        patient = b'{"resourceType":"Patient","id":"a","active":true,"gender":"other","name":[{"family":"Ito"}]}'
        assert wire.request("PUT", "/fhir/Patient/a", patient).status == 201
        body = b'{"active": false, "gender": null}'
        merged = wire.request("PATCH", "/fhir/Patient/a", body, Content_Type="application/merge-patch+json")
        assert (merged.status, merged.headers["etag"]) == (200, 'W/"2"')
        found = merged.json()
        del found["meta"]
        assert found == {"resourceType": "Patient", "id": "a", "active": False, "name": [{"family": "Ito"}]}
        plain = b'{"resourceType": "Patient", "active": true}'
        assert wire.request("PATCH", "/fhir/Patient/a", plain, Content_Type="application/json").json()["active"] is True
        bad = wire.request("PATCH", "/fhir/Patient/a", b'{"colour": "red"}', Content_Type="application/json")
        assert (bad.status, bad.json()["issue"][0]["expression"]) == (422, ["Patient.colour"])
        as_fhir = wire.request("PATCH", "/fhir/Patient/a", plain)
        assert as_fhir.status == 415
        formats = wire.request("GET", "/fhir/metadata").json()["patchFormat"]
        assert "application/merge-patch+json" in formats
