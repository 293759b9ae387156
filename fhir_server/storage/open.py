"""The store that a URL names."""

from pathlib import Path

from fhir_server.settings import SettingError, Settings
from fhir_server.storage.base import Store
from fhir_server.storage.sqlite import SQLiteStore

SQLITE = "sqlite:///"


def open_store(url: str, settings: Settings) -> Store:
    """The store, not yet opened. `sqlite:///file.db` is relative to the working folder, `sqlite:////file.db` absolute."""
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        return SQLiteStore(Path(url[len(SQLITE) :]), statement_timeout=settings.statement_timeout)
    raise SettingError(f"FHIR_STORE={url!r}: expected sqlite:///FILE")
