"""Writes make versions; each stays readable by its number, and nothing is half written."""

import anyio
import pytest

from fhir_server.model import Key, Version
from fhir_server.outcome import Conflict
from fhir_server.search.query import UNRESTRICTED, SearchQuery
from fhir_server.storage.base import Store, Transaction, VersionConflict
from tests.storage.contract.shorthand import (
    at,
    coded,
    deletion,
    ids,
    key,
    names,
    reference,
    refers,
    save,
    save_each,
    search,
    token,
    version,
    write,
)


def same(one: Version | None, other: Version) -> bool:
    return one is not None and [getattr(one, name) for name in FIELDS] == [getattr(other, name) for name in FIELDS]


FIELDS = ("key", "version_id", "last_updated", "body", "method")


async def test_a_version_comes_back_as_it_was_written(store: Store) -> None:
    written = write("Patient/1", when=at(0.123), body='{"resourceType":"Patient","a":1.00,"ü":"\U0001f600"}'.encode())
    await save(store, written)
    reader = store.reader(UNRESTRICTED)
    assert same(await reader.read(key("Patient/1")), written.version)
    assert same(await reader.vread(key("Patient/1"), "1"), written.version)


async def test_what_was_never_written_is_none(store: Store) -> None:
    reader = store.reader(UNRESTRICTED)
    assert await reader.read(key("Patient/1")) is None
    await save(store, write("Patient/1"))
    assert await reader.read(key("Patient/2")) is None
    assert await reader.read(key("Observation/1")) is None
    for version_id in ("2", "0", "01", "x", "", "-1", "1.0", "9" * 40, "²"):
        assert await reader.vread(key("Patient/1"), version_id) is None


async def test_earlier_versions_stay_after_updates_and_deletions(store: Store) -> None:
    writes = [
        write("Patient/1"),
        write("Patient/1", number=2, when=at(1)),
        deletion("Patient/1", 3, at(2)),
        write("Patient/1", number=4),
    ]
    await save_each(store, *writes)
    reader = store.reader(UNRESTRICTED)
    for each in writes:
        assert same(await reader.vread(key("Patient/1"), each.version.version_id), each.version)
    assert same(await reader.read(key("Patient/1")), writes[3].version)


async def test_a_deletion_is_the_current_version_and_no_match(store: Store) -> None:
    await save_each(store, write("Patient/1", token("gender", "male")), deletion("Patient/1", 2))
    reader = store.reader(UNRESTRICTED)
    current = await reader.read(key("Patient/1"))
    assert current is not None
    assert current.deleted
    assert await reader.read_many([key("Patient/1")]) == []
    assert await ids(store, "Patient") == []
    assert await ids(store, "Patient", coded("gender", "male")) == []
    assert await store.counts() in ({}, {"Patient": 0})


async def test_read_many_returns_those_that_are_there(store: Store) -> None:
    await save(store, write("Patient/1"), write("Patient/2"), write("Observation/1"))
    await save(store, deletion("Patient/2", 2))
    wanted = [key("Patient/1"), key("Patient/2"), key("Patient/3"), key("Observation/1")]
    found = await store.reader(UNRESTRICTED).read_many(wanted)
    assert sorted(names(found)) == ["Observation/1", "Patient/1"]


@pytest.mark.parametrize("late", [write("Patient/1"), write("Patient/1", number=2), write("Patient/1", number=4)])
async def test_a_write_that_expects_another_version_is_refused(store: Store, late: object) -> None:
    await save_each(store, write("Patient/1"), write("Patient/1", number=2))
    with pytest.raises(VersionConflict):
        await save(store, write("Patient/other"), late)  # type: ignore[arg-type]
    assert await ids(store, "Patient") == ["1"]


async def test_an_exception_from_the_work_undoes_it_and_comes_out_unchanged(store: Store) -> None:
    raised = LookupError("mine")

    async def work(transaction: Transaction) -> None:
        await transaction.append([write("Patient/1", token("gender", "male"))])
        assert await ids_in(transaction, "male") == ["1"]
        await transaction.state.write("space", "name", b"value")
        raise raised

    with pytest.raises(LookupError) as caught:
        await store.transact(UNRESTRICTED, work)
    assert caught.value is raised
    assert await store.reader(UNRESTRICTED).read(key("Patient/1")) is None
    assert await ids(store, "Patient", coded("gender", "male")) == []
    assert await store.state.read("space", "name") is None


