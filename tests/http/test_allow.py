"""Allow: what OPTIONS tells of a URL holds for a 405 from within an interaction too, and for what is switched off.

https://www.rfc-editor.org/rfc/rfc9110#section-10.2.1
"""

from pathlib import Path

from fhir_server.settings import Settings
from tests.http.site import site

HISTORY = "/fhir/Patient/a/_history"


def test_purge_is_told_of_where_it_is_on(folder: Path) -> None:
    with site(folder, Settings(purge=True)) as client:
        for url in (HISTORY, f"{HISTORY}/1"):
            assert client.options(url).headers["allow"] == "GET, HEAD, DELETE, OPTIONS"
        assert "/fhir/{type}/{id}/_history" in client.get("/openapi.json").json()["paths"]
        assert "delete" in client.get("/openapi.json").json()["paths"]["/fhir/{type}/{id}/_history"]


def test_what_is_switched_off_is_not_told_of(folder: Path) -> None:
    with site(folder, Settings(update_as_create=False)) as client:
        for url in (HISTORY, f"{HISTORY}/1"):
            refused = client.delete(url)
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
            assert "FHIR_PURGE" in refused.json()["issue"][0]["details"]["text"]
            assert client.options(url).headers["allow"] == "GET, HEAD, OPTIONS"
            assert client.put(url).headers["allow"] == "GET, HEAD, OPTIONS"
        assert "delete" not in client.get("/openapi.json").json()["paths"]["/fhir/{type}/{id}/_history"]
        refused = client.put("/fhir/Patient/a", json={"resourceType": "Patient", "id": "a"})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, PATCH, DELETE, OPTIONS")
