"""The background reindex over a real store: what it indexes, how it goes on, what stops it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec import msgpack

from fhir_server import jobs
from fhir_server.context import Hooks, Server
from fhir_server.definitions import SearchParameter
from fhir_server.indexing import record
from fhir_server.indexing import reindex as walking
from fhir_server.indexing.record import Record
from fhir_server.indexing.reindex import Reindex
from fhir_server.interactions.searchparameter import take_effect
from fhir_server.jobs import Job
from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.routes import Routes
from fhir_server.search.query import UNRESTRICTED
from fhir_server.search.registry import Added
from fhir_server.settings import Settings
from fhir_server.storage.sqlite import SQLiteStore, migrate, state
from fhir_server.storage.sqlite.schema import migrations
from tests.interactions.client import BASE, Client
from tests.interactions.client import server as made
from tests.storage.test_sqlite_upgrade import as_the_first_version_wrote

URL = "http://example.org/colour"
COLOUR = f"Patient.extension.where(url = '{URL}').value.as(string)"


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    running = await made(folder, hooks=Hooks(before_write={"SearchParameter": (take_effect,)}), handling="strict")
    yield Client(running)
    await running.store.close()


def parameter(code: str = "colour", expression: str = COLOUR, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"http://example.org/sp/{code}",
        "name": code,
        "status": "active",
        "description": "d",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": expression,
        **more,
    }


async def patients(client: Client, *colours: str) -> None:
    for number, colour in enumerate(colours):
        body = {"resourceType": "Patient", "id": f"p{number}", "extension": [{"url": URL, "valueString": colour}]}
        await client.put(f"Patient/p{number}", body)


async def walked(server: Server, steps: list[Job] | None = None) -> Job:
    """The job from its claim to its end."""
    held = await jobs.claim(server.store.state, record.JOB, "test")
    assert held is not None
    await Reindex(server.store, share=1, told=(steps if steps is not None else []).append).run(held)
    found = await jobs.find(server.store.state, record.JOB)
    assert found is not None
    return found


async def test_a_parameter_works_after_the_walk_and_not_before(client: Client) -> None:
    await patients(client, "red", "green", "red")
    await client.put("SearchParameter/colour", parameter())
    await patients(client, "red", "green", "red", "red")
    refused = await client.fails("GET", "Patient?colour=red")
    assert isinstance(refused, BadRequest)
    assert "it is being indexed" in str(refused)
    job = await walked(client.server)
    assert (job.status, job.done, job.total) == ("done", 4, 4)
    assert sorted(await client.ids("Patient?colour=red")) == ["p0", "p2", "p3"]
    assert (await client.get("Patient?colour=red&_sort=colour"))["total"] == 3


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
async def test_only_active_ones_take_part(client: Client, status: str) -> None:
    await client.put("SearchParameter/colour", parameter(status=status, base=["Patient"], type="special"))
    assert (await record.read(client.server.store.state))[1] == 0


async def test_one_that_cannot_be_used_is_not_stored(client: Client) -> None:
    error = await client.fails("PUT", "SearchParameter/colour", parameter(expression="Patient.nme"))
    assert isinstance(error, Unprocessable)
    assert error.issues[0].expression == ("SearchParameter.expression",)
    assert (await client.get("SearchParameter"))["total"] == 0


async def test_retiring_and_deleting_take_the_entries_away(client: Client) -> None:
    await patients(client, "red")
    for end in ("retire", "delete"):
        await client.put("SearchParameter/colour", parameter())
        await walked(client.server)
        assert await client.ids("Patient?colour=red") == ["p0"]
        if end == "retire":
            await client.put("SearchParameter/colour", parameter(status="retired"))
        else:
            await client.delete("SearchParameter/colour")
        error = await client.fails("GET", "Patient?colour=red")
        assert "has no search parameter 'colour'" in str(error)
        await walked(client.server)
        await client.put("SearchParameter/other", parameter("other", "Patient.photo.title"))
        rows = await client.server.store.check()
        assert rows == []
        await client.delete("SearchParameter/other")
        await walked(client.server)


async def test_a_walk_that_stopped_goes_on_where_it_was(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "STEP", 2)
    await patients(client, *(["red"] * 9))
    await client.put("SearchParameter/colour", parameter())
    held = await jobs.claim(client.server.store.state, record.JOB, "dies")
    assert held is not None
    seen: list[Job] = []

    def dies(job: Job) -> None:
        seen.append(job)
        if len(seen) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Reindex(client.server.store, share=1, told=dies).run(held)
    monkeypatch.setattr(jobs.Job, "held", property(lambda _: False))
    steps: list[Job] = []
    await walked(client.server, steps)
    assert [job.done for job in seen] == [2, 4]
    assert [job.done for job in steps] == [6, 8, 9, 9]
    assert len(await client.ids("Patient?colour=red")) == 9


async def test_a_parameter_that_comes_during_a_walk_gets_a_walk_of_its_own(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "STEP", 2)
    await patients(client, *(["red"] * 5))
    await client.put("SearchParameter/colour", parameter())
    held = await jobs.claim(client.server.store.state, record.JOB, "one")
    assert held is not None
    came = False

    async def comes() -> None:
        await client.put(
            "SearchParameter/shade", parameter("shade", COLOUR.replace("string", "markdown") + " | " + COLOUR)
        )

    waiting: list[asyncio.Task[None]] = []

    def told(_: Job) -> None:
        nonlocal came
        if not came:
            came = True
            waiting.append(asyncio.create_task(comes()))

    await Reindex(client.server.store, share=0.05, told=told).run(held)
    await asyncio.gather(*waiting)
    found, _ = await record.read(client.server.store.state)
    if found.wanted:
        await walked(client.server)
    for code in ("colour", "shade"):
        assert len(await client.ids(f"Patient?{code}=red")) == 5


async def test_what_cannot_be_worked_out_fails_and_says_why(client: Client) -> None:
    """`single()` on two names: neither a silent gap in the index, nor a refusal of writes by a parameter that is broken."""
    names = {"resourceType": "Patient", "id": "two", "name": [{"family": "A"}, {"family": "B"}]}
    await client.put("Patient/two", names)
    await client.put("SearchParameter/one", parameter("one", "Patient.name.where(family.exists()).single().family"))
    assert isinstance(await client.fails("PUT", "Patient/two", {**names, "active": True}), Unprocessable)
    await walked(client.server)
    error = await client.fails("GET", "Patient?one=A")
    assert "it cannot be indexed (Patient/two: " in str(error)
    await client.put("Patient/two", {**names, "active": True})
    await client.put("Patient/two", {**names, "name": [{"family": "A"}]})
    held = await jobs.claim(client.server.store.state, record.JOB, "again")
    assert held is not None
    await client.server.store.transact(UNRESTRICTED, lambda transaction: record.ask(transaction.state))
    await Reindex(client.server.store, share=1).run(held)
    assert await client.ids("Patient?one=A") == ["two"]


async def test_fhirpath_beyond_paths_is_evaluated(client: Client) -> None:
    for n, given in enumerate((["A"], ["A", "B"], ["C", "D", "E"])):
        await client.put(f"Patient/p{n}", {"resourceType": "Patient", "id": f"p{n}", "name": [{"given": given}]})
    await client.put("SearchParameter/count", parameter("count", "Patient.name.given.count()", type="number"))
    await client.put("SearchParameter/initial", parameter("initial", "Patient.name.given.first().substring(0, 1)"))
    await walked(client.server)
    assert sorted(await client.ids("Patient?count=ge2")) == ["p1", "p2"]
    assert await client.ids("Patient?initial=c") == ["p2"]


async def test_a_composite_of_ones_own(client: Client) -> None:
    contacts = [
        [{"gender": "male", "name": {"family": "Ames"}}, {"gender": "female", "name": {"family": "Bede"}}],
        [{"gender": "female", "name": {"family": "Ames"}}],
    ]
    for n, contact in enumerate(contacts):
        await client.put(f"Patient/p{n}", {"resourceType": "Patient", "id": f"p{n}", "contact": contact})
    await client.put("SearchParameter/cg", parameter("cg", "Patient.contact.gender", type="token"))
    await client.put("SearchParameter/cn", parameter("cn", "Patient.contact.name.family"))
    component = [
        {"definition": "http://example.org/sp/cg", "expression": "gender"},
        {"definition": "http://example.org/sp/cn", "expression": "name.family"},
    ]
    composite = parameter("contact", "Patient.contact", type="composite", component=component)
    await client.put("SearchParameter/contact", composite)
    await walked(client.server)
    assert await client.ids("Patient?contact=female$Ames") == ["p1"]
    assert await client.ids("Patient?contact=male$Ames") == ["p0"]


async def test_an_upgrade_of_the_layout_indexes_by_what_was_added_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new layout is filled by R4's parameters alone: until the others are indexed again, nobody searches by them."""
    path = tmp_path / "fhir.db"
    monkeypatch.setattr(migrate, "migrations", lambda: migrations()[:1])
    migrate.prepare(path)
    monkeypatch.undo()
    as_the_first_version_wrote(path)
    said = SearchParameter("said", "urn:said", ("Basic",), "string", "Basic.code.text")
    failed = SearchParameter("failed", "urn:failed", ("Basic",), "string", "Basic.text.id")
    kept = (Added(said, "SearchParameter/1", 1, ready=True), Added(failed, "SearchParameter/2", 2, failed="why"))
    with closing(apsw.Connection(str(path))) as db:
        state.write(db, record.SPACE, record.NAME, msgpack.encode(Record(kept, (), 2)), expected=None, expires=None)
    store = SQLiteStore(path)
    await store.open()
    client = Client(Server(Settings(), store, Routes(), BASE, b"k" * 32))
    await record.keep_up(client.server.store)
    found, _ = await record.read(client.server.store.state)
    assert [(a.definition.code, a.serial, a.ready) for a in found.added] == [("said", 3, False), ("failed", 2, False)]
    assert "it is being indexed" in str(await client.fails("GET", "Basic?said=old"))
    assert (await walked(client.server)).status == "done"
    assert await client.ids("Basic?said=old") == ["1"]
    await record.keep_up(client.server.store)
    assert await client.ids("Basic?said=old") == ["1"]
    await client.server.store.close()
