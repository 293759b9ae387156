"""What a background reindex stands on: walks that miss nothing, entries exchanged in transactions, revisions that hold."""

from collections.abc import Sequence

import anyio

from fhir_server.search.query import EVERYTHING, UNRESTRICTED, Not, SearchQuery
from fhir_server.storage.base import Store, Transaction, Write
from tests.storage.contract.shorthand import coded, deletion, ids, key, save, save_each, token, version, write


async def test_transaction_reindexes_current_versions_and_leaves_others_alone(store: Store) -> None:
    await save_each(store, write("Patient/1", token("gender", "a")), write("Patient/1", token("gender", "b"), number=2))
    await save_each(store, write("Patient/2", token("gender", "a")), deletion("Patient/2", 2))
    await save(store, write("Patient/3", token("gender", "a"), token("code", "kept")))

    async def work(transaction: Transaction) -> int:
        return await transaction.reindex(
            [
                Write(version("Patient/1", 1), [token("gender", "old")], None),
                Write(version("Patient/2", 1), [token("gender", "dead")], None),
                Write(version("Patient/3", 1), [token("gender", "new"), token("code", "kept")], None),
                Write(version("Patient/9", 1), [token("gender", "never")], None),
            ]
        )

    assert await store.transact(UNRESTRICTED, work) == 1
    found = {code: await ids(store, "Patient", coded("gender", code)) for code in ("a", "b", "old", "dead", "new")}
    assert found == {"a": [], "b": ["1"], "old": [], "dead": [], "new": ["3"]}
    assert await ids(store, "Patient", coded("code", "kept")) == ["3"]
    current = await store.reader(UNRESTRICTED).history("Patient", count=9)
    assert [each.version_id for each in current.versions] == ["1", "2", "1", "2", "1"]
    assert await store.check() == []


async def test_reindex_sees_what_its_own_transaction_wrote(store: Store) -> None:
    async def work(transaction: Transaction) -> int:
        one = write("Patient/1", token("gender", "a"))
        await transaction.append([one])
        return await transaction.reindex([Write(one.version, [token("gender", "b")], None)])

    assert await store.transact(UNRESTRICTED, work) == 1
    assert await ids(store, "Patient", coded("gender", "b")) == ["1"]
    assert await ids(store, "Patient", coded("gender", "a")) == []


async def test_a_walk_meets_every_resource_once_and_goes_on_from_its_place(store: Store) -> None:
    await save(store, *(write(f"Patient/{n}") for n in range(7)), write("Observation/1"))
    query = SearchQuery({"Patient": EVERYTHING}, count=3)
    first, place = await store.scan(UNRESTRICTED, query, "")
    await save(store, write("Patient/3", number=2), deletion("Patient/4", 2), write("Patient/8"))
    met = [(each.key.id, each.version_id) for each in first]
    while True:
        page, place = await store.scan(UNRESTRICTED, query, place)
        if not page:
            break
        met += [(each.key.id, each.version_id) for each in page]
    assert met == [("0", "1"), ("1", "1"), ("2", "1"), ("3", "2"), ("5", "1"), ("6", "1"), ("8", "1")]
    assert await store.scan(UNRESTRICTED, query, place) == ([], place)


async def test_revision_is_that_of_the_record_and_of_the_transactions_own_writes(store: Store) -> None:
    assert await store.state.revision("space", "name") == 0
    first = await store.state.write("space", "name", b"one")
    assert await store.state.revision("space", "name") == first
    assert await store.state.revision("space", "other") == 0

    async def work(transaction: Transaction) -> tuple[int, int, int, int]:
        before = await transaction.state.revision("space", "name")
        second = await transaction.state.write("space", "name", b"two", expected=before)
        after = await transaction.state.revision("space", "name")
        await transaction.state.delete("space", "name", expected=after)
        return before, second, after, await transaction.state.revision("space", "name")

    before, second, after, gone = await store.transact(UNRESTRICTED, work)
    assert (before, after, gone) == (first, second, 0)


async def test_a_revision_of_what_was_undone_does_not_stay(store: Store) -> None:
    first = await store.state.write("space", "name", b"one")

    async def fails(transaction: Transaction) -> None:
        await transaction.state.write("space", "name", b"two", expected=first)
        await transaction.state.revision("space", "name")
        raise RuntimeError

    async def asks(transaction: Transaction) -> int:
        return await transaction.state.revision("space", "name")

    seen: list[int] = []

    async def failing() -> None:
        try:
            await store.transact(UNRESTRICTED, fails)
        except RuntimeError:
            seen.append(0)

    async def asking() -> None:
        seen.append(await store.transact(UNRESTRICTED, asks))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(failing)
            group.start_soon(asking)
    assert sorted(seen) == [0] * 10 + [first] * 10


async def test_writers_and_reindexing_side_by_side_leave_what_is_current(store: Store) -> None:
    """Updates, deletions, a walk that gives other entries, and a purge: only what is current is found, by its own entries."""
    writing = 4
    resources = [f"Patient/{n}" for n in range(4)]

    async def change(name: str, turn: int) -> None:
        async def work(transaction: Transaction) -> None:
            current = await transaction.read(key(name))
            number = 1 + int(current.version_id if current else 0)
            if turn % 5 == 4 and current is not None:
                await transaction.purge(key(name))
            elif turn % 3 == 2 and current is not None and not current.deleted:
                await transaction.append([deletion(name, number)])
            else:
                await transaction.append([write(name, token("t", f"v{turn}"), number=number)])

        await store.transact(UNRESTRICTED, work)

    async def writer(lane: int) -> None:
        nonlocal writing
        for turn in range(30):
            await change(resources[(turn + lane) % len(resources)], turn)
        writing -= 1

    async def reindexer(lane: int) -> None:
        turn = 0
        while writing:
            turn += 1
            found = await store.reader(UNRESTRICTED).read_many(map(key, resources))
            asked = [Write(version, [token("t", f"again{lane}{turn}")], None) for version in found]
            await store.transact(UNRESTRICTED, lambda transaction, asked=asked: transaction.reindex(asked))  # type: ignore[misc]
            await anyio.sleep(0.02)

    async with anyio.create_task_group() as group:
        for lane in range(4):
            group.start_soon(writer, lane)
        for lane in range(2):
            group.start_soon(reindexer, lane)
    assert list(await store.check()) == []
    await store.transact(UNRESTRICTED, lambda transaction: _again(transaction, resources))
    alive = {version.key.id for version in await store.reader(UNRESTRICTED).read_many(map(key, resources))}
    assert set(await ids(store, "Patient", coded("t", "last"))) == alive
    assert await ids(store, "Patient", Not(coded("t", "last"))) == []


async def _again(transaction: Transaction, resources: Sequence[str]) -> int:
    found = await transaction.read_many(map(key, resources))
    return await transaction.reindex([Write(version, [token("t", "last")], None) for version in found])
