"""The stores that a benchmark measures, each empty at first: a file, or a PostgreSQL of its own that syncs every commit."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgres.cluster import running


@dataclass(frozen=True, slots=True)
class Measured:
    """A store: what it is called, its URL, and how many bytes it takes on disk."""

    name: str
    url: str
    size: Callable[[], int]


@contextmanager
def store(kind: str) -> Iterator[Measured]:
    """An empty store of that kind, gone after the block."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
            place = Path(folder)
            yield Measured("SQLite", f"sqlite:///{place / 'bench.db'}", lambda: sum(f.stat().st_size for f in place.iterdir()))  # fmt: skip
    elif kind == "postgres":
        with running({"shared_buffers": "512MB", "max_wal_size": "4GB"}) as cluster:
            cluster.sql("CREATE DATABASE bench OWNER fhir")
            size = "SELECT pg_database_size('bench')"
            yield Measured("PostgreSQL", cluster.url("bench"), lambda: int(cluster.sql(size)))
    else:
        raise SystemExit(f"--stores {kind}: sqlite, postgres or both with a comma")
