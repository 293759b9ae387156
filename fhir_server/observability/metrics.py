"""Prometheus metrics: requests by interaction and status, their durations, what is under way.

Labels come from fixed sets (the route table's words, statuses), never from a request's values. Counting costs well under a
microsecond; the text is made when somebody asks. With several workers each keeps its figures in a small file of a shared
folder, and whoever answers adds them all up.
"""

import json
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the duration histogram's buckets, in seconds."""

FRESH: Final = 1.0
"""A worker writes its figures down at most this often, in seconds."""


class Metrics:
    """What this process (or, with `shared`, all workers together) did so far."""

    def __init__(self, shared: Path | None = None) -> None:
        self.under_way = 0
        self._counts: dict[tuple[str, int], list[float]] = {}
        self._shared = shared
        self._written = 0.0
        if shared is not None and not any(_alive(path) for path in shared.glob("*.json")):
            for path in shared.glob("*.json"):  # of a server that ran before under the same number
                path.unlink(missing_ok=True)
        self._registry = CollectorRegistry()
        self._registry.register(_Requests(self))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def count(self, interaction: str, status: int, seconds: float) -> None:
        """One answered request."""
        row = self._counts.get((interaction, status))
        if row is None:
            row = self._counts[interaction, status] = [0.0] * (len(BOUNDS) + 2)  # buckets, the open one, the sum
        row[bisect_left(BOUNDS, seconds)] += 1
        row[-1] += seconds
        if self._shared is not None and time.monotonic() - self._written > FRESH:
            self.write_down()

    def write_down(self) -> None:
        """This worker's figures are in the shared folder."""
        if self._shared is None:
            return
        self._written = time.monotonic()
        rows = [[interaction, status, *row] for (interaction, status), row in self._counts.items()]
        target = self._shared / f"{os.getpid()}.json"
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps({"under_way": self.under_way, "rows": rows}))
        draft.replace(target)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The text for the scraper and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def snapshots(self) -> Iterator[dict[str, Any]]:
        """The figures of each worker, this one's fresh; of one that has ended what it did counts on."""
        if self._shared is None:
            yield {"under_way": self.under_way, "rows": [[*key, *row] for key, row in self._counts.items()]}
            return
        self.write_down()
        for path in sorted(self._shared.glob("*.json")):
            snapshot = json.loads(path.read_text())
            yield snapshot if _alive(path) else {**snapshot, "under_way": 0}


def _alive(path: Path) -> bool:
    """Whether the process still runs that wrote this file."""
    try:
        os.kill(int(path.stem), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Requests(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        answered = CounterMetricFamily(
            "fhir_requests", "Answered requests by interaction and status", labels=("interaction", "status")
        )
        duration = HistogramMetricFamily(
            "fhir_request_seconds", "Time from the request's head to the answer's last byte", labels=("interaction",)
        )
        under_way = GaugeMetricFamily("fhir_requests_under_way", "Requests that are being worked on")
        total = 0
        by_status: dict[tuple[str, int], float] = {}
        by_interaction: dict[str, list[float]] = {}
        for snapshot in self._metrics.snapshots():
            total += snapshot["under_way"]
            for interaction, status, *row in snapshot["rows"]:
                key = (interaction, status)
                by_status[key] = by_status.get(key, 0) + sum(row[:-1])
                known = by_interaction.get(interaction)
                by_interaction[interaction] = [a + b for a, b in zip(known, row, strict=True)] if known else row
        for (interaction, status), count in sorted(by_status.items()):
            answered.add_metric((interaction, str(status)), count)
        for interaction, row in sorted(by_interaction.items()):
            duration.add_metric((interaction,), _buckets(row), sum_value=row[-1])
        under_way.add_metric((), total)
        yield from (answered, duration, under_way)


def _buckets(row: list[float]) -> list[tuple[str, float]]:
    """Cumulative counts under their upper bounds, as the exposition format has them."""
    running = 0.0
    buckets = []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), row[:-1], strict=True):
        running += count
        buckets.append((bound, running))
    return buckets


def shared_folder(parent: int) -> Path:
    """The folder that the workers of one parent process share; made private to this user where it is not there yet."""
    folder = Path(tempfile.gettempdir()) / f"fhir-server-metrics-{os.getuid()}-{parent}"
    folder.mkdir(mode=0o700, exist_ok=True)
    held = folder.lstat()
    if held.st_uid != os.getuid() or folder.is_symlink() or held.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private to this user")
    return folder
