"""The contract is proved on every kind of store."""

import pytest

from tests.conftest import stores_of
from tests.stores import KINDS, Stores, promised


@pytest.fixture(scope="session", params=promised(KINDS))
def stores(request: pytest.FixtureRequest) -> Stores:
    return stores_of(request)
