"""A 2xx to a write means that it is on disk: counted syncs, power cuts, kill -9, a full or broken disk.

https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import apsw
import pytest

from fhir_server.outcome import Unavailable
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.storage.sqlite import SQLiteStore, connection
from tests.storage.contract.shorthand import coded, ids, key, save, token, write
from tests.storage.sqlite_faults import Disk, disk

SEQUENTIAL, CUTS, KILLS = 100, 24, 4


async def syncs_of_sequential_writes(folder: Path, made: Disk) -> int:
    store = SQLiteStore(folder / "fhir.db", vfs=made.name)
    await store.open()
    before = len(made.syncs)
    for number in range(SEQUENTIAL):
        await save(store, write(f"Patient/{number}", token("t", "x")))
    done = len(made.syncs) - before
    await store.close()
    return done


async def test_each_acknowledged_write_was_synced(tmp_path: Path) -> None:
    with disk("counting") as made:
        assert await syncs_of_sequential_writes(tmp_path, made) >= SEQUENTIAL


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
async def test_the_sync_gate_catches_weaker_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str
) -> None:
    monkeypatch.setattr(connection, "SYNCHRONOUS", synchronous)
    with disk("counting") as made:
        assert await syncs_of_sequential_writes(tmp_path, made) < SEQUENTIAL / 2


async def lost_in_power_cuts(folder: Path, made: Disk, cuts: int) -> int:
    """Acknowledged writes that are gone after a cut, over all cuts. Every image must open and be sound."""
    store = SQLiteStore(folder / "fhir.db", vfs=made.name)
    await store.open()
    dice, acknowledged, images = random.Random(7), 0, list[tuple[Path, int]]()
    stop = False

    async def writer(name: int) -> None:
        nonlocal acknowledged
        number = 0
        while not stop:
            number += 1
            await save(store, write(f"Patient/{name}-{number}", token("t", "x")), write(f"Basic/{name}-{number}"))
            acknowledged += 1

    async with anyio.create_task_group() as group:
        for name in range(4):
            group.start_soon(writer, name)
        for cut in range(cuts):
            await anyio.sleep(dice.random() * 0.02)
            known = acknowledged
            made.power_cut(folder / f"cut-{cut}", dice)
            images.append((folder / f"cut-{cut}", known))
        stop = True
    await store.close()
    lost = 0
    for image, known in images:
        after = SQLiteStore(image / "fhir.db")
        await after.open()
        counts = await after.counts()
        assert counts.get("Patient", 0) == counts.get("Basic", 0), "a torn transaction"
        assert await after.check() == []
        lost += max(0, known - counts.get("Patient", 0))
        await after.close()
    return lost


async def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with disk("cut") as made:
        assert await lost_in_power_cuts(tmp_path, made, CUTS) == 0


async def test_the_power_cut_gate_catches_weaker_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SYNCHRONOUS", "NORMAL")
    with disk("cut") as made:
        assert await lost_in_power_cuts(tmp_path, made, 8) > 0


WRITER = """
import asyncio, sys
from fhir_server.storage.sqlite import SQLiteStore
from tests.storage.contract.shorthand import save, token, write

async def main(path, name):
    store = SQLiteStore(path)
    await store.open()
    async def client(client):
        number = 0
        while True:
            number += 1
            id_ = f"{name}-{client}-{number}"
            await save(store, write(f"Patient/{id_}", token("t", "x")), write(f"Basic/{id_}"))
            sys.stdout.write(id_ + "\\n"); sys.stdout.flush()
    await asyncio.gather(*(client(n) for n in range(4)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "fhir.db", set[str]()
    dice = random.Random(3)
    for kill in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"k{kill}"], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(dice.random() * 0.3)
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        acknowledged |= {line for line in (first + rest).split("\n")[:-1] if line}
    assert len(acknowledged) > KILLS
    store = SQLiteStore(path)
    await store.open()
    found = set(await ids_of(store, "Patient"))
    assert acknowledged <= found
    assert found == set(await ids_of(store, "Basic"))
    assert await store.check() == []
    await store.close()


async def ids_of(store: SQLiteStore, type_: str) -> list[str]:
    return [version.key.id async for version in store.stream(UNRESTRICTED, SearchQuery({type_: EVERYTHING}))]


def full(kind: str, path: Path) -> None:
    if kind == "write":
        raise apsw.FullError("no space left on device")


def broken_sync(kind: str, path: Path) -> None:
    if kind == "sync":
        raise apsw.IOError("input/output error")


def broken_write(kind: str, path: Path) -> None:
    if kind == "write":
        raise apsw.IOError("input/output error")


@pytest.mark.parametrize("fault", [full, broken_sync, broken_write])
async def test_a_failing_disk_is_unavailable_and_heals_without_a_restart(tmp_path: Path, fault: object) -> None:
    with disk("failing") as made:
        store = SQLiteStore(tmp_path / "fhir.db", vfs=made.name)
        await store.open()
        await save(store, write("Patient/before", token("t", "x")))
        sound, made.fault = made.fault, fault  # type: ignore[assignment]
        failed = 0

        async def attempt(number: int) -> None:
            nonlocal failed
            with pytest.raises(Unavailable) as caught:
                await save(store, write(f"Patient/{number}", token("t", "x")))
            assert "Retry-After" in caught.value.headers
            failed += 1

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(attempt, number)
        assert failed == 10
        with pytest.raises(Unavailable):
            await store.probe()
        assert await store.reader(UNRESTRICTED).read(key("Patient/before")) is not None
        made.fault = sound
        await store.probe()
        await save(store, write("Patient/after", token("t", "x")))
        found = await ids(store, "Patient", coded("t", "x"))
        assert {"before", "after"} <= set(found)
        if fault is not broken_sync:
            assert found == ["after", "before"]
        assert await store.check() == []
        await store.close()
