"""Backups, damage checks, closing."""

from pathlib import Path

import anyio
import pytest

from fhir_server.outcome import FhirError, Unavailable
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Store, Transaction
from tests.storage.contract.shorthand import key, save, token, write


async def test_a_backup_never_replaces_a_file(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_bytes(b"mine")
    with pytest.raises(FhirError):
        await store.backup(target)
    assert target.read_bytes() == b"mine"


async def test_a_backup_is_made_while_others_write(store: Store, tmp_path: Path) -> None:
    await save(store, *(write(f"Patient/{n}", token("t", "x")) for n in range(200)))

    async def writer() -> None:
        for number in range(200, 260):
            await save(store, write(f"Patient/{number}", token("t", "x")))

    async with anyio.create_task_group() as group:
        group.start_soon(writer)
        await store.backup(tmp_path / "copy")
    assert (tmp_path / "copy").exists()
    assert await store.check() == []


async def test_close_lets_running_transactions_finish(store: Store) -> None:
    done: list[int] = []

    async def one(number: int) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.append([write(f"Patient/{number}")])

        await store.transact(UNRESTRICTED, work)
        done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
        await anyio.sleep(0)
        await store.close()
    assert sorted(done) == list(range(20))
    with pytest.raises(Unavailable):
        await save(store, write("Patient/late"))
    await store.open()
    assert dict(await store.counts()) == {"Patient": 20}


async def test_a_cancelled_caller_leaves_all_or_nothing(store: Store) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.append([write("Patient/a"), write("Patient/b")])

    with anyio.move_on_after(0) as scope:
        await store.transact(UNRESTRICTED, work)
    assert scope.cancelled_caught
    await store.probe()
    reader = store.reader(UNRESTRICTED)
    assert (await reader.read(key("Patient/a")) is None) == (await reader.read(key("Patient/b")) is None)
    assert await store.check() == []


async def test_a_work_that_waits_for_something_else_is_refused(store: Store) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.append([write("Patient/a")])
        await anyio.sleep(0.01)

    with pytest.raises((TypeError, RuntimeError)):
        await store.transact(UNRESTRICTED, work)
