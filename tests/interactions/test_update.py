"""update, update-as-create, version-aware and conditional update."""

import asyncio
from pathlib import Path

import pytest

from fhir_server.outcome import PreconditionFailed
from tests.interactions.client import Client, expressions, identified, patient, server

CRITERIA = "Patient?identifier=http://acme.org/mrn|1"


async def test_update_as_create_and_update(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    assert (client.response.status, client.response.location) == (201, "Patient/a/_history/1")
    made = await client.put("Patient/a", patient("a", active=False))
    assert (client.response.status, client.response.location, client.response.etag) == (200, "", 'W/"2"')
    assert made["meta"]["versionId"] == "2"
    assert (await client.get("Patient/a/_history/1"))["active"] is True


async def test_update_that_says_the_same_makes_no_version(client: Client) -> None:
    first = await client.put("Patient/a", patient("a", active=True, birthDate="1980-01-01"))
    again = await client.put("Patient/a", {"birthDate": "1980-01-01", **first})
    assert (client.response.status, again) == (200, first)
    reordered = {"birthDate": "1980-01-01", "active": True, "id": "a", "resourceType": "Patient"}
    assert await client.put("Patient/a", reordered) == first
    assert [version for _, version, _, _ in await client.everything()] == ["1"]


async def test_another_digit_is_a_change(client: Client) -> None:
    text = '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"valueQuantity":{"value":%s}}'
    for number, value in enumerate(("1.0", "1.00", "1e0", "10e-1"), 1):
        await client.put("Observation/o", (text % value).encode())
        assert client.response.etag == f'W/"{number}"'
    await client.put("Observation/o", (text % "10e-1").encode())
    assert client.response.etag == 'W/"4"'


@pytest.mark.parametrize("sent", [patient(), patient("b"), {"resourceType": "Observation", "id": "a"}])
async def test_update_with_another_id_or_type_is_400(client: Client, sent: dict[str, object]) -> None:
    error = await client.fails("PUT", "Patient/a", sent)
    assert error.status == 400


async def test_update_to_what_is_no_id_is_400(client: Client) -> None:
    error = await client.fails("PUT", "Patient/a_b", patient("a_b"))
    assert error.status == 400


async def test_update_as_create_can_be_switched_off(folder: Path) -> None:
    running = await server(folder, update_as_create=False)
    client = Client(running)
    assert (await client.fails("PUT", "Patient/a", patient("a"))).status == 405
    made = await client.post("Patient", patient())
    await client.delete(f"Patient/{made['id']}")
    await client.put(f"Patient/{made['id']}", patient(made["id"]))
    assert client.response.status == 201
    await running.store.close()


async def test_deleted_resource_comes_back_to_life_and_counts_on(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.delete("Patient/a")
    await client.put("Patient/a", patient("a"))
    assert (client.response.status, client.response.etag, client.response.location) == (
        201,
        'W/"3"',
        "Patient/a/_history/3",
    )


async def test_if_match(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/a", patient("a", active=True), if_match='W/"1"')
    assert client.response.etag == 'W/"2"'
    for tag in ('W/"1"', "1", 'W/"x"'):
        assert (await client.fails("PUT", "Patient/a", patient("a"), if_match=tag)).status == 412
    assert (await client.fails("PUT", "Patient/new", patient("new"), if_match='W/"1"')).status == 412
    assert len(await client.everything()) == 2


async def test_if_none_match_star_only_creates(client: Client) -> None:
    await client.put("Patient/a", patient("a"), if_none_match="*")
    assert client.response.status == 201
    error = await client.fails("PUT", "Patient/a", patient("a", active=True), if_none_match="*")
    assert (error.status, expressions(error)) == (412, [("http.If-None-Match",)])


async def test_if_match_can_be_required(folder: Path) -> None:
    running = await server(folder, require_if_match=True)
    client = Client(running)
    await client.put("Patient/a", patient("a"))
    assert (await client.fails("PUT", "Patient/a", patient("a", active=True))).status == 428
    await client.put("Patient/a", patient("a", active=True), if_match="1")
    assert client.response.status == 200
    await running.store.close()


async def test_200_concurrent_updates_under_if_match_have_one_winner(client: Client) -> None:
    await client.put("Patient/a", patient("a"))

    async def one(number: int) -> bool:
        try:
            text = f"{number:03}"
            await Client(client.server).put("Patient/a", patient("a", name=[{"text": text}]), if_match='W/"1"')
        except PreconditionFailed:
            return False
        return True

    assert sum(await asyncio.gather(*(one(number) for number in range(200)))) == 1
    assert len(await client.everything()) == 2


async def test_conditional_update_creates_without_a_match(client: Client) -> None:
    made = await client.put(CRITERIA, identified("1"))
    assert (client.response.status, client.response.location) == (201, f"Patient/{made['id']}/_history/1")


async def test_conditional_update_creates_under_the_id_sent(client: Client) -> None:
    made = await client.put(CRITERIA, identified("1", id="chosen"))
    assert (client.response.status, made["id"]) == (201, "chosen")


async def test_conditional_update_does_not_overwrite_what_does_not_match(client: Client) -> None:
    await client.put("Patient/taken", patient("taken"))
    assert (await client.fails("PUT", CRITERIA, identified("1", id="taken"))).status == 409


async def test_conditional_update_of_the_one_match(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    made = await client.put(CRITERIA, identified("1", active=True))
    assert (client.response.status, made["id"], made["meta"]["versionId"]) == (200, "a", "2")
    made = await client.put(CRITERIA, identified("1", id="a", active=False), if_match='W/"2"')
    assert made["meta"]["versionId"] == "3"
    error = await client.fails("PUT", CRITERIA, identified("1", id="b"))
    assert (error.status, expressions(error)) == (400, [("Patient.id",)])
    assert (await client.fails("PUT", CRITERIA, identified("1"), if_match='W/"1"')).status == 412


async def test_conditional_update_of_several_matches_is_412(client: Client) -> None:
    for id_ in "ab":
        await client.put(f"Patient/{id_}", identified("1", id=id_))
    error = await client.fails("PUT", CRITERIA, identified("1"))
    assert (error.status, error.issues[0].code) == (412, "multiple-matches")


async def test_update_without_id_and_criteria_is_400(client: Client) -> None:
    assert (await client.fails("PUT", "Patient", patient())).status == 400


async def test_concurrent_conditional_updates_make_one_resource(client: Client) -> None:
    await asyncio.gather(*(Client(client.server).put(CRITERIA, identified("1")) for _ in range(50)))
    assert len({key for key, _, _, _ in await client.everything()}) == 1
