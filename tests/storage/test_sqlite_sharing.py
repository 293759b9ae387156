"""Several processes and readers on one file: nothing lost, everybody gets a turn, the log stays bounded, slow searches stop."""

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from fhir_server.outcome import TimedOut
from fhir_server.search.query import UNRESTRICTED, Compare, Match, Op, SearchQuery, String
from fhir_server.storage.sqlite import SQLiteStore, readers, writer
from tests.storage.contract.shorthand import coded, key, save, search, string, token, write

COUNTING = """
import asyncio, json, sys, time
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.sqlite import SQLiteStore
from tests.storage.contract.shorthand import key, token, write

async def main(path, name, amount):
    store = SQLiteStore(path)
    await store.open()
    times = []
    async def client(client):
        for number in range(int(amount)):
            async def work(tx):
                current = await tx.read(key("Basic/counter"))
                after = int(current.version_id) + 1 if current else 1
                await tx.append([write("Basic/counter", number=after),
                                 write(f"Patient/{name}-{client}-{number}", token("t", name))])
            start = time.time()
            await store.transact(UNRESTRICTED, work)
            times.append((time.time(), time.time() - start))
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(client(n) for n in range(8)))
    print(json.dumps(times), flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_two_processes_lose_nothing_and_share_fairly(tmp_path: Path) -> None:
    path, amount = tmp_path / "fhir.db", 100
    children = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(path), name, str(amount)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    times = []
    for child in children:
        out, _ = child.communicate()
        times.append(json.loads(out))
    store = SQLiteStore(path)
    await store.open()
    counter = await store.reader(UNRESTRICTED).read(key("Basic/counter"))
    assert counter is not None
    assert counter.version_id == str(2 * 8 * amount)
    assert (await store.counts())["Patient"] == 2 * 8 * amount
    for name in ("one", "two"):
        assert (await search(store, "Patient", coded("t", name), count=0)).total == 8 * amount
    assert await store.check() == []
    await store.close()
    first_end = min(times[0][-1][0], times[1][-1][0])
    done = [sum(1 for end, _ in each if end <= first_end) for each in times]
    assert min(done) > 0.2 * 8 * amount, f"unfair: {done}"
    assert max(took for each in times for _, took in each) < 2


async def test_the_log_stays_bounded_with_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 100)
    monkeypatch.setattr(writer, "LARGE_PAGES", 400)
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    stop, largest = False, 0

    async def reader() -> None:
        nonlocal largest
        while not stop:
            await store.readers.run_long(lambda reads: reads.db.execute("SELECT count(*) FROM token").get)
            largest = max(largest, (tmp_path / "fhir.db-wal").stat().st_size)

    async with anyio.create_task_group() as group:
        group.start_soon(reader)
        group.start_soon(reader)
        for number in range(600):
            await save(store, *(write(f"Patient/{number}-{n}", token("t", f"{number}")) for n in range(3)))
        stop = True
    await store.close()
    assert largest < 1000 * 8192


async def test_a_slow_search_is_stopped_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOMENT", 0.01)
    store = SQLiteStore(tmp_path / "fhir.db", statement_timeout=0.4)
    await store.open()
    await save(store, write("Basic/1", *(string("s", f"text {n}") for n in range(20_000))))
    slow = Match("s", tuple((Compare(String, "folded", Op.CONTAINS, f"none {n}"),) for n in range(600)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.005)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        with pytest.raises(TimedOut):
            await search(store, "Basic", slow)
        group.cancel_scope.cancel()
    assert turns > 5  # of some eighty that 0.4 seconds have room for
    with pytest.raises(TimedOut):
        await store.transact(UNRESTRICTED, lambda tx: tx.search(SearchQuery({"Basic": slow})))
    await save(store, write("Basic/2"))
    await store.close()
