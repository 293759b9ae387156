"""The stores that tests run over: for each kind, a folder stands for a store of its own.

A test or fixture that takes `folder` or `new_folder` (tests/conftest.py) runs once for every kind: `store_in(folder)` is the URL
of the folder's store, a file in it or a database that is as fresh as the folder. `FHIR_TEST_STORES` names the kinds.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from fhir_server.settings import Settings
from fhir_server.storage.base import Store
from fhir_server.storage.open import open_store
from tests.postgres.databases import Databases

KINDS: Final = ("sqlite", "postgres")
USUAL: Final = ("sqlite",)
"""What a run goes over that promises nothing else; the contract goes over all."""

NewFolder = Callable[[str], Path]
"""The fixture `new_folder`."""


def promised(usual: Sequence[str] = USUAL) -> list[str]:
    """The kinds that this run must test; one that is not there fails."""
    return [name.strip() for name in os.environ.get("FHIR_TEST_STORES", ",".join(usual)).split(",") if name.strip()]


class Stores:
    """The stores of one kind that tests have under way."""

    def __init__(self, kind: str, databases: Callable[[], Databases]) -> None:
        self._kind, self._databases = kind, databases
        self._given: dict[Path, tuple[str, ExitStack]] = {}

    def url(self, folder: Path) -> str:
        """The URL of the folder's store, the same for as long as the folder is there."""
        if folder not in self._given:
            for gone in [known for known in self._given if not known.exists()]:
                self._take_back(gone)
            stack = ExitStack()
            file = f"sqlite:///{folder / 'fhir.db'}"
            url = file if self._kind == "sqlite" else stack.enter_context(self._databases().database())
            self._given[folder] = (url, stack)
        return self._given[folder][0]

    def bind(self, folder: Path) -> Path:
        """The folder and those in it have stores of this kind."""
        _BOUND[folder] = self
        return folder

    def release(self, folder: Path) -> None:
        """Those stores are of no use any more."""
        del _BOUND[folder]
        for known in [known for known in self._given if known == folder or folder in known.parents]:
            self._take_back(known)

    def _take_back(self, folder: Path) -> None:
        self._given.pop(folder)[1].close()


_BOUND: dict[Path, Stores] = {}


def store_in(folder: Path) -> str:
    """The URL of the folder's store."""
    for place in (folder, *folder.parents):
        if place in _BOUND:
            return _BOUND[place].url(folder)
    raise LookupError(f"{folder} is no folder of the fixtures `folder` and `new_folder`")


async def opened(folder: Path, settings: Settings | None = None) -> Store:
    """The folder's store, open; whoever asks for it closes it."""
    store = open_store(store_in(folder), settings or Settings())
    await store.open()
    return store


def prepare(url: str) -> None:
    """The database has the schema of a store."""

    async def run() -> None:
        store = open_store(url, Settings())
        await store.open()
        await store.close()

    asyncio.run(run())
