"""_include and _revinclude over HTTP: what is left out of a page is said in it.

http://hl7.org/fhir/R4/search.html#include
"""

from pathlib import Path
from typing import Any

from fhir_server.settings import Settings
from tests.http.site import site

OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "c"}}


def remarks(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        issue for entry in page["entry"] if entry["search"]["mode"] == "outcome" for issue in entry["resource"]["issue"]
    ]


def modes(page: dict[str, Any]) -> list[str]:
    return [entry["search"]["mode"] for entry in page["entry"]]


def test_what_is_beyond_the_limit_is_said(folder: Path) -> None:
    with site(folder, Settings(max_includes=2)) as client:
        client.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
        for _ in range(2):
            client.post("/fhir/Observation", json=OBSERVATION | {"subject": {"reference": "Patient/p"}})
        page = client.get("/fhir/Patient?_revinclude=Observation:subject").json()
        assert (modes(page), remarks(page)) == (["match", "include", "include"], [])
        client.post("/fhir/Observation", json=OBSERVATION | {"subject": {"reference": "Patient/p"}})
        page = client.get("/fhir/Patient?_revinclude=Observation:subject&_revinclude=Group:member").json()
        assert modes(page) == ["match", "include", "include", "outcome"]
        (issue,) = remarks(page)
        assert (issue["severity"], issue["code"], issue["expression"]) == (
            "warning",
            "too-costly",
            ["http._revinclude"],
        )
        assert issue["details"]["text"].startswith(
            "_revinclude=Observation:subject leads to more than the 2 resources that are included in one page"
        )