async def ids_in(transaction: Transaction, code: str) -> list[str]:
    page = await transaction.search(SearchQuery({"Patient": coded("gender", code)}))
    return [hit.version.key.id for hit in page.hits]


async def test_a_transaction_reads_its_own_writes(store: Store) -> None:
    await save(store, write("Patient/1", token("gender", "male")))

    async def work(transaction: Transaction) -> str:
        await transaction.append([write("Patient/1", token("gender", "other"), number=2), write("Patient/2")])
        current = await transaction.read(key("Patient/1"))
        assert current is not None
        assert current.version_id == "2"
        assert sorted(names(await transaction.read_many([key("Patient/1"), key("Patient/2")]))) == [
            "Patient/1",
            "Patient/2",
        ]
        assert await ids_in(transaction, "male") == []
        assert await ids_in(transaction, "other") == ["1"]
        await transaction.append([deletion("Patient/2", 2), write("Patient/1", token("gender", "male"), number=3)])
        history = await transaction.history(key("Patient/1"), count=10)
        assert [each.version_id for each in history.versions] == ["3", "2", "1"]
        assert await ids_in(transaction, "male") == ["1"]
        return "result"

    assert await store.transact(UNRESTRICTED, work) == "result"
    assert await ids(store, "Patient") == ["1"]


async def test_an_update_changes_what_the_resource_is_found_by(store: Store) -> None:
    await save(store, write("Observation/1", token("code", "a"), token("code", "b"), reference("subject", "Patient/1")))
    await save(store, write("Observation/1", token("code", "b"), token("code", "c"), number=2))
    assert await ids(store, "Observation", coded("code", "a")) == []
    assert await ids(store, "Observation", coded("code", "b")) == ["1"]
    assert await ids(store, "Observation", coded("code", "c")) == ["1"]
    assert await ids(store, "Observation", refers("subject", "Patient/1")) == []
    assert await store.check() == []


async def test_a_failing_neighbour_leaves_the_others_alone(store: Store) -> None:
    async def attempt(number: int) -> bool:
        async def work(transaction: Transaction) -> None:
            await transaction.append([write(f"Patient/{number}", token("gender", "male"))])
            if number % 3 == 0:
                raise ZeroDivisionError

        try:
            await store.transact(UNRESTRICTED, work)
        except ZeroDivisionError:
            return False
        return True

    results: dict[int, bool] = {}

    async def run(number: int) -> None:
        results[number] = await attempt(number)

    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(run, number)
    kept = sorted(str(number) for number, done in results.items() if done)
    assert len(kept) == 40
    assert await ids(store, "Patient", coded("gender", "male")) == kept
    assert await store.check() == []


async def test_no_reader_sees_half_a_transaction(store: Store) -> None:
    """A writer moves two resources on together, again and again; each search sees both at one number."""
    await save(store, write("Patient/a", token("n", "1")), write("Patient/b", token("n", "1")))
    done = False

    async def writer() -> None:
        nonlocal done
        for number in range(2, 60):
            await save(
                store, *(write(f"Patient/{name}", token("n", str(number)), number=number) for name in ("a", "b"))
            )
        done = True

    async with anyio.create_task_group() as group:
        group.start_soon(writer)
        while not done:
            page = await search_all(store)
            assert len(page) == 2
            assert len(set(page)) == 1, page
            await anyio.sleep(0)


async def search_all(store: Store) -> list[str]:
    page = await search(store, "Patient")
    return [hit.version.version_id for hit in page.hits]


async def test_of_racing_writers_one_wins_each_version(store: Store) -> None:
    await save(store, write("Patient/1"))
    won: list[int] = []

    async def attempt(number: int) -> None:
        async def work(transaction: Transaction) -> bool:
            current = await transaction.read(key("Patient/1"))
            assert current is not None
            if current.version_id != "1":
                return False
            await transaction.append([write("Patient/1", number=2)])
            return True

        if await store.transact(UNRESTRICTED, work):
            won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(attempt, number)
    assert len(won) == 1


