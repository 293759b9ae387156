"""`make bench`: rates, latencies, memory and start-up of the server, beside the ceiling of this machine in the same run.

    python -m benchmarks [--seconds 5] [--connections 32] [--workers 1,2] [--rounds 3] [--only read]

`--rounds` is how often the import set (92,114 resources where the Synthea set is at hand) goes in first.

    python -m benchmarks --shapes --scales 1,4,16 --folder FOLDER [--seconds 1.5] [--clients 16] [--only sort]

measures the search shapes of benchmarks/shapes.py instead, at those multiples of the import set (see benchmarks.shaped).
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter

from benchmarks import data, generator, servers, shaped
from benchmarks.scenarios import SCENARIOS, Loaded

WARM_UP = 2.0  # seconds, uncounted: a server that has just started compiles its validator beside the first requests


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--scales", default="1,4,16")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "fhir-scaled"))
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    if options.shapes:
        shaped.measure(options)
        return
    print(
        f"{os.cpu_count()} cores, load generator on the same machine, {options.connections} connections, SQLite synchronous=FULL"
    )
    with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
        database = Path(folder) / "bench.db"
        imported(database, options.rounds)
        for workers in map(int, options.workers.split(",")):
            measure(database, workers, options)


def imported(database: Path, rounds: int) -> None:
    """Fills the store over HTTP with one worker, and prints at what rate."""
    with servers.ours(database, 1) as server:
        print(f"\ncold start to first answer {server.cold_start:.2f} s, memory idle {server.memory()[0]:.0f} MB")
        total = seconds = 0.0
        for number in range(rounds):
            bodies = list(data.bundles())
            size = sum(len(json.loads(body)["entry"]) for body in bodies)
            sent = iter([generator.request("POST", "/fhir", body, Prefer="return=minimal") for body in bodies])
            for share in (2, None):  # the hospitals and practitioners first: the rest refers to them
                seconds += _seconds_of(server.port, islice(sent, share))
            total += size
            print(
                f"import of transaction bundles, round {number + 1}: {total:,.0f} resources at {total / seconds:,.0f}/s so far"
            )
        print(f"size on disk {sum(f.stat().st_size for f in database.parent.iterdir()) / total:,.0f} bytes a resource")


def _seconds_of(port: int, requests: Iterator[bytes]) -> float:
    """Sends all of these and returns how long that took; a refused one ends the benchmark."""
    every = iter(list(requests))
    start = perf_counter()
    run = generator.run(port, lambda: next(every, None), connections=4, seconds=3600)
    if run.errors:
        raise SystemExit(f"import failed: {run.statuses}")
    return perf_counter() - start


def measure(database: Path, workers: int, options: argparse.Namespace) -> None:
    """Prints a row for each scenario, with that many workers."""
    print(
        f"\n{workers} worker{'s' if workers > 1 else ''}: {'':21} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'of raw':>7} errors"
    )
    run = {"connections": options.connections * workers, "seconds": options.seconds}
    with servers.raw(workers) as ceiling:
        hello = generator.request("GET", "/")
        top = generator.run(ceiling.port, lambda: hello, **run)
        print(_row("raw ASGI hello, 2 kB", top, top.rate))
    with servers.ours(database, workers) as server:
        loaded = Loaded.sample(server.port)
        generator.run(server.port, SCENARIOS[0][1](loaded), connections=options.connections, seconds=WARM_UP)
        for name, scenario in SCENARIOS:
            if options.only in name:
                print(_row(name, generator.run(server.port, scenario(loaded), **run), top.rate), flush=True)
        single = generator.run(server.port, SCENARIOS[5][1](loaded), connections=1, seconds=options.seconds)
        print(_row("create Observation, 1 client", single, top.rate))
        print(f"memory after the run: {', '.join(f'{mb:.0f}' for mb in server.memory())} MB")


def _row(name: str, run: generator.Measured, ceiling: float) -> str:
    p50, p99 = run.percentile(0.5), run.percentile(0.99)
    return f"{name:32} {run.rate:8,.0f} {p50:8.2f} {p99:8.2f} {run.rate / ceiling:7.0%} {run.errors or ''}"


main()
