"""The store that a command works on, opened and closed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fhir_server.app import assemble, settle
from fhir_server.context import Server
from fhir_server.settings import SettingError, Settings
from fhir_server.storage.base import Store
from fhir_server.storage.open import open_store

SQLITE = "sqlite:///"


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Store]:
    """The store of `settings`; unless `create`, a database file that does not exist is an error and not an empty store."""
    if not create and settings.store.startswith(SQLITE):
        path = Path(settings.store.removeprefix(SQLITE))
        if not path.exists():
            raise SettingError(f"there is no database {path}: name it with --store sqlite:///FILE")
    store = open_store(settings.store, settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def assembled(settings: Settings, *, create: bool = False) -> AsyncIterator[Server]:
    """The server's parts over the store of `settings`, as `opened` opens it."""
    async with opened(settings, create=create) as store:
        server = await assemble(settings, store)
        settle()
        try:
            yield server
        finally:
            await server.remote.close()


def shown(url: str) -> str:
    """The store's URL as people may see it: without a password."""
    return re.sub("(password=)[^&]*", r"\1…", re.sub("(//[^:/@]*):[^/?]*@", r"\1@", url))


def sqlite_path(settings: Settings) -> Path:
    """The file of an SQLite store. Raises SettingError for another kind of store."""
    if not settings.store.startswith(SQLITE):
        raise SettingError(f"{shown(settings.store)} is not an SQLite file: use its own tools for this")
    return Path(settings.store.removeprefix(SQLITE))
