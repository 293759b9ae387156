from collections.abc import Iterator

import httpx
import pytest

from tests.http.site import site
from tests.stores import NewFolder


@pytest.fixture(scope="session")
def client(new_folder: NewFolder) -> Iterator[httpx.Client]:
    with site(new_folder("pages")) as client:
        yield client
