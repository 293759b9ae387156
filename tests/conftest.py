"""Fixtures that every test may use."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from fhir_server.storage.base import Store
from tests import parity
from tests.postgres.cluster import Cluster, running
from tests.postgres.databases import Databases
from tests.stores import KINDS, Stores, opened, prepare, promised


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity", type=Path, help="page to write the table of tests by kind of store into")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    alone = parity.note(items, promised())
    if (
        len(promised()) > 1
        and alone
        and not config.getoption("keyword")
        and not any("::" in argument for argument in config.args)
    ):
        raise pytest.UsageError(f"these tests do not run on all of {promised()}: {alone[:5]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = parity.passed(terminalreporter.stats.get("passed", ()))
    page = config.getoption("parity")
    if page is not None:
        parity.written(page, parity.table(found, promised()))
    if found and len(promised()) > 1:
        terminalreporter.write_line(parity.table(found, promised()))


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
    with Databases(cluster, prepare) as databases:
        yield databases


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of an empty PostgreSQL database for this test alone."""
    with databases.database() as url:
        yield url


@pytest.fixture(scope="session", params=promised())
def stores(request: pytest.FixtureRequest) -> Stores:
    """Every kind of store that was promised to this run."""
    return stores_of(request)


def stores_of(request: pytest.FixtureRequest) -> Stores:
    """The stores of the kind that the request is for."""
    if request.param not in KINDS:
        pytest.fail(f"the store {request.param!r} was promised to this run (FHIR_TEST_STORES) and is absent")
    databases: Databases | None = request.getfixturevalue("databases") if request.param == "postgres" else None

    def required() -> Databases:
        assert databases is not None
        return databases

    return Stores(request.param, required)


@pytest.fixture
def folder(stores: Stores, tmp_path: Path) -> Iterator[Path]:
    """An empty folder, with stores of each kind in turn (see tests.stores)."""
    yield stores.bind(tmp_path)
    stores.release(tmp_path)


@pytest.fixture
async def store(folder: Path, anyio_backend: str) -> AsyncIterator[Store]:
    """An empty store of each kind in turn, open."""
    opened_ = await opened(folder)
    yield opened_
    await opened_.close()


@pytest.fixture(scope="session")
def new_folder(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """As `folder`, for fixtures that live longer than a test: makes a folder of that name."""
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(stores.bind(tmp_path_factory.mktemp(name)))
        return made[-1]

    yield make
    for each in made:
        stores.release(each)