async def test_of_racing_conditional_creates_one_makes_the_resource(store: Store) -> None:
    made: list[str] = []

    async def attempt(number: int) -> None:
        async def work(transaction: Transaction) -> str | None:
            await transaction.lock("Patient?identifier=x")
            if await ids_in(transaction, "x"):
                return None
            await transaction.append([write(f"Patient/{number}", token("gender", "x"))])
            return str(number)

        name = await store.transact(UNRESTRICTED, work)
        if name is not None:
            made.append(name)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(attempt, number)
    assert await ids(store, "Patient") == made
    assert len(made) == 1


async def test_purge_removes_all_versions_or_one_that_is_not_current(store: Store) -> None:
    await save_each(store, *(write("Patient/1", token("gender", f"g{n}"), number=n, when=at(n)) for n in (1, 2, 3)))
    reader = store.reader(UNRESTRICTED)

    async def purge(name: str, version_id: str | None = None) -> int:
        return await store.transact(UNRESTRICTED, lambda transaction: transaction.purge(key(name), version_id))

    assert await purge("Patient/1", "2") == 1
    assert await purge("Patient/1", "2") == 0
    assert await reader.vread(key("Patient/1"), "2") is None
    assert [each.version_id for each in (await reader.history("Patient", count=9)).versions] == ["3", "1"]
    with pytest.raises(Conflict):
        await purge("Patient/1", "3")
    assert await purge("Patient/1") == 2
    assert await purge("Patient/1") == 0
    assert await reader.read(key("Patient/1")) is None
    assert await ids(store, "Patient", coded("gender", "g3")) == []
    assert (await reader.history(None, count=9)).versions == ()
    await save(store, write("Patient/1", token("gender", "again")))
    assert await ids(store, "Patient", coded("gender", "again")) == ["1"]
    assert await store.check() == []


async def test_reindex_replaces_the_entries_of_the_current_version_only(store: Store) -> None:
    await save_each(store, write("Patient/1", token("gender", "a")), write("Patient/1", token("gender", "b"), number=2))
    assert await store.reindex(key("Patient/1"), "1", [token("gender", "c")]) is False
    assert await store.reindex(key("Patient/2"), "1", [token("gender", "c")]) is False
    assert await store.reindex(key("Patient/1"), "2", [token("gender", "c")]) is True
    assert await ids(store, "Patient", coded("gender", "b")) == []
    assert await ids(store, "Patient", coded("gender", "c")) == ["1"]
    current = await store.reader(UNRESTRICTED).read(Key("Patient", "1"))
    assert current is not None
    assert same(current, version("Patient/1", 2, body=current.body))
    assert await store.check() == []


async def test_counts_current_resources_by_type(store: Store) -> None:
    await save(store, write("Patient/1"), write("Patient/2"), write("Observation/1"))
    await save(store, deletion("Patient/2", 2), write("Observation/1", number=2))
    assert dict(await store.counts()) == {"Patient": 1, "Observation": 1}


async def test_probe_succeeds_on_a_sound_store(store: Store) -> None:
    await store.probe()


async def test_types_systems_and_parameters_first_met_in_a_failed_work_are_met_again(store: Store) -> None:
    async def fails(transaction: Transaction) -> None:
        await transaction.state.write("space", "name", b"value")
        await transaction.append([write("Basic/1", token("first", "a", "http://first"))])
        assert await transaction.read(key("Basic/1")) is not None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(UNRESTRICTED, fails)
    await save(store, write("Group/1", token("second", "a", "http://second")))
    await save(store, write("Basic/1", token("first", "a", "http://first")))
    assert await ids(store, "Basic", coded("first", "a", "http://first")) == ["1"]
    assert await ids(store, "Group", coded("second", "a", "http://second")) == ["1"]
    assert await ids(store, "Group", coded("second", "a", "http://first")) == []
    assert dict(await store.counts()) == {"Basic": 1, "Group": 1}
    assert await store.check() == []
