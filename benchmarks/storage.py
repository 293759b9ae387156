"""What the SQLite store alone can do, without HTTP: `python -m benchmarks.storage SYNTHEA.tar.xz [--database FILE]`.

Loads the Synthea set (references to urn:uuid: made local), then times single and concurrent writes, reads and searches, and how
long the request loop is held up meanwhile. CPU is that of the whole process.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import orjson

from fhir_server.model import Key, Version, now
from fhir_server.search.index import extract
from fhir_server.search.query import (
    EVERYTHING,
    UNRESTRICTED,
    And,
    Chain,
    Compare,
    DateRange,
    IndexEntry,
    Match,
    Node,
    Op,
    Reference,
    SearchQuery,
    Sort,
    String,
    Token,
)
from fhir_server.storage.base import Transaction, Write
from fhir_server.storage.sqlite import SQLiteStore

Item = tuple[str, str, bytes, list[IndexEntry]]


def resources(archive: Path) -> Iterator[list[Item]]:
    """The resources of each Bundle: type, id, body, entries."""
    with tarfile.open(archive) as files:
        for member in files:
            file = files.extractfile(member)
            if file is None or not member.name.endswith(".json"):
                continue
            text = file.read().decode()
            entries = json.loads(text)["entry"]
            for entry in entries:
                text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/{entry['resource']['id']}")
            trees = [entry["resource"] for entry in orjson.loads(text)["entry"]]
            yield [(tree["resourceType"], tree["id"], orjson.dumps(tree), extract(tree)) for tree in trees]


async def load(store: SQLiteStore, archive: Path) -> None:
    began, cpu, amount, size = time.perf_counter(), 0.0, 0, 0
    for bundle in resources(archive):
        writes = [_write(item) for item in {(each[0], each[1]): each for each in bundle}.values()]
        start = time.process_time()
        await store.transact(UNRESTRICTED, lambda tx, writes=writes: tx.append(writes))  # type: ignore[misc]  # mypy infers no lambda with a default
        cpu += time.process_time() - start
        amount += len(writes)
        size += sum(len(write.version.body or b"") for write in writes)
    took = time.perf_counter() - began
    kept = store.path.stat().st_size
    print(
        f"load: {amount} resources, store CPU {cpu / amount * 1e6:.0f} µs each (with reading {took:.0f} s);"
        f" {kept / amount:.0f} bytes each on disk, bodies {size / amount:.0f}"
    )


def _write(item: Item, id_: str | None = None) -> Write:
    return Write(Version(Key(item[0], id_ or item[1]), "1", now(), item[2], method="POST"), item[3], None)


class Lag:
    """How late the loop is: a task that wakes every millisecond."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            self.late.append(time.perf_counter() - start - 0.001)

    def __str__(self) -> str:
        late = sorted(self.late) or [0.0]
        return f"loop lag p50 {late[len(late) // 2] * 1e3:.2f} p99 {late[int(len(late) * 0.99)] * 1e3:.1f} max {late[-1] * 1e3:.1f} ms"


async def measure(name: str, amount: int, clients: int, one: Callable[[int], Awaitable[Any]]) -> None:
    """`amount` calls from so many clients at once."""
    times: list[float] = []
    numbers = iter(range(amount))

    async def client() -> None:
        for number in numbers:
            start = time.perf_counter()
            await one(number)
            times.append(time.perf_counter() - start)

    async with Lag() as lag:
        await asyncio.sleep(0.01)
        lag.late.clear()
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    times.sort()
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"{name:<44} {clients:>3} clients {amount / took:>8.0f}/s  CPU {cpu / amount * 1e6:>6.0f} µs"
        f"  p50 {p50 * 1e3:>7.3f} p99 {p99 * 1e3:>7.3f} ms" + (f"  {lag}" if clients > 1 else "")
    )
    sys.stdout.flush()


def _some(items: list[Item], type_: str, amount: int) -> list[Item]:
    chosen = [item for item in items if item[0] == type_]
    return [random.choice(chosen) for _ in range(amount)]


