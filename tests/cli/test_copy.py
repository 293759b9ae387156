"""`fhir-server copy`: a whole server moves, with its history, whatever interrupts it; the copy is proven or refused."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from fhir_server import jobs
from fhir_server.app import assemble
from fhir_server.cli.copier import Copier
from fhir_server.cli.digest import Digest, digest
from fhir_server.concepts import Concept, System
from fhir_server.indexing import record
from fhir_server.indexing.reindex import Reindex
from fhir_server.model import Key, now
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from fhir_server.storage import unfinished
from fhir_server.storage.base import Store, Transaction
from fhir_server.storage.open import open_store
from fhir_server.terminology.hierarchy import placed
from tests.cli.conftest import Cli
from tests.interactions.client import BASE, Client, entry, observation, patient
from tests.storage.contract.shorthand import deletion, save, write
from tests.stores import store_in

T = TypeVar("T")

LARGE = "http://acme.org/large"
PETS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "id": "pets",
    "url": "http://acme.org/pets",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "pet", "concept": [{"code": "cat", "display": "Cat"}, {"code": "dog"}]}],
}
COLOUR: dict[str, Any] = {
    "resourceType": "SearchParameter",
    "id": "colour",
    "url": "http://acme.org/colour",
    "name": "colour",
    "description": "colour",
    "status": "active",
    "code": "colour",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.extension('http://acme.org/colour').value",
}


def using(url: str, work: Callable[[Store], Awaitable[T]]) -> T:
    """What `work` makes of the store, which is closed afterwards."""

    async def run() -> T:
        store = open_store(url, Settings())
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def fill(store: Store) -> None:
    """A little of everything that a server keeps."""
    there = Client(await assemble(Settings(purge=True), store))
    await there.put("SearchParameter/colour", COLOUR)
    coloured = {"extension": [{"url": "http://acme.org/colour", "valueString": "green"}]}
    held = await jobs.claim(store.state, record.JOB, "test")
    assert held is not None
    await Reindex(store, share=1).run(held)
    await there.put("Patient/a", patient("a", **coloured))
    made = await there.post("Patient", patient(birthDate="1984-03-02"))
    await there.put("Patient/a", patient("a", active=True, **coloured))
    await there.delete("Patient/a")
    await there.put("Patient/a", patient("a", gender="female", **coloured))
    await there.request(
        "PATCH",
        "Patient/a",
        [{"op": "add", "path": "/active", "value": False}],
        media_type="application/json-patch+json",
    )
    await there.put(
        "Observation/exact",
        b'{"resourceType":"Observation","id":"exact","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.500}}',
    )
    await there.transaction(
        *(entry("POST", "Observation", observation(f"Patient/{made['id']}")) for _ in range(30)),
    )
    await there.put("Patient/gone", patient("gone"))
    await there.delete("Patient/gone")
    await there.put("Patient/purged", patient("purged"))
    await there.delete("Patient/purged/_history")
    await there.delete("Patient/a/_history/1")
    await there.put("CodeSystem/pets", PETS)
    large = {name: value for name, value in PETS.items() if name != "concept"}
    await there.put("CodeSystem/large", large | {"id": "large", "url": LARGE, "content": "not-present"})
    concepts = [Concept("0"), *(Concept(str(n), f"number {n}", (str(n // 3),)) for n in range(1, 5_300))]
    tree = list(placed(concepts))

    async def publish(transaction: Transaction) -> None:
        await transaction.drafts.begin("import", len(tree))
        await transaction.drafts.add("import", 0, tree)
        await transaction.drafts.publish("import", "large", System(LARGE, "1"))

    await store.transact(UNRESTRICTED, publish)
    await store.state.write("accounts", "asha", b"\x00secret")
    await store.state.write("tokens", "t", b"x", expires=now() + timedelta(days=1))
    await store.state.write("tokens", "old", b"x", expires=now() - timedelta(days=1))


@pytest.fixture
def urls(folder: Path, tmp_path: Path) -> tuple[str, str]:
    """Source and target, both empty: from a file into a store of each kind."""
    return f"sqlite:///{tmp_path / 'source.db'}", store_in(folder)


def copied(cli: Cli, urls: tuple[str, str]) -> str:
    """What the command says that it did."""
    done = cli("copy", "--from", urls[0], "--to", urls[1])
    assert (done.code, done.err) == (0, "")
    return done.out


async def told(store: Store) -> Digest:
    return await digest(store, lambda _: None)


async def searched(store: Store) -> list[list[str]]:
    there = Client(await assemble(Settings(base_url=BASE), store))
    urls = ("Patient?colour=green", "Patient?birthdate=1984-03-02", "Observation?value-quantity=1.500", "Observation")
    return [await there.ids(url) for url in urls]


async def selected(store: Store) -> Any:
    there = Client(await assemble(Settings(), store))
    found = await there.get(f"CodeSystem/$subsumes?system={LARGE}&codeA=1&codeB=5299")
    pets = await there.get("CodeSystem/$lookup?system=http://acme.org/pets&code=cat")
    return found, pets


def test_a_server_moves_with_all_that_it_keeps_and_back(cli: Cli, urls: tuple[str, str], tmp_path: Path) -> None:
    source, target = urls
    using(source, fill)
    said = copied(cli, urls)
    here, there = using(source, told), using(target, told)
    assert said.startswith(f"{sum(kind.count for kind in here.versions.values())} versions and ")
    assert here.versions["Patient"].count == 7
    assert sorted(here.records) == ["accounts", "conformance", "jobs", "keys", "search", "tokens"]
    assert here.concepts["large"].count == 5_301
    assert there == here
    assert using(target, searched) == using(source, searched)
    assert using(target, selected) == using(source, selected)
    back = f"sqlite:///{tmp_path / 'back.db'}"
    copied(cli, (target, back))
    assert using(back, told) == here
    assert cli("check", "--store", target).code == 0


def test_an_interrupted_copy_goes_on_and_nothing_comes_twice(cli: Cli, urls: tuple[str, str], tmp_path: Path) -> None:
    source, target = urls

    async def many(store: Store) -> int:
        await assemble(Settings(), store)
        names = [f"Observation/{n}" for n in range(4_000)]
        await save(store, *(write(name, body=orjson.dumps(observation("Patient/x"))) for name in names))
        await save(store, *(deletion(name, 2) for name in names[::10]))
        return 4_400

    async def far(store: Store) -> int:
        mark, _ = await unfinished.read(store.state)
        return -1 if mark is None else mark.versions

    total = using(source, many)
    command = [sys.executable, "-m", "fhir_server", "copy", "--from", source, "--to", target]
    for least in (1, 1_601):
        process = subprocess.Popen(command, cwd=tmp_path)
        while using(target, far) < least:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert least <= using(target, far) < total
    (tmp_path / "one.json").write_text('{"resourceType":"Patient","id":"one"}')
    refused = cli("load", "one.json", "--store", target)
    assert (refused.code, "is an unfinished copy" in refused.err) == (1, True)
    assert copied(cli, urls).startswith(f"{total:,} versions")
    assert using(target, told) == using(source, told)


@pytest.mark.parametrize("holds", ["Patient/there", "records (tokens)"])
def test_a_target_that_holds_something_is_refused_and_left_alone(cli: Cli, urls: tuple[str, str], holds: str) -> None:
    async def held(store: Store) -> None:
        if holds == "Patient/there":
            await save(store, write(holds))
        else:
            await store.state.write("tokens", "t", b"")

    using(urls[0], fill)
    using(urls[1], held)
    before = using(urls[1], told)
    refused = cli("copy", "--from", urls[0], "--to", urls[1])
    assert (refused.code, f"the target is not empty, it holds {holds}" in refused.err) == (1, True)
    assert using(urls[1], told) == before


def test_a_finished_copy_is_not_copied_to_again(cli: Cli, urls: tuple[str, str]) -> None:
    using(urls[0], fill)
    copied(cli, urls)
    refused = cli("copy", "--from", urls[0], "--to", urls[1])
    assert (refused.code, "the target is not empty" in refused.err) == (1, True)


def test_an_unfinished_copy_of_another_source_is_refused(cli: Cli, urls: tuple[str, str]) -> None:
    async def marked(store: Store) -> None:
        await unfinished.write(store.state, unfinished.Unfinished("another"), None)

    using(urls[0], fill)
    using(urls[1], marked)
    refused = cli("copy", "--from", urls[0], "--to", urls[1])
    assert (refused.code, "unfinished copy of another store" in refused.err) == (1, True)


def test_the_same_store_twice_and_a_missing_source_are_refused(cli: Cli, urls: tuple[str, str]) -> None:
    assert "name the same store" in cli("copy", "--from", urls[0], "--to", urls[0]).err
    assert "there is no database" in cli("copy", "--from", "sqlite:///missing.db", "--to", urls[1]).err


def test_a_copy_that_differs_is_named_and_stays_unfinished(cli: Cli, urls: tuple[str, str]) -> None:
    source, target = urls

    async def partly(store: Store) -> None:
        there = Client(await assemble(Settings(), store))
        await there.put("Patient/a", patient("a"))
        await there.put("Patient/b", patient("b"))

    async def started(store: Store) -> None:
        origin = open_store(source, Settings())
        await origin.open()
        copier = Copier(await assemble(Settings(), origin), store)
        await copier.begin()
        await copier.copy(lambda _: None)
        await origin.close()

    async def purged(store: Store) -> None:
        await store.transact(UNRESTRICTED, lambda transaction: transaction.purge(Key("Patient", "a")))

    using(source, partly)
    using(target, started)
    using(source, purged)
    refused = cli("copy", "--from", source, "--to", target)
    assert (refused.code, "Patient has 1 versions in the source, 2 in the copy" in refused.err) == (1, True)
    assert (
        "is an unfinished copy"
        in cli("reindex", "--store", target).err + cli("copy", "--from", target, "--to", source).err
    )
