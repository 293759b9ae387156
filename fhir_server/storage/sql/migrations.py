"""A schema's numbered migrations, each applied once, in order, and known by its digest afterwards."""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

from fhir_server.storage.base import SchemaError


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def reindexes(self) -> bool:
        """What resources are found by must be read from them again."""
        return "\n-- reindex\n" in self.sql

    @property
    def fills_concepts(self) -> bool:
        """Concepts must be read from the CodeSystem resources."""
        return "\n-- concepts\n" in self.sql

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """The migrations that this program knows for a store, in order."""
    folder = resources.files(package) / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8")) for file in files]


def outstanding(
    known: list[Migration], applied: Sequence[tuple[int, str, str]], stamped: int, remedy: str
) -> list[Migration]:
    """The migrations behind those that were applied (number, name, digest), in order. `stamped`: the number that the database itself
    says it is at. Raises SchemaError where it is newer or damaged; then `remedy` tells what to do.
    """
    newest, last = known[-1].number, max(stamped, applied[-1][0] if applied else 0)
    if last > newest:
        raise SchemaError(
            f"The database has schema {last}, this program knows {newest}:"
            " start the newer version of fhir-server that wrote it, or restore a backup made with this version."
        )
    if [row[0] for row in applied] != list(range(1, stamped + 1)):
        raise SchemaError(_half_way("its list of migrations has gaps", remedy))
    for (number, name, digest), ours in zip(applied, known, strict=False):
        if digest != ours.digest:
            what = f"migration {number} ({name}) is not the one that this program knows"
            raise SchemaError(_half_way(what, remedy))
    return known[len(applied) :]


def _half_way(what: str, remedy: str) -> str:
    return f"The database is half migrated: {what}. {remedy}"
