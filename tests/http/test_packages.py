"""FHIR packages while two worker processes serve, and across kill -9.

http://hl7.org/fhir/R4/packages.html
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.conformance_data import require
from tests.http.server import Process, command, free_port, running, start
from tests.packages.made import PROFILE, package
from tests.stores import NewFolder, store_in

GZIP = {"Content-Type": "application/gzip"}
INSTALL = "ImplementationGuide/$install"
PACKAGES = "ImplementationGuide/$packages"
US_CORE = "hl7.fhir.us.core|6.1.0"
WITHIN = 120.0


@pytest.fixture(scope="module")
def server(new_folder: NewFolder) -> Iterator[Process]:
    folder = new_folder("packages")
    with running("--store", store_in(folder), "--workers", "2", cwd=folder) as process:
        yield process


@pytest.fixture
def http(server: Process) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)  # each request may meet another worker
    with httpx.Client(base_url=server.base, timeout=60, limits=limits) as client:
        yield client


def us_core() -> bytes:
    return require("us-core", "hl7.fhir.us.core-6.1.0.tgz").read_bytes()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def claimed(http: httpx.Client, type_: str) -> list[str]:
    statement = http.get("metadata").json()
    found: list[str] = next(
        r.get("supportedProfile", []) for r in statement["rest"][0]["resource"] if r["type"] == type_
    )
    return found


def packages(http: httpx.Client) -> list[dict[str, Any]]:
    return [
        {part["name"]: part.get("valueString", part.get("valueInteger")) for part in one["part"]}
        for one in http.get(PACKAGES).json().get("parameter", [])
    ]


def test_a_profile_that_comes_over_rest_is_claimed_by_every_worker_at_once(http: httpx.Client) -> None:
    url = "http://example.org/StructureDefinition/known"
    assert http.put("StructureDefinition/known", json=PROFILE).status_code == 201
    assert [claimed(http, "Patient") for _ in range(20)] == [[url]] * 20
    assert http.delete("StructureDefinition/known").status_code == 204
    assert [claimed(http, "Patient") for _ in range(20)] == [[]] * 20


def test_us_core_comes_and_goes_while_others_are_served(http: httpx.Client) -> None:
    answers: list[httpx.Response] = []
    installing = Thread(target=lambda: answers.append(http.post(INSTALL, content=us_core(), headers=GZIP)))
    installing.start()
    slowest = 0.0
    while installing.is_alive():
        began = time.monotonic()
        assert http.post("Patient", json={"resourceType": "Patient"}).status_code == 201
        slowest = max(slowest, time.monotonic() - began)
    assert answers[0].status_code in (200, 202)
    eventually(lambda: http.get(PACKAGES).status_code == 200)
    assert [(one["name"], one["status"], one["resources"]) for one in packages(http)] == [
        ("hl7.fhir.us.core", "installed", 210)
    ]
    assert slowest < 2.0
    for _ in range(10):
        assert len(claimed(http, "Observation")) == 22
    statement = http.get("metadata").json()
    assert statement["implementationGuide"] == [
        "http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core|6.1.0"
    ]
    assert statement["instantiates"] == ["http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server|6.1.0"]
    profile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
    assert http.get("StructureDefinition", params={"url": profile}).json()["total"] == 1
    refused = http.post("Patient", json={"resourceType": "Patient", "meta": {"profile": [profile]}})
    assert refused.status_code == 422
    gone = {"resourceType": "Parameters", "parameter": [{"name": "name", "valueString": US_CORE}]}
    assert http.post("ImplementationGuide/$uninstall", json=gone).status_code == 200
    assert (claimed(http, "Observation"), packages(http)) == ([], [])


def test_search_parameters_of_a_package_are_in_the_statement_when_they_are_indexed(http: httpx.Client) -> None:
    speech = {
        "resourceType": "SearchParameter",
        "id": "speech",
        "url": "http://example.org/SearchParameter/speech",
        "name": "Speech",
        "status": "active",
        "description": "What the patient speaks",
        "code": "speech",
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.communication.language",
    }
    person = {"resourceType": "Patient", "id": "a", "communication": [{"language": {"coding": [{"code": "nl"}]}}]}
    assert http.put("Patient/a", json=person).status_code == 201
    assert http.post(INSTALL, content=package(speech), headers=GZIP).status_code == 200

    def told() -> bool:
        statement = http.get("metadata").json()
        patient = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
        return "speech" in [one["name"] for one in patient["searchParam"]]

    eventually(told)
    assert [told() for _ in range(10)] == [True] * 10
    assert http.get("Patient?speech=nl").json()["total"] == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"nonsense", GZIP, 400),
        (b"", GZIP, 400),
        (b"x", {"Content-Type": "application/zip"}, 415),
        (bytes(33 * 2**20), GZIP, 413),
        (bytes(60 * 2**20), GZIP, 413),
    ],
)
def test_wrong_bodies(http: httpx.Client, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = http.post(INSTALL, content=content, headers=headers)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


def test_an_installation_goes_on_after_kill_9(folder: Path) -> None:
    store, port = store_in(folder), free_port()
    server = start(command("--store", store, port=port), port, cwd=folder)
    raw = us_core()

    def install() -> None:
        with httpx.Client(timeout=60) as client, pytest.raises(httpx.HTTPError):
            client.post(f"{server.base}/{INSTALL}", content=raw, headers=GZIP)

    thread = Thread(target=install)
    thread.start()
    with httpx.Client(base_url=server.base, timeout=60) as http:
        eventually(lambda: any(one["resources"] for one in packages(http)))
        (half,) = packages(http)
    server.kill()
    thread.join()
    assert (half["status"], 0 < half["resources"] < 210) == ("installing", True)
    with running("--store", store, cwd=folder) as again, httpx.Client(base_url=again.base, timeout=60) as http:
        eventually(lambda: http.get(PACKAGES).status_code == 200)
        assert [(one["status"], one["resources"]) for one in packages(http)] == [("installed", 210)]
        history = http.get("_history", params={"_count": 0}).json()
        assert history["total"] == 210  # nothing was written twice
