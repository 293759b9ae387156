"""Servers to test, their stores empty at first or holding the whole Synthea set; the XSDs of R4."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from tests.conformance.synthea import Loaded, everybody
from tests.formats.examples import schemas
from tests.http.server import running
from tests.http.wire import Wire


@contextmanager
def connected(folder: Path) -> Iterator[Wire]:
    with (
        running("--store", f"sqlite:///{folder / 'fhir.db'}", cwd=folder, FHIR_REQUEST_TIMEOUT="120") as server,
        Wire(server.port) as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A connection to a server of this module's own."""
    with connected(tmp_path_factory.mktemp("conformance")) as connection:
        yield connection


@pytest.fixture(scope="session")
def everyones_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store of `everyone` lies."""
    return tmp_path_factory.mktemp("everyone")


@pytest.fixture(scope="session")
def everyone(everyones_folder: Path) -> Iterator[tuple[Wire, Loaded]]:
    """A connection to a server that holds the whole Synthea set, and how loading it went."""
    with connected(everyones_folder) as connection:
        yield connection, Loaded().load(connection, everybody())


@pytest.fixture(scope="session")
def fhir_single(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    folder = tmp_path_factory.mktemp("xsd")
    for name, raw in schemas().items():
        (folder / name.rpartition("/")[2]).write_bytes(raw)
    return etree.XMLSchema(etree.parse(folder / "fhir-single.xsd"))
