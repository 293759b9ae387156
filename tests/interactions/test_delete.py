"""delete, conditional delete and purge."""

from pathlib import Path

from fhir_server.context import Prefer
from tests.interactions.client import Client, identified, observation, patient, server

CRITERIA = "Patient?identifier=http://acme.org/mrn|1"


async def test_delete_ends_the_resource_and_keeps_its_history(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    assert await client.delete("Patient/a") is None
    assert (client.response.status, client.response.etag) == (204, 'W/"2"')
    assert await client.ids(CRITERIA) == []
    assert [(k, v, m, b is None) for k, v, m, b in await client.everything()] == [
        ("Patient/a", "2", "DELETE", True),
        ("Patient/a", "1", "PUT-CREATE", False),
    ]


async def test_delete_again_or_of_nothing_changes_nothing(client: Client) -> None:
    await client.delete("Patient/a")
    assert client.response.status == 204
    await client.put("Patient/a", patient("a"))
    for _ in range(2):
        await client.delete("Patient/a")
        assert (client.response.status, client.response.etag) == (204, 'W/"2"')
    assert len(await client.everything()) == 2


async def test_delete_tells_what_it_did_where_it_is_asked(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    outcome = await client.delete("Patient/a", prefer=Prefer("OperationOutcome"))
    assert client.response.status == 200
    assert outcome["issue"][0]["details"]["text"] == "Deleted: Patient/a"


async def test_delete_under_if_match(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    assert (await client.fails("DELETE", "Patient/a", if_match='W/"2"')).status == 412
    await client.delete("Patient/a", if_match='W/"1"')
    assert client.response.status == 204


async def test_conditional_delete(client: Client) -> None:
    await client.delete(CRITERIA)
    assert client.response.status == 204
    for id_ in "abc":
        await client.put(f"Patient/{id_}", identified("1", id=id_))
    await client.put("Patient/d", identified("2", id="d"))
    await client.delete(CRITERIA)
    assert client.response.status == 204
    assert await client.ids("Patient") == ["d"]


async def test_conditional_delete_beyond_the_setting_deletes_nothing(folder: Path) -> None:
    running = await server(folder, conditional_delete_multiple=1)
    client = Client(running)
    for id_ in "ab":
        await client.put(f"Patient/{id_}", identified("1", id=id_))
    error = await client.fails("DELETE", CRITERIA)
    assert (error.status, error.issues[0].code) == (412, "multiple-matches")
    assert sorted(await client.ids("Patient")) == ["a", "b"]
    await client.delete("Patient/a")
    await client.delete(CRITERIA)
    assert await client.ids("Patient") == []
    await running.store.close()


async def test_delete_of_a_whole_type_is_refused(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    assert (await client.fails("DELETE", "Patient")).status == 400
    assert (await client.fails("DELETE", "Patient?_id=")).status == 412
    assert await client.ids("Patient") == ["a"]


async def test_purge_is_off_by_default(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    for url in ("Patient/a/_history", "Patient/a/_history/1"):
        assert (await client.fails("DELETE", url)).status == 405
    assert len(await client.everything()) == 1


async def test_purge(folder: Path) -> None:
    running = await server(folder, purge=True)
    client = Client(running)
    for active in (True, False, True):
        await client.put("Patient/a", patient("a", active=active))
    await client.put("Patient/b", patient("b"))
    await client.delete("Patient/a/_history/2")
    assert [(k, v) for k, v, _, _ in await client.everything()] == [
        ("Patient/b", "1"),
        ("Patient/a", "3"),
        ("Patient/a", "1"),
    ]
    assert (await client.fails("DELETE", "Patient/a/_history/3")).status == 409
    assert (await client.fails("DELETE", "Patient/a/_history/9")).status == 404
    await client.delete("Patient/a/_history")
    assert [(k, v) for k, v, _, _ in await client.everything()] == [("Patient/b", "1")]
    assert (await client.fails("GET", "Patient/a")).status == 404
    assert (await client.fails("DELETE", "Patient/a/_history")).status == 404
    await running.store.close()


async def test_referential_integrity(folder: Path) -> None:
    running = await server(folder, referential_integrity=True)
    client = Client(running)
    error = await client.fails("POST", "Observation", observation("Patient/a"))
    assert (error.status, error.issues[0].expression) == (422, ("Observation.subject.reference",))
    await client.put("Patient/a", patient("a"))
    made = await client.post("Observation", observation("http://test.example/fhir/Patient/a"))
    await client.post("Observation", observation("http://elsewhere.org/Patient/x"))
    error = await client.fails("DELETE", "Patient/a")
    assert error.status == 409
    assert f"Observation/{made['id']}" in str(error)
    await client.delete(f"Observation/{made['id']}")
    await client.delete("Patient/a")
    assert client.response.status == 204
    await running.store.close()
