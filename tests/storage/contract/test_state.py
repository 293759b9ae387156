"""Small records: compare-and-set, expiry, and the same inside a transaction."""

from datetime import timedelta

import anyio
import pytest

from fhir_server.model import now
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Record, StateConflict, Store, Transaction
from tests.storage.contract.shorthand import at


async def test_a_record_is_written_read_replaced_and_deleted(store: Store) -> None:
    state = store.state
    assert await state.read("space", "name") is None
    first = await state.write("space", "name", b"one")
    assert await state.read("space", "name") == Record(b"one", first)
    second = await state.write("space", "name", b"\x00two", expected=first)
    assert await state.read("space", "name") == Record(b"\x00two", second)
    assert await state.read("other", "name") is None
    await state.delete("space", "name", expected=second)
    assert await state.read("space", "name") is None


async def test_another_revision_is_a_conflict_and_changes_nothing(store: Store) -> None:
    state = store.state
    first = await state.write("space", "name", b"one")
    for expected in (None, first + 1, first - 1):
        with pytest.raises(StateConflict):
            await state.write("space", "name", b"late", expected=expected)
    with pytest.raises(StateConflict):
        await state.write("space", "new", b"late", expected=first)
    with pytest.raises(StateConflict):
        await state.delete("space", "name", expected=first + 1)
    assert await state.read("space", "name") == Record(b"one", first)
    assert await state.names("space") == ["name"]


async def test_a_revision_is_never_given_twice(store: Store) -> None:
    first = await store.state.write("space", "name", b"one")
    await store.state.delete("space", "name", expected=first)
    again = await store.state.write("space", "name", b"one")
    assert again != first
    with pytest.raises(StateConflict):
        await store.state.write("space", "name", b"two", expected=first)


async def test_an_expired_record_is_absent_at_once(store: Store) -> None:
    soon = now() + timedelta(seconds=0.3)
    await store.state.write("space", "past", b"x", expires=at(0))
    revision = await store.state.write("space", "soon", b"x", expires=soon)
    await store.state.write("space", "kept", b"x")
    assert await store.state.read("space", "past") is None
    assert await store.state.read("space", "soon") == Record(b"x", revision, soon)
    assert await store.state.names("space") == ["kept", "soon"]
    await anyio.sleep(0.4)
    assert await store.state.read("space", "soon") is None
    assert await store.state.names("space") == ["kept"]
    with pytest.raises(StateConflict):
        await store.state.write("space", "soon", b"y", expected=revision)
    await store.state.write("space", "soon", b"y")


async def test_of_racing_writers_one_wins(store: Store) -> None:
    revision = await store.state.write("space", "code", b"unused")
    won: list[int] = []

    async def redeem(number: int) -> None:
        try:
            await store.state.write("space", "code", b"used", expected=revision)
        except StateConflict:
            return
        won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(redeem, number)
    assert len(won) == 1


async def test_state_in_a_transaction_commits_with_it(store: Store) -> None:
    async def work(transaction: Transaction) -> int:
        revision = await transaction.state.write("space", "name", b"one")
        assert await transaction.state.read("space", "name") == Record(b"one", revision)
        assert await transaction.state.names("space") == ["name"]
        revision = await transaction.state.write("space", "name", b"two", expected=revision)
        with pytest.raises(StateConflict):
            await transaction.state.write("space", "name", b"three")
        return revision

    revision = await store.transact(UNRESTRICTED, work)
    assert await store.state.read("space", "name") == Record(b"two", revision)
