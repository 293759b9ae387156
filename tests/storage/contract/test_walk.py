"""The walk over all versions in the order of writing, and what else a copy of a store is made from."""

import anyio
import pytest

from fhir_server.concepts import Concept, System
from fhir_server.model import UPDATE_AS_CREATE, Key
from fhir_server.outcome import BadRequest
from fhir_server.search.query import UNRESTRICTED, Access
from fhir_server.storage.base import Store, Transaction, Write
from tests.storage.contract.shorthand import at, coded, deletion, save, save_each, token, version, write


async def walked(store: Store, access: Access = UNRESTRICTED, place: str = "", count: int = 2) -> list[str]:
    """The versions from a place on, page after page."""
    found: list[str] = []
    while True:
        versions, place = await store.versions(access, place, count)
        assert len(versions) <= count
        if not versions:
            return found
        found += [f"{v.key}/{v.version_id}" for v in versions]


async def test_the_walk_of_an_empty_store_ends_at_once(store: Store) -> None:
    versions, place = await store.versions(UNRESTRICTED, "", 10)
    assert list(versions) == []
    assert await walked(store, place=place) == []


async def test_versions_come_in_the_order_of_writing_whatever_their_times(store: Store) -> None:
    await save_each(
        store,
        write("Patient/b", when=at(5)),
        write("Observation/a", when=at(1)),
        write("Patient/b", number=2, when=at(2)),
        deletion("Observation/a", 2, at(9)),
        write("Patient/a", when=at(0)),
        write("Observation/a", number=3, when=at(3)),
    )
    expected = ["Patient/b/1", "Observation/a/1", "Patient/b/2", "Observation/a/2", "Patient/a/1", "Observation/a/3"]
    for count in (1, 2, 6, 100):
        assert await walked(store, count=count) == expected


async def test_a_walk_goes_on_where_it_stopped_with_what_came_since(store: Store) -> None:
    await save_each(store, write("Patient/a"), write("Patient/b"))
    _, place = await store.versions(UNRESTRICTED, "", 1)
    await save_each(store, write("Patient/a", number=2))
    assert await walked(store, place=place) == ["Patient/b/1", "Patient/a/2"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", UPDATE_AS_CREATE])
async def test_versions_come_as_they_were_written(store: Store, method: str) -> None:
    first = version("Patient/a", body=b'{"resourceType":"Patient","id":"a","n":1.50}', when=at(0.123), method=method)
    last = version("Patient/a", 7, body=None, when=at(-3))
    await save(store, Write(first, (), None), Write(last, (), "1"))
    found, _ = await store.versions(UNRESTRICTED, "", 10)
    told = [(v.key, v.version_id, v.last_updated, v.body, v.method) for v in found]
    assert told == [
        (Key("Patient", "a"), "1", at(0.123), first.body, method),
        (Key("Patient", "a"), "7", at(-3), None, "DELETE"),
    ]


async def test_versions_whose_first_ones_are_gone_are_appended_with_their_numbers(store: Store) -> None:
    await save(store, Write(version("Patient/a", 4), (), None), Write(version("Patient/a", 9), (), "4"))
    assert await walked(store) == ["Patient/a/4", "Patient/a/9"]
    found = await store.reader(UNRESTRICTED).read(Key("Patient", "a"))
    assert found is not None
    assert found.version_id == "9"


async def test_what_is_purged_does_not_come(store: Store) -> None:
    await save_each(store, write("Patient/a"), write("Patient/a", number=2), write("Patient/b"), write("Patient/c"))

    async def work(transaction: Transaction) -> None:
        await transaction.purge(Key("Patient", "a"), "1")
        await transaction.purge(Key("Patient", "c"))

    await store.transact(UNRESTRICTED, work)
    assert await walked(store) == ["Patient/a/2", "Patient/b/1"]
    await save_each(store, write("Patient/c"))
    assert await walked(store) == ["Patient/a/2", "Patient/b/1", "Patient/c/1"]


async def test_a_walk_meets_only_what_its_access_lets_it_see(store: Store) -> None:
    await save_each(
        store,
        write("Patient/a", token("t", "no")),
        write("Patient/b", token("t", "yes")),
        write("Observation/a"),
        write("Patient/a", token("t", "yes"), number=2),
    )
    access = Access("someone", where={"Patient": coded("t", "yes")})
    for count in (1, 10):
        assert await walked(store, access, count=count) == ["Patient/b/1", "Patient/a/2"]


async def test_a_place_of_something_else_is_refused(store: Store) -> None:
    with pytest.raises(BadRequest):
        await store.versions(UNRESTRICTED, "elsewhere", 10)


async def test_a_walk_beside_writers_meets_every_version_once_and_each_resource_in_order(store: Store) -> None:
    found: list[tuple[str, int]] = []
    writing = 8

    async def writer(name: str) -> None:
        nonlocal writing
        for number in range(1, 21):
            await save(store, write(f"Patient/{name}", number=number))
        writing -= 1

    async def walker() -> None:
        place, last = "", False
        while True:
            ended = writing == 0
            versions, place = await store.versions(UNRESTRICTED, place, 7)
            found.extend((v.key.id, int(v.version_id)) for v in versions)
            if not versions:
                if last:
                    return
                last = ended
            await anyio.sleep(0)

    async with anyio.create_task_group() as group:
        group.start_soon(walker)
        for n in range(8):
            group.start_soon(writer, f"w{n}")
    for n in range(8):
        assert [number for name, number in found if name == f"w{n}"] == list(range(1, 21))
    assert len(found) == 160


async def test_versions_of_one_resource_come_in_their_order_whoever_wrote_them(store: Store) -> None:
    async def writer() -> None:
        for _ in range(15):

            async def work(transaction: Transaction) -> None:
                await transaction.lock("Patient/a")
                current = await transaction.read(Key("Patient", "a"))
                await transaction.append([write("Patient/a", number=1 + int(current.version_id if current else 0))])

            await store.transact(UNRESTRICTED, work)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(writer)
    assert await walked(store, count=7) == [f"Patient/a/{number}" for number in range(1, 121)]


async def test_a_code_system_is_known_by_the_resource_that_brought_it(store: Store) -> None:
    system = System("http://acme.org/a", "1", "A", value_set="http://acme.org/all", declared={"p": ("code", "of it")})

    async def work(transaction: Transaction) -> None:
        await transaction.append([write("CodeSystem/a"), write("CodeSystem/b")])
        await transaction.define("a", system, [Concept("x")])

    await store.transact(UNRESTRICTED, work)
    found = await store.defined("a")
    (known,) = await store.reader(UNRESTRICTED).concepts.systems(system.url)
    assert found == known
    assert (found.url, found.version, found.declared) == (system.url, system.version, system.declared)
    assert await store.defined("b") is None


async def test_the_spaces_are_those_that_have_records(store: Store) -> None:
    assert list(await store.state.spaces()) == []
    revision = await store.state.write("b", "x", b"1")
    await store.state.write("a", "x", b"1")
    await store.state.write("a", "y", b"1")
    await store.state.write("c", "old", b"1", expires=at(0))

    async def work(transaction: Transaction) -> list[str]:
        await transaction.state.write("d", "x", b"1")
        return list(await transaction.state.spaces())

    assert await store.transact(UNRESTRICTED, work) == ["a", "b", "d"]
    await store.state.delete("b", "x", expected=revision)
    assert list(await store.state.spaces()) == ["a", "d"]
