"""The stores that the contract suite runs over. `FHIR_TEST_STORES` promises more than SQLite: sqlite,postgres,mongodb."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from fhir_server.storage.base import Store
from fhir_server.storage.sqlite import SQLiteStore


async def sqlite(folder: Path) -> Store:
    store = SQLiteStore(folder / "contract.db")
    await store.open()
    return store


# makes an empty store, open; `folder` is a fresh folder for what it keeps in files
STORES: dict[str, Callable[[Path], Awaitable[Store]]] = {"sqlite": sqlite}


def promised() -> list[str]:
    """The names of the stores that this run must test; one that is missing from STORES fails."""
    return [name.strip() for name in os.environ.get("FHIR_TEST_STORES", "sqlite").split(",") if name.strip()]
