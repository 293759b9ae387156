"""`make bench`: rates, latencies, memory and start-up of the server, beside the ceiling of this machine in the same run.

    python -m benchmarks [--seconds 5] [--connections 32] [--workers 1,2] [--rounds 3] [--only read]
                         [--stores sqlite,postgres]

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

from benchmarks import data, generator, servers, shaped, stores
from benchmarks.scenarios import SCENARIOS, Loaded

Rates = dict[str, dict[str, float]]
"""Per second, by store and scenario."""

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
    parser.add_argument("--stores", default="sqlite,postgres", help="measured one after the other, shown side by side")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--scales", default="1,4,16")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "fhir-scaled"))
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    if options.shapes:
        shaped.measure(options)
        return
    print(
        f"{os.cpu_count()} cores, load generator on the same machine, {options.connections} connections, every commit synced"
    )
    rates: Rates = {}
    for kind in options.stores.split(","):
        with stores.store(kind) as store:
            print(f"\n==== {store.name}")
            rates[store.name] = {"import, resources": imported(store, options.rounds)}
            for workers in map(int, options.workers.split(",")):
                rates[store.name] |= measure(store.url, workers, options)
    side_by_side(rates)


def side_by_side(rates: Rates) -> None:
    """Prints what each store reached in a second."""
    print(f"\n{'a second':40}" + "".join(f"{name:>12}" for name in rates))
    for row in next(iter(rates.values())):
        print(f"{row:40}" + "".join(f"{of[row]:12,.0f}" for of in rates.values()))


def imported(store: stores.Measured, rounds: int) -> float:
    """Fills the store over HTTP with one worker; prints and returns at what rate."""
    with servers.ours(store.url, 1) as server:
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
        print(f"size on disk {store.size() / total:,.0f} bytes a resource")
        return total / seconds


def _seconds_of(port: int, requests: Iterator[bytes]) -> float:
    """Sends all of these and returns how long that took; a refused one ends the benchmark."""
    every = iter(list(requests))
    start = perf_counter()
    run = generator.run(port, lambda: next(every, None), connections=4, seconds=3600)
    if run.errors:
        raise SystemExit(f"import failed: {run.statuses}")
    return perf_counter() - start


def measure(store: str, workers: int, options: argparse.Namespace) -> dict[str, float]:
    """Prints a row for each scenario, with that many workers; returns the rates."""
    rates: dict[str, float] = {}
    print(
        f"\n{workers} worker{'s' if workers > 1 else ''}: {'':21} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'of raw':>7} errors"
    )
    run = {"connections": options.connections * workers, "seconds": options.seconds}
    with servers.raw(workers) as ceiling:
        hello = generator.request("GET", "/")
        top = generator.run(ceiling.port, lambda: hello, **run)
        print(_row("raw ASGI hello, 2 kB", top, top.rate))
    with servers.ours(store, workers) as server:
        loaded = Loaded.sample(server.port)
        generator.run(server.port, SCENARIOS[0][1](loaded), connections=options.connections, seconds=WARM_UP)
        for name, scenario in SCENARIOS:
            if options.only in name:
                found = generator.run(server.port, scenario(loaded), **run)
                rates[f"{name}, {workers} worker{'s' * (workers > 1)}"] = found.rate
                print(_row(name, found, top.rate), flush=True)
        single = generator.run(server.port, SCENARIOS[5][1](loaded), connections=1, seconds=options.seconds)
        print(_row("create Observation, 1 client", single, top.rate))
        print(f"memory after the run: {', '.join(f'{mb:.0f}' for mb in server.memory())} MB")
    return rates


def _row(name: str, run: generator.Measured, ceiling: float) -> str:
    p50, p99 = run.percentile(0.5), run.percentile(0.99)
    return f"{name:32} {run.rate:8,.0f} {p50:8.2f} {p99:8.2f} {run.rate / ceiling:7.0%} {run.errors or ''}"


main()
