"""The SQLite store: one file, many readers, one writer at a time."""

from fhir_server.storage.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