async def writes(store: SQLiteStore, items: list[Item]) -> None:
    ids = iter(f"{time.time_ns():x}-{n}" for n in range(10**9))
    work = sum(1 for _ in range(20_000))

    def prepared(item: Item) -> Callable[[Transaction], Awaitable[None]]:
        async def append(tx: Transaction) -> None:
            await tx.append([_write(item, next(ids))])

        return append

    async def busy(item: Item) -> None:
        """As a server does: reads, checks and indexes on the loop before it writes."""
        extract(orjson.loads(item[2]))
        orjson.loads(item[2])
        await store.transact(UNRESTRICTED, prepared(item))

    assert work
    for type_ in ("Observation", "Patient"):
        for clients, amount in ((1, 500), (32, 6000), (128, 6000)):
            chosen = _some(items, type_, amount)
            await measure(f"create {type_}", amount, clients, lambda n, chosen=chosen: busy(chosen[n]))  # type: ignore[misc]  # as above


async def reads(store: SQLiteStore, items: list[Item]) -> None:
    reader = store.reader(UNRESTRICTED)
    chosen = [random.choice(items) for _ in range(20_000)]
    await measure("read", len(chosen), 1, lambda n: reader.read(Key(chosen[n][0], chosen[n][1])))


def code(param: str, value: str) -> Match:
    return Match(param, ((Compare(Token, "code", Op.EQ, value),),))


def patient(id_: str) -> Match:
    return Match("subject", ((Compare(Reference, "type", Op.EQ, "Patient"), Compare(Reference, "id", Op.EQ, id_)),))


def searches(items: list[Item]) -> dict[str, tuple[str, Callable[[], Node], tuple[Sort, ...], int]]:
    patients = [item[1] for item in items if item[0] == "Patient"]
    common, rare = "8302-2", "55284-4"
    since = Match("date", ((Compare(DateRange, "high", Op.GT, 1_500_000_000_000_000),),))
    family = Match("family", ((Compare(String, "folded", Op.STARTS, "s"),),))
    three = [code("category", "vital-signs"), code("status", "final"), code("code", common)]
    return {
        "all Observations": ("Observation", lambda: EVERYTHING, (), 20),
        "code": ("Observation", lambda: code("code", common), (), 20),
        "patient": ("Observation", lambda: patient(random.choice(patients)), (), 20),
        "patient & code": ("Observation", lambda: And((patient(random.choice(patients)), code("code", rare))), (), 20),
        "rarest token alone": ("Observation", lambda: three[2], (), 20),
        "three tokens, worst order": ("Observation", lambda: And(tuple(three)), (), 20),
        "three tokens, best order": ("Observation", lambda: And(tuple(reversed(three))), (), 20),
        "code & date": ("Observation", lambda: And((code("code", common), since)), (), 20),
        "date": ("Observation", lambda: since, (), 20),
        "patient.family chain": ("Observation", lambda: Chain("subject", "Patient", family), (), 20),
        "patient.gender chain": ("Observation", lambda: Chain("subject", "Patient", code("gender", "female")), (), 20),
        "family prefix": ("Patient", lambda: family, (), 20),
        "patient, by date": (
            "Observation",
            lambda: patient(random.choice(patients)),
            (Sort("date", DateRange, True),),
            20,
        ),
        "code, by date": ("Observation", lambda: code("code", common), (Sort("date", DateRange, True),), 20),
        "all, by lastUpdated": ("Observation", lambda: EVERYTHING, (Sort("_lastUpdated", None, True),), 20),
    }


async def ask(store: SQLiteStore, items: list[Item]) -> None:
    reader = store.reader(UNRESTRICTED)
    for name, (type_, where, sort, count) in searches(items).items():
        page = await reader.search(SearchQuery({type_: where()}, sort, count))
        rounds = 300

        async def one(_: int) -> None:
            await reader.search(SearchQuery({type_: where()}, sort, count))  # noqa: B023 - runs within this round only

        start = time.perf_counter()
        await one(0)
        if time.perf_counter() - start > 0.02:
            rounds = 10
        await measure(f"search {name} ({len(page.hits)} hits)", rounds, 1, one)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--switch", type=float, help="seconds between switches of threads")
    parser.add_argument("--only", default="reads,ask,writes")
    given = parser.parse_args()
    if given.switch:
        sys.setswitchinterval(given.switch)
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(given.database or Path(folder) / "benchmark.db")
        await store.open()
        if not await store.counts():
            await load(store, given.archive)
        items: list[Item] = []
        for bundle in resources(given.archive):
            items += bundle
            if len(items) > 20_000:
                break
        for name in given.only.split(","):
            await {"reads": reads, "ask": ask, "writes": writes}[name](store, items)
        await store.close()
    assert statistics


if __name__ == "__main__":
    asyncio.run(main())
