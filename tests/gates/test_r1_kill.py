"""Gate R1: `kill -9` under load. No acknowledged write is lost, no transaction is torn, and start-up needs no repair."""

import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.http.server import Process, command, free_port, start
from tests.http.wire import Wire

URNS = [f"urn:uuid:05efabf0-4be2-4561-91ce-5154842500{n:02}" for n in range(5)]


@dataclass(slots=True)
class Acknowledged:
    """What the server said is done: ids with versions, and the members of transactions."""

    versions: dict[str, int] = field(default_factory=dict)
    transactions: list[list[str]] = field(default_factory=list)
    writes: int = 0
    restarts: list[float] = field(default_factory=list)


def patient(marker: str) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:tests:kill", "value": marker}]}


def transaction(marker: str) -> dict[str, object]:
    entries = [
        {"fullUrl": u, "resource": patient(marker), "request": {"method": "POST", "url": "Patient"}} for u in URNS
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def writing(base: str, worker: int, done: Acknowledged, stop: threading.Event) -> None:
    """Creates, updates and transactions until the server is gone; keeps what was acknowledged."""
    last: tuple[str, int] | None = None
    number = 0
    with httpx.Client(timeout=10) as client:
        while not stop.is_set():
            number += 1
            marker = f"{worker}-{time.monotonic_ns()}"
            try:
                if number % 3 == 0 and last:
                    body = patient(marker) | {"id": last[0]}
                    answer = client.put(f"{base}/Patient/{last[0]}", json=body)
                elif number % 3 == 1:
                    answer = client.post(f"{base}/Patient", json=patient(marker))
                else:
                    answer = client.post(base, json=transaction(marker))
            except httpx.HTTPError:
                return
            assert answer.status_code in (200, 201), answer.text
            made = answer.json()
            if made["resourceType"] == "Bundle":
                ids = [entry["response"]["location"].split("Patient/")[1].split("/")[0] for entry in made["entry"]]
                done.transactions.append(ids)
                done.writes += len(ids)
            else:
                last = (made["id"], int(made["meta"]["versionId"]))
                done.versions[last[0]] = last[1]
                done.writes += 1


def verify(server: Process, done: Acknowledged) -> None:
    """Everything acknowledged is there; no transaction is there in part."""
    verify_some(server, done, len(done.versions))
    with httpx.Client(timeout=30) as client:
        url: str | None = f"{server.base}/Patient?_count=1000"
        members: dict[str, int] = {}
        while url:
            page = client.get(url).json()
            for entry in page.get("entry", []):
                marker = entry["resource"]["identifier"][0]["value"]
                members[marker] = members.get(marker, 0) + 1
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        assert set(members.values()) <= {1, 5}


def one_round(server: Process, done: Acknowledged, chance: random.Random) -> None:
    """Writes to the server from four clients, and kills it in the middle."""
    stop = threading.Event()
    writers = [threading.Thread(target=writing, args=(server.base, n, done, stop)) for n in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(chance.uniform(0.2, 1.2))
    server.kill()
    stop.set()
    for writer in writers:
        writer.join()


def started(workers: int, folder: Path, restarts: list[float]) -> Process:
    """A server on the database that the last one left, within 15 s."""
    port, began = free_port(), time.monotonic()
    options = ["--store", f"sqlite:///{folder / 'fhir.db'}", "--workers", str(workers)]
    server = start(command(*options, port=port), port, cwd=folder)
    restarts.append(time.monotonic() - began)
    assert restarts[-1] < 15
    return server


def killed(rounds: int, workers: int, folder: Path, seconds: float = 0) -> Acknowledged:
    """After each kill the newest acknowledged writes are looked for, at the end all of them; the store has no damage."""
    chance, total, done = random.Random(20261122), Acknowledged(), Acknowledged()
    until = time.monotonic() + seconds
    number = 0
    while number < rounds or time.monotonic() < until:
        number += 1
        server = started(workers, folder, total.restarts)
        verify_some(server, done)
        done = Acknowledged()
        one_round(server, done, chance)
        total.writes += done.writes
        total.versions |= done.versions
        total.transactions += done.transactions
    server = started(workers, folder, total.restarts)
    verify(server, total)
    server.stop()
    check = [sys.executable, "-m", "fhir_server", "check", "--store", f"sqlite:///{folder / 'fhir.db'}"]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout.strip()) == (0, "no problems found")
    return total


def verify_some(server: Process, done: Acknowledged, count: int = 40) -> None:
    """The newest `count` acknowledged writes are there: the ones that a crash would take."""
    with Wire(server.port) as wire:
        for id_, version in list(done.versions.items())[-count:]:
            assert int(wire.request("GET", f"/fhir/Patient/{id_}").json()["meta"]["versionId"]) >= version
        for ids in done.transactions[-count:]:
            assert [wire.request("GET", f"/fhir/Patient/{id_}").status for id_ in ids] == [200] * 5


def test_kill_under_load_loses_and_tears_nothing(tmp_path: Path) -> None:
    assert killed(4, 1, tmp_path).writes > 100


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_kills_under_load_lose_and_tear_nothing(workers: int, tmp_path: Path, soak: float) -> None:
    done = killed(50, workers, tmp_path, soak)
    assert done.writes > 5_000
    assert median(done.restarts) < 5
