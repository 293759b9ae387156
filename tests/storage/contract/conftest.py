"""An empty store of each promised kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fhir_server.storage.base import Store
from tests.storage.contract.stores import STORES, promised


@pytest.fixture(params=promised())
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Store]:
    if request.param not in STORES:
        pytest.fail(f"the store {request.param!r} was promised to this run (FHIR_TEST_STORES) and is absent")
    opened = await STORES[request.param](tmp_path)
    yield opened
    await opened.close()
