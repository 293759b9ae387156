from collections.abc import Iterator

import httpx
import pytest

from tests.http.site import site


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with site(tmp_path_factory.mktemp("pages")) as client:
        yield client
