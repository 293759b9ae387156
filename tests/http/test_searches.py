"""Searches over HTTP: of a type, of the system, of a compartment, by GET, by POST and in the background; a part of what is found.

http://hl7.org/fhir/R4/http.html#search and http://hl7.org/fhir/R4/async.html
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.http.site import site
from tests.stores import NewFolder

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">o</div>'},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
    "category": [{"coding": [{"code": "vital-signs"}]}],
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2020-01-01",
    "note": [{"text": "n"}],
}
PATIENT = {"resourceType": "Patient", "id": "p", "active": True, "maritalStatus": {"text": "m"}}


@pytest.fixture(scope="module")
def client(new_folder: NewFolder) -> Iterator[httpx.Client]:
    folder: Path = new_folder("searches")
    with site(folder) as client:
        client.put("/fhir/Patient/p", json=PATIENT)
        client.put("/fhir/Observation/o", json=OBSERVATION)
        yield client


def matched(bundle: dict[str, Any]) -> set[str]:
    return {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])}


SEARCHES = [
    ("Patient", "active=true", {"Patient/p"}),
    ("Patient", "_has:Observation:patient:code=8310-5", {"Patient/p"}),
    ("Observation", "_filter=code eq loinc|8310-5 and subject.active eq true", {"Observation/o"}),
    ("", "_type=Patient,Observation", {"Patient/p", "Observation/o"}),
    ("", "_id=o,p", {"Patient/p", "Observation/o"}),
    ("Patient/p/Observation", "code=8310-5", {"Observation/o"}),
    ("Patient/p/*", "", {"Patient/p", "Observation/o"}),
]


@pytest.mark.parametrize(("path", "query", "expected"), SEARCHES)
def test_get_and_post_find_the_same(client: httpx.Client, path: str, query: str, expected: set[str]) -> None:
    got = client.get(f"/fhir/{path}?{query}")
    posted = client.post(
        f"/fhir/{path}{'/' if path else ''}_search",
        content=str(httpx.QueryParams(query)),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert (got.status_code, posted.status_code) == (200, 200)
    assert matched(got.json()) == expected
    assert (posted.json()["entry"], posted.json()["link"]) == (got.json()["entry"], got.json()["link"])


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        *SEARCHES,
        ("Patient/p/$everything", "", {"Patient/p", "Observation/o"}),
        ("Observation/$lastn", "patient=p&category=vital-signs", {"Observation/o"}),
    ],
)
def test_in_the_background(client: httpx.Client, path: str, query: str, expected: set[str]) -> None:
    accepted = client.get(f"/fhir/{path}?{query}", headers={"prefer": "respond-async"})
    assert accepted.status_code == 202
    place = urlsplit(accepted.headers["content-location"]).path
    deadline = time.monotonic() + 10
    while (answer := client.get(place)).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (entry,) = answer.json()["entry"]
    assert entry["response"]["status"] == "200 OK"
    assert matched(entry["resource"]) == expected
    client.delete(place)


def parts(client: httpx.Client, query: str) -> dict[str, set[str]]:
    """Type → names of the elements of what the system search finds."""
    page = client.get(f"/fhir?_type=Patient,Observation&{query}").json()
    return {e["resource"]["resourceType"]: set(e["resource"]) - {"resourceType", "id", "meta"} for e in page["entry"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "_summary=true",
            {"Patient": {"active"}, "Observation": {"status", "code", "subject", "effectiveDateTime"}},
        ),
        ("_summary=text", {"Patient": set(), "Observation": {"text", "status", "code"}}),
        (
            "_summary=data",
            {
                "Patient": {"active", "maritalStatus"},
                "Observation": {"status", "code", "category", "subject", "effectiveDateTime", "note"},
            },
        ),
        ("_elements=status,active", {"Patient": {"active"}, "Observation": {"status", "code"}}),
        (
            "_summary=false",
            {
                "Patient": {"active", "maritalStatus"},
                "Observation": {"text", "status", "code", "category", "subject", "effectiveDateTime", "note"},
            },
        ),
    ],
)
def test_a_part_of_each_resource(client: httpx.Client, query: str, expected: dict[str, set[str]]) -> None:
    assert parts(client, query) == expected


def test_count_alone(client: httpx.Client) -> None:
    for query in ("_summary=count", "_count=0"):
        page = client.get(f"/fhir?_type=Patient,Observation&{query}").json()
        assert (page["total"], "entry" in page) == (2, False)
