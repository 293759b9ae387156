"""ImplementationGuide/$install, $uninstall and $packages.

http://hl7.org/fhir/R4/packages.html
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.app import assemble, worker
from fhir_server.outcome import FhirError
from fhir_server.packages import waiting
from fhir_server.settings import Settings
from tests.interactions.client import BASE, Client
from tests.packages.made import PROFILE, VALUE_SET, package
from tests.stores import opened

INSTALL = "ImplementationGuide/$install"
UNINSTALL = "ImplementationGuide/$uninstall"
PACKAGES = "ImplementationGuide/$packages"
KEY = "org.example.guide|1.0.0"


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    store = await opened(folder)
    settings = Settings(base_url=BASE, request_timeout=15.0, max_package=100_000, max_package_unpacked=2_000_000)
    server = await assemble(settings, store)
    background = worker(server)
    background.start()
    yield Client(server)
    await background.stop()
    await store.close()


def parameters(**values: str) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in values.items()],
    }


def content(raw: bytes) -> dict[str, Any]:
    sent = base64.b64encode(raw).decode()
    return {"resourceType": "Parameters", "parameter": [{"name": "npmContent", "valueBase64Binary": sent}]}


def parts(answer: Any) -> list[dict[str, Any]]:
    return [
        {part["name"]: next((v for k, v in part.items() if k.startswith("value")), None) for part in one["part"]}
        for one in answer.get("parameter", [])
    ]


async def test_install_list_uninstall(client: Client) -> None:
    sent = package({**VALUE_SET, "version": "1"}, {**PROFILE, "version": "1"}, dependencies={"org.example.more": "1.x"})
    (done,) = parts(await client.post(INSTALL, content(sent)))
    assert client.response.status == 200
    assert done == {
        "name": "org.example.guide",
        "version": "1.0.0",
        "title": "org.example.guide",
        "status": "installed",
        "missing": "org.example.more|1.x",
        "resources": 2,
    }
    assert parts(await client.get(PACKAGES)) == [done]
    assert parts(await client.get(f"{PACKAGES}?name=org.example.guide|1.0.0")) == [done]
    patient = next(r for r in (await client.get("metadata"))["rest"][0]["resource"] if r["type"] == "Patient")
    assert patient["supportedProfile"] == ["http://example.org/StructureDefinition/known|1"]
    assert parts(await client.post(UNINSTALL, parameters(name="org.example.guide"))) == [
        {"name": "org.example.guide", "version": "1.0.0"}
    ]
    assert await client.get(PACKAGES) == {"resourceType": "Parameters"}
    assert "supportedProfile" not in next(
        r for r in (await client.get("metadata"))["rest"][0]["resource"] if r["type"] == "Patient"
    )
    assert (await client.fails("POST", UNINSTALL, parameters(name="org.example.guide"))).status == 404
    assert (await client.fails("GET", f"{PACKAGES}?name={KEY}")).status == 404


async def test_which_version_is_asked_where_there_are_several(client: Client) -> None:
    for version in ("1.0.0", "2.0.0"):
        await client.post(INSTALL, content(package({**VALUE_SET, "version": version}, version=version)))
    refused = await client.fails("POST", UNINSTALL, parameters(name="org.example.guide"))
    assert (refused.status, "org.example.guide|1.0.0, org.example.guide|2.0.0" in str(refused)) == (400, True)
    await client.post(UNINSTALL, parameters(name="org.example.guide", version="1.0.0"))
    assert [one["version"] for one in parts(await client.get(PACKAGES))] == ["2.0.0"]


async def test_what_takes_longer_is_told_of_with_its_place(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.operations.packages.PATIENCE", 0.0)
    (told,) = parts(await client.post(INSTALL, content(package({**VALUE_SET, "version": "1"}))))
    assert (client.response.status, told["status"]) == (202, "installing")
    place = client.response.headers["Content-Location"]
    assert place == f"{BASE}/{PACKAGES}?name=org.example.guide%7C1.0.0"
    while True:
        (told,) = parts(await client.get(place))
        if client.response.status == 200:
            break
        assert client.response.headers["Retry-After"] == "1"
        await asyncio.sleep(0.01)
    assert (told["status"], told["resources"]) == ("installed", 1)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (None, 400),
        (parameters(npmContent="%%%"), 400),
        (parameters(url="http://example.org/x.tgz"), 501),
        (content(b"no archive"), 400),
        (content(b""), 400),
        (content(package(name="../x")), 400),
        (content(package(fhirVersions=["5.0.0"])), 400),
        (content(bytes(100_001)), 413),
    ],
)
async def test_wrong_calls(client: Client, sent: Any, status: int) -> None:
    assert (await client.fails("POST", INSTALL, sent)).status == status
    assert await client.get(PACKAGES) == {"resourceType": "Parameters"}


async def test_what_has_been_refused_later_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise FhirError("the disk is full of worms")

    monkeypatch.setattr("fhir_server.packages.waiting.install", refused)
    error = await client.fails("POST", INSTALL, content(package()))
    assert (error.status, str(error)) == (422, "the disk is full of worms")
    assert await waiting.waiting(client.server.store.state) == []


async def test_get_does_not_install(client: Client) -> None:
    assert (await client.fails("GET", INSTALL)).status == 405
    assert (await client.fails("GET", UNINSTALL)).status == 405
