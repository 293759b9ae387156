"""The parts put together, and taken apart again."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from fhir_server.app import assemble, base_url, check_exposure, create_app
from fhir_server.settings import SettingError, Settings
from fhir_server.storage.open import open_store
from tests.http.server import running
from tests.http.site import site
from tests.stores import store_in


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_sign_in_only_loopback_is_served(host: str) -> None:
    with pytest.raises(SettingError, match="--allow-open"):
        create_app(Settings(host=host))
    check_exposure(Settings(host=host, allow_open=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    check_exposure(Settings(host=host))


def test_sign_in_that_is_not_there_is_not_pretended() -> None:
    with pytest.raises(SettingError, match="smart"):
        check_exposure(Settings(auth="smart"))


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        (Settings(), "http://127.0.0.1:8000/fhir"),
        (Settings(host="::1", port=1), "http://[::1]:1/fhir"),
        (Settings(base_url="https://fhir.example.org/r4/"), "https://fhir.example.org/r4"),
    ],
)
def test_base_url(settings: Settings, base: str) -> None:
    assert base_url(settings) == base


async def test_the_signing_key_belongs_to_the_database(folder: Path) -> None:
    settings = Settings(store=store_in(folder))
    keys = []
    for _ in range(2):
        store = open_store(settings.store, settings)
        await store.open()
        keys.append((await assemble(settings, store)).signing_key)
        await store.close()
    assert keys[0] == keys[1]
    assert len(keys[0]) == 32


def test_another_base_path_is_served_beside_fhir(folder: Path) -> None:
    settings = Settings(base_url="https://fhir.example.org/hospital/r4")
    with site(folder, settings) as client:
        made = client.post("/hospital/r4/Patient", json={"resourceType": "Patient"})
        place = f"https://fhir.example.org/hospital/r4/Patient/{made.json()['id']}"
        assert made.headers["location"] == f"{place}/_history/1"
        assert made.headers["strict-transport-security"].startswith("max-age=")
        assert client.get(f"/fhir/Patient/{made.json()['id']}").json() == made.json()
        assert client.get("/hospital/r4ish").status_code == 404


def test_pages_survive_a_restart(folder: Path) -> None:
    settings = Settings(store=store_in(folder), base_url="http://fhir.example.org/fhir")
    with site(folder, settings) as client:
        for _ in range(3):
            client.post("/fhir/Patient", json={"resourceType": "Patient"})
        page = client.get("/fhir/Patient?_count=2").json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    with site(folder, settings) as client:
        assert len(client.get(following.removeprefix("http://fhir.example.org")).json()["entry"]) == 1


def test_sigterm_finishes_what_is_under_way_and_logs_hold_no_values(folder: Path) -> None:
    with running(cwd=folder) as server:
        httpx.get(f"{server.base}/Patient/canary-7?_summary=true", headers={"x-request-id": "known-id"})
        httpx.get(f"{server.base}/Patient?name=canary-7")
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(
                b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: 30\r\n\r\n{"
            )
            time.sleep(0.3)
            os.kill(server.process.pid, signal.SIGTERM)
            finish = threading.Timer(0.5, lambda: connection.sendall(b'"resourceType":"Patient"}'.ljust(29)))
            finish.start()
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
        assert server.process.wait(20) in (0, -signal.SIGTERM)
        log = server.log.read_text()
    assert "canary" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    answered = [(line["interaction"], line["status"]) for line in lines if line["event"] == "answered"]
    assert ("read", 404) in answered
    assert ("create", 201) in answered
    assert "known-id" in {line.get("request_id") for line in lines}


def test_workers_share_one_database_and_one_set_of_figures(folder: Path) -> None:
    with running("--workers", "2", cwd=folder) as server:
        made = httpx.post(f"{server.base}/Patient", json={"resourceType": "Patient"})
        page = httpx.get(f"{server.base}/Patient?_count=1")
        for _ in range(20):
            assert httpx.get(f"{server.base}/Patient/{made.json()['id']}").status_code == 200
        assert page.status_code == 200
        time.sleep(1.2)
        httpx.get(f"{server.base}/metadata")
        text = httpx.get(f"{server.root}/metrics").text
    assert 'fhir_requests_total{interaction="create",status="201"} 1.0' in text
