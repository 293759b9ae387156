"""$validate and the registry of operations."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.context import Context, Request, Response, Server
from fhir_server.operations.registry import Operation
from fhir_server.routes import Routes
from tests.interactions.client import Client, observation, patient, server


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    running = await server(folder)
    yield Client(running)
    await running.store.close()


def parameters(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def issues(outcome: dict[str, Any]) -> list[tuple[str, list[str] | None]]:
    assert outcome["resourceType"] == "OperationOutcome"
    return [(issue["severity"], issue.get("expression")) for issue in outcome["issue"]]


async def test_valid_resource_is_all_ok_and_not_stored(client: Client) -> None:
    for sent in (patient(), parameters({"name": "resource", "resource": patient()})):
        assert issues(await client.post("Patient/$validate", sent)) == [("warning", ["Patient"])]  # dom-6: no narrative
        assert client.response.status == 200
    assert await client.everything() == []


async def test_invalid_resource_is_200_with_its_issues(client: Client) -> None:
    outcome = await client.post("Patient/$validate", parameters({"name": "resource", "resource": patient(gender="x")}))
    assert (client.response.status, issues(outcome)) == (
        200,
        [("error", ["Patient.gender"]), ("warning", ["Patient"])],
    )
    assert issues(await client.post("Patient/$validate", observation("Patient/1"))) == [("error", ["resourceType"])]


async def test_instance(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    assert issues(await client.get("Patient/a/$validate")) == [("warning", ["Patient"])]
    assert (await client.fails("GET", "Patient/b/$validate")).status == 404
    update = await client.post("Patient/a/$validate?mode=update", patient("b"))
    assert issues(update) == [("error", ["Patient.id"])]  # dom-6 stands right above what is faulty


async def test_profile_is_not_passed_over_silently(client: Client) -> None:
    outcome = await client.post("Patient/$validate?profile=http://p", patient())
    assert issues(outcome) == [("error", ["Patient.meta.profile"]), ("warning", ["Patient"])]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("Patient/$validate", None),
        ("Patient/$validate?mode=x", patient()),
        ("Patient/$validate?mode=create&mode=update", patient()),
        ("Patient/$validate?mode=update", patient("a")),
        ("Patient/$validate?mode=delete", patient("a")),
        ("Patient/$validate?resource=x", None),
        ("Patient/$validate", parameters({"name": "resource", "resource": patient(), "valueString": "x"}, {})),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": "x"}),
    ],
)
async def test_wrong_calls_are_400(client: Client, url: str, sent: Any) -> None:
    assert (await client.fails("POST", url, sent)).status == 400


async def test_operations_are_found_at_their_levels_only(client: Client) -> None:
    for url in ("$validate", "Patient/$nonsense", "Patient/a/$nonsense"):
        assert (await client.fails("POST", url, patient())).status == 404


async def test_operation_that_changes_state_is_called_with_post(client: Client) -> None:
    async def handler(ctx: Context, request: Request) -> Response:
        return Response(200)

    operation = Operation("do", handler, "http://x", resource=("Patient",), system=True, type=True, affects_state=True)
    given = client.server
    own = Client(Server(given.settings, given.store, Routes((operation,)), given.base_url, given.signing_key))
    assert (await own.fails("GET", "$do")).status == 405
    await own.request("POST", "Patient/$do")
    assert own.response.status == 200
    assert (await own.fails("POST", "Observation/$do")).status == 404
    made = await own.get("metadata")
    assert made["rest"][0]["operation"] == [{"name": "do", "definition": "http://x"}]
    assert [r["type"] for r in made["rest"][0]["resource"] if "operation" in r] == ["Patient"]


@pytest.mark.parametrize("integrity", [False, True])
async def test_mode_delete_tells_whether_it_could_be_deleted(folder: Path, integrity: bool) -> None:
    client = Client(await server(folder, referential_integrity=integrity))
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/b", patient("b"))
    await client.put("Observation/o", {**observation("Patient/a"), "id": "o"})
    expected = [("error", ["Patient"])] if integrity else [("information", None)]
    assert issues(await client.get("Patient/a/$validate?mode=delete")) == expected
    assert issues(await client.get("Patient/b/$validate?mode=delete")) == [("information", None)]
    assert (await client.fails("GET", "Patient/c/$validate?mode=delete")).status == 404
    assert (await client.get("Patient/a"))["id"] == "a"
    await client.server.store.close()
