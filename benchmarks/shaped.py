"""The table of search shapes at several scales: `python -m benchmarks --shapes --scales 1,4,16 --folder FOLDER`.

The databases are made where FOLDER does not hold them (benchmarks.scaled). One server of one worker for each scale; each shape is
asked of all of them in turn, so that the neighbours of this machine disturb the ratio as little as they can. Where they do, the
processor time of the server tells: its ratio stands behind that of the medians.
"""

import argparse
import itertools
import sys
import urllib.error
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import generator, scaled, servers
from benchmarks.samples import Samples, fetched
from benchmarks.shapes import SHAPES, Shape

FLAT = 1.5  # the most that a median may grow from the smallest scale to the largest
LONGEST = 1000.0  # milliseconds that any search may take


def measure(options: argparse.Namespace) -> None:
    """Prints p50, p99, the longest and the processor time a request, in milliseconds, of each shape at each scale; and ratios."""
    scales = sorted(int(scale) for scale in options.scales.split(","))
    folder = Path(options.folder)
    scaled.make(folder, scales)
    shapes = [shape for shape in SHAPES if options.only in shape.name]
    print(
        f"\n{len(shapes)} shapes, {options.clients} clients, {options.seconds} s each; milliseconds: p50 / p99 / longest / CPU"
    )
    print(f"{'':32} " + " ".join(f"{f'{scale}x':>31}" for scale in scales) + f" {'p50':>6} {'CPU':>6}")
    with ExitStack() as stack:
        running = [
            stack.enter_context(servers.ours(f"sqlite:///{scaled.database(folder, scale)}", 1)) for scale in scales
        ]
        samples = Samples.take(running[0].port)
        pairs = [(server, samples.at(server.port)) for server in running]
        missed = [found for shape in shapes if (found := _row(shape, pairs, options))]
    print(f"\n{len(missed)} of {len(shapes)} outside their bounds: {', '.join(missed) or 'none'}")


def _row(shape: Shape, pairs: list[tuple[servers.Running, Samples]], options: argparse.Namespace) -> str:
    """Prints the row; returns the shape's name with what is wrong with it, or nothing."""
    runs, costs = [], []
    for server, samples in pairs:
        try:
            paths = samples.paths(shape)
            for path in paths:
                fetched(samples.port, path)
        except urllib.error.HTTPError as error:
            print(f"{shape.name:32} {error.code} {error.read()[:120].decode()}")
            return f"{shape.name} ({error.code})"
        sent = itertools.cycle([generator.request("GET", path) for path in paths])
        before = server.cpu()
        runs.append(
            generator.run(samples.port, partial(next, sent), connections=options.clients, seconds=options.seconds)
        )
        costs.append((server.cpu() - before) * 1000 / len(runs[-1].latencies))
    shown = [
        f"{run.percentile(0.5):7.1f} {run.percentile(0.99):7.1f} {run.percentile(1):7.1f} {cost:7.2f}"
        for run, cost in zip(runs, costs, strict=True)
    ]
    ratio, dearer = runs[-1].percentile(0.5) / runs[0].percentile(0.5), costs[-1] / max(costs[0], 0.01)
    errors, longest = sum(run.errors for run in runs), max(run.percentile(1) for run in runs)
    faults = [
        *([f"x{ratio:.1f}"] if shape.flat and ratio > FLAT else []),
        *([f"{longest:.0f} ms"] if longest > LONGEST else []),
        *([f"{errors} errors"] if errors else []),
    ]
    print(
        f"{shape.name:32} {' '.join(shown)} {ratio:6.2f} {dearer:6.2f}{'' if shape.flat else ' (not flat)'} {' '.join(faults)}"
    )
    sys.stdout.flush()
    return f"{shape.name} ({', '.join(faults)})" if faults else ""
