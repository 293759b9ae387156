"""One server for all clients."""

from collections.abc import Iterator

import pytest

from tests.http.server import running


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("clients")
    with running("--store", f"sqlite:///{folder / 'fhir.db'}", cwd=folder) as server:
        yield server.base
