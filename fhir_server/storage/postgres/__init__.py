"""The PostgreSQL store: one database, any number of server processes."""

from fhir_server.storage.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
