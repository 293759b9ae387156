"""Prefer: respond-async."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fhir_server.rest import asynchronous
from tests.http.site import site


def finished(client: httpx.Client, place: str) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (answer := client.get(place)).status_code == 202:
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


def test_a_search_in_the_background(client: httpx.Client, patient: str) -> None:
    id_ = patient.rpartition("/")[2]
    accepted = client.get(f"/fhir/Patient?_id={id_}", headers={"prefer": "respond-async"})
    assert (accepted.status_code, accepted.content) == (202, b"")
    assert accepted.headers["content-location"].startswith(f"{str(client.base_url).rstrip('/')}/fhir/")
    place = urlsplit(accepted.headers["content-location"]).path
    bundle = finished(client, place).json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "batch-response")
    (entry,) = bundle["entry"]
    assert entry["response"]["status"] == "200 OK"
    assert entry["resource"]["entry"][0]["resource"]["id"] == id_
    assert "<Bundle" in client.get(f"{place}?_format=xml").text


def test_a_failure_in_the_background(client: httpx.Client) -> None:
    accepted = client.get("/fhir/Patient?nonsense=1", headers={"prefer": "respond-async, handling=strict"})
    (entry,) = finished(client, urlsplit(accepted.headers["content-location"]).path).json()["entry"]
    assert entry["response"]["status"] == "400 Bad Request"
    assert entry["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_forgetting(client: httpx.Client) -> None:
    accepted = client.get("/fhir/Patient?_count=1", headers={"prefer": "respond-async"})
    place = urlsplit(accepted.headers["content-location"]).path
    finished(client, place)
    assert client.delete(place).status_code == 202
    for answer in (client.get(place), client.delete(place), client.get("/fhir/_async/nothing")):
        assert answer.status_code == 404
    assert client.post(place).headers["allow"] == "GET, HEAD, DELETE, OPTIONS"


def test_ordinary_requests_are_answered_at_once(client: httpx.Client, patient: str) -> None:
    assert client.get(patient, headers={"prefer": "respond-async"}).status_code == 200


def test_a_result_that_is_too_large_is_not_kept(
    client: httpx.Client, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asynchronous, "MOST_BYTES", 100)
    id_ = patient.rpartition("/")[2]
    accepted = client.get(f"/fhir/Patient?_id={id_}", headers={"prefer": "respond-async"})
    place = urlsplit(accepted.headers["content-location"]).path
    (entry,) = finished(client, place).json()["entry"]
    assert entry.keys() == {"response"}
    assert entry["response"]["status"].startswith("413 ")
    assert entry["response"]["outcome"]["issue"][0]["code"] == "too-costly"
    assert client.delete(place).status_code == 202


def test_so_many_results_are_kept_until_one_is_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "MOST_KEPT", 2)

    def ask(client: httpx.Client) -> httpx.Response:
        return client.get("/fhir/Patient", headers={"prefer": "respond-async"})

    with site(folder) as client:
        first, second, refused = ask(client), ask(client), ask(client)
        assert (first.status_code, second.status_code) == (202, 202)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert refused.json()["issue"][0]["code"] == "throttled"
        place = urlsplit(first.headers["content-location"]).path
        finished(client, place)
        assert client.delete(place).status_code == 202
        assert ask(client).status_code == 202
