"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest

from tests.postgres.cluster import Cluster, running
from tests.postgres.databases import Databases


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of this worker's own, started when the first test asks for it."""
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def databases(cluster: Cluster) -> Iterator[Databases]:
    with Databases(cluster) as databases:
        yield databases


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of an empty PostgreSQL database for this test alone."""
    with databases.database() as url:
        yield url
