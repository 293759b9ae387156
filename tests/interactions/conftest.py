"""A server of one's own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interactions.client import Client, server


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    """A client of a server with the settings as they are by default."""
    running = await server(folder)
    yield Client(running)
    await running.store.close()
