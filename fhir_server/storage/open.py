"""The store that a URL names."""

from pathlib import Path

from fhir_server.settings import SettingError, Settings
from fhir_server.storage.base import Store
from fhir_server.storage.sqlite import SQLiteStore

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


def open_store(url: str, settings: Settings) -> Store:
    """The store, not yet opened. `sqlite:///file.db` is relative to the working folder, `sqlite:////file.db` absolute.

    `postgresql://user@host/database`, with what libpq takes in its addresses.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        return SQLiteStore(Path(url[len(SQLITE) :]), statement_timeout=settings.statement_timeout)
    if url.startswith(POSTGRESQL):
        return _postgres(url, settings)
    raise SettingError(
        f"FHIR_STORE={url.partition('://')[0]!r}…: expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    )


def _postgres(url: str, settings: Settings) -> Store:
    try:
        from fhir_server.storage.postgres import PostgresStore  # noqa: PLC0415 - its driver comes with an extra
    except ModuleNotFoundError as error:
        raise SettingError(f"PostgreSQL needs {error.name}: pip install 'fhir-server[postgres]'") from error
    return PostgresStore(
        url,
        connections=settings.database_connections,
        statement_timeout=settings.statement_timeout,
        patience=settings.database_patience,
    )
