"""Figures of importing a code system: time, memory while it goes on, how long others wait for a write meanwhile.

http://hl7.org/fhir/R4/codesystem.html

`python -m benchmarks.releases [concepts]` prints them, for a table of a million concepts that it makes up.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.terminology import WORDS
from fhir_server.app import assemble
from fhir_server.context import Server
from fhir_server.releases.files import Files
from fhir_server.releases.importing import bring
from fhir_server.releases.release import Wanted
from fhir_server.settings import Settings
from fhir_server.storage.sqlite import SQLiteStore

PARTS = 10
"""How often a stage is looked at."""


def table(path: Path, size: int) -> None:
    """Ten concepts below each, every tenth below a second one too; four words, a name in German, two properties."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write("code,display,parent,designations,properties\n")
        for n in range(size):
            parents = [f"c{(n - 1) // 10}"] if n else []
            if n and n % 10 == 0:
                parents.append(f"c{chance.randrange(n // 10 + 1)}")
            words = " ".join(chance.choices(WORDS, k=4))
            file.write(f"c{n},{words} {n},{'|'.join(dict.fromkeys(parents))},de:Begriff {n},status:code=active|weight:integer={n % 1000}\n")  # fmt: skip


def resident() -> int:
    """MiB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4 // 1024


class Watch:
    """Prints the memory at each tenth of a stage."""

    def __init__(self) -> None:
        self._text, self._total, self._done, self._seen = "", 0.0, 0.0, list[int]()
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def stage(self, text: str, total: int) -> None:
        self.tell()
        self._text, self._total, self._done, self._seen = text, total, 0, []
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def advance(self, steps: float) -> None:
        self._done += steps
        if self._total and self._done * PARTS >= self._total * (len(self._seen) + 1):
            self._seen.append(resident())

    def tell(self) -> None:
        """What the stage took."""
        if self._text:
            seen = " ".join(map(str, self._seen or [resident()]))
            print(f"{self._text:>12}: {time.perf_counter() - self._began:6.1f} s ({time.process_time() - self._cpu:6.1f} s of processor), MiB in memory: {seen}")  # fmt: skip


async def _probed(server: Server, waits: list[float]) -> None:
    """Small writes one after the other, and how long each waits."""
    while True:
        began = time.perf_counter()
        await server.store.probe()
        waits.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.05)


def _size(path: Path) -> int:
    return path.stat().st_size >> 20


async def main(size: int) -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        table(Path(folder) / "many.csv", size)
        store = SQLiteStore(Path(folder) / "fhir.db")
        await store.open()
        server = await assemble(Settings(), store)
        print(f"{size:,} concepts; before: {resident()} MiB in memory")
        watch, waits = Watch(), list[float]()
        beside = asyncio.create_task(_probed(server, waits))
        cpu = time.process_time()
        files = Files([Path(folder) / "many.csv"])
        await bring(server, files, Wanted("http://acme.org/many", "1", "Many"), watch)
        watch.tell()
        beside.cancel()
        waits.sort()
        print(f"together {time.process_time() - cpu:.1f} s of processor; other writes waited {waits[len(waits) // 2]:.0f} ms (median), {waits[-1]:.0f} ms (longest)")  # fmt: skip
        await store.close()
        print(f"file {_size(Path(folder) / 'fhir.db')} MiB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
