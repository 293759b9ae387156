"""Prefer: respond-async."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from fhir_server.app import assemble
from fhir_server.context import Response
from fhir_server.outcome import NotFound
from fhir_server.rest import asynchronous
from fhir_server.rest.asynchronous import Jobs
from fhir_server.settings import Settings
from fhir_server.storage.sqlite import SQLiteStore
from tests.http.server import command, free_port, start
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


@pytest.fixture
async def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Jobs, Jobs]]:
    """Two on one database, whose leases are short."""
    monkeypatch.setattr(asynchronous, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(asynchronous, "LOOK_EVERY", 0.05)
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    server = await assemble(Settings(), store)
    yield Jobs(server), Jobs(server)
    await store.close()


class Work:
    """A request that takes for ever."""

    def __init__(self) -> None:
        self.begun, self.stopped = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Response:
        self.begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.stopped.set()
        raise AssertionError


async def started(jobs: Jobs, work: Work) -> str:
    accepted = await jobs.start("anybody", "POST", work, "r1")
    await asyncio.wait_for(work.begun.wait(), 5)
    return accepted.headers["Content-Location"].rpartition("/")[2]


def broken_off(answer: Response) -> str:
    """The text of the failure in a result of a request that was not carried out to its end."""
    (entry,) = orjson.loads(answer.body or b"")["entry"]
    assert entry["response"]["status"] == "503 Service Unavailable"
    (issue,) = entry["response"]["outcome"]["issue"]
    assert issue["code"] == "transient"
    return str(issue["details"]["text"])


async def test_a_request_that_takes_longer_than_its_lease_is_in_progress(workers: tuple[Jobs, Jobs]) -> None:
    one, other = workers
    name = await started(one, Work())
    for _ in range(8):
        assert ((await one.status("anybody", name)).status, (await other.status("anybody", name)).status) == (202, 202)
        await asyncio.sleep(0.2)
    await one.forget("anybody", name)


async def test_what_is_forgotten_on_one_worker_stops_on_another(workers: tuple[Jobs, Jobs]) -> None:
    one, other = workers
    work = Work()
    name = await started(one, work)
    assert (await other.forget("anybody", name)).status == 202
    await asyncio.wait_for(work.stopped.wait(), 2)
    for jobs in workers:
        with pytest.raises(NotFound):
            await jobs.status("anybody", name)


async def test_a_server_that_stops_says_that_it_broke_off(workers: tuple[Jobs, Jobs]) -> None:
    one, other = workers
    work = Work()
    name = await started(one, work)
    await one.close(0.05)
    assert work.stopped.is_set()
    assert "stopped before it was done" in broken_off(await other.status("anybody", name))


def test_a_request_whose_process_was_killed_has_failed(tmp_path: Path) -> None:
    """A batch of thousands is under way, `kill -9`: soon after the restart its status says so, and keeps saying so."""
    port = free_port()
    serve = command("--store", f"sqlite:///{tmp_path / 'fhir.db'}", port=port)
    server = start(serve, port, cwd=tmp_path)
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    batch: dict[str, Any] = {"resourceType": "Bundle", "type": "batch", "entry": [entry] * 9_000}
    accepted = httpx.post(server.base, json=batch, headers={"prefer": "respond-async"}, timeout=30)
    place = accepted.headers["content-location"]
    server.kill()
    killed = time.monotonic()
    server = start(serve, port, cwd=tmp_path)
    try:
        while (answer := httpx.get(place, timeout=30)).status_code == 202:
            assert time.monotonic() - killed < 20
            time.sleep(0.2)
        assert "The process that worked on it ended" in broken_off(Response(200, body=answer.content))
        assert httpx.get(place).content == answer.content
        assert httpx.delete(place).status_code == 202
        assert httpx.get(place).status_code == 404
    finally:
        server.stop()
