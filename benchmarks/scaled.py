"""Databases of 1, 4, 16 … times the import set, each replica with ids, references and identifiers of its own.

    python -m benchmarks.scaled FOLDER [--scales 1,4,16]

makes FOLDER/1x.db, FOLDER/4x.db …; those that are there stay. The first is loaded by `fhir-server load`; each next begins as a
copy of the one before it and grows by replicas, indexed afresh: no layout of a store is known here.
"""

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import orjson

from benchmarks import data
from fhir_server.formats.json import instant
from fhir_server.model import Key, Version
from fhir_server.search.index import extract
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.storage.base import Transaction, Write
from fhir_server.storage.sqlite import SQLiteStore

TOGETHER = 4_000  # resources of one commit
APART = timedelta(days=1)  # between the times of writing of two replicas

_ID = re.compile(
    rb"\b(?:([0-9a-f]{2})(?=[0-9a-f]{6}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"  # UUIDs of the data
    rb"|([0-9a-hjkmnp-tv-z])(?=[0-9a-hjkmnp-tv-z]{23}\b))"  # ids that the server gave
)
_DIGITS = b"0123456789abcdefghjkmnpqrstvwxyz"
_TIME = re.compile(rb'"lastUpdated":"[^"]+"')


def database(folder: Path, scale: int) -> Path:
    """Where the database of that scale is."""
    return folder / f"{scale}x.db"


def make(folder: Path, scales: Sequence[int]) -> None:
    """Makes the databases of these scales that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    before = 1
    for scale in sorted({1, *scales}):
        target = database(folder, scale)
        if not target.exists():
            start = perf_counter()
            unfinished = target.with_suffix(".unfinished")
            _remove(unfinished)
            if scale == 1:
                _load(unfinished)
            else:
                shutil.copyfile(database(folder, before), unfinished)
                asyncio.run(_grow(unfinished, database(folder, 1), range(before, scale)))
            unfinished.rename(target)
            print(f"{target}: {target.stat().st_size / 2**20:,.0f} MiB in {perf_counter() - start:,.0f} s", flush=True)
        before = scale


def replica(body: bytes, number: int) -> bytes:
    """The resource with every id and UUID in it exchanged for one that belongs to this replica."""

    def exchanged(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return b"%02x" % ((int(found[1], 16) + number) % 256)
        place = (_DIGITS.index(found[2]) + number) % 32
        return _DIGITS[place : place + 1]

    return _ID.sub(exchanged, body)


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _load(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
        for number, bundle in enumerate(data.bundles()):
            (Path(folder) / f"{number:05}.json").write_bytes(bundle)
        command = [sys.executable, "-m", "fhir_server", "load", "--quiet", folder, "--store", f"sqlite:///{target}"]
        subprocess.run(command, check=True)


async def _grow(target: Path, origin: Path, numbers: range) -> None:
    """Adds the replicas of these numbers of all that is in `origin`."""
    source, store = SQLiteStore(origin), SQLiteStore(target)
    await source.open()
    await store.open()
    try:
        types = sorted(await source.counts())
        query = SearchQuery(dict.fromkeys(types, EVERYTHING))
        for number in numbers:
            async for writes in _writes(source.stream(UNRESTRICTED, query), number):

                async def work(transaction: Transaction, writes: Sequence[Write] = writes) -> None:
                    await transaction.append(writes)

                await store.transact(UNRESTRICTED, work)
            print(f"  replica {number + 1}", flush=True)
    finally:
        await source.close()
        await store.close()


async def _writes(versions: AsyncIterator[Version], number: int) -> AsyncIterator[list[Write]]:
    """First versions of the replicas, many at a time."""
    writes: list[Write] = []
    async for version in versions:
        moment = version.last_updated + number * APART
        body = replica(version.body or b"", number)
        body = _TIME.sub(b'"lastUpdated":"%s"' % instant(moment).encode(), body, count=1)
        key = Key(version.key.type, replica(version.key.id.encode(), number).decode())
        writes.append(Write(Version(key, "1", moment, body), extract(orjson.loads(body)), None))
        if len(writes) == TOGETHER:
            yield writes
            writes = []
    if writes:
        yield writes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.scaled", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scales", default="1,4,16")
    options = parser.parse_args()
    make(options.folder, [int(scale) for scale in options.scales.split(",")])
