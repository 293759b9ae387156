"""All versions in the order of writing, as a walk by pages; the code system that a resource brought.

http://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Sequence
from typing import Any

from fhir_server.concepts import System
from fhir_server.model import Version
from fhir_server.outcome import BadRequest
from fhir_server.search.query import Access
from fhir_server.storage.sql.concept_reads import system_of
from fhir_server.storage.sql.history import version_at
from fhir_server.storage.sql.reads import Reads

MOST_BYTES = 32 * 2**20
"""A page with so much in it is full."""

_BEHIND = "SELECT sequence, type FROM version WHERE sequence > ? AND type <> 0 ORDER BY sequence LIMIT ?"


def versions(reads: Reads, access: Access, after: str, count: int) -> tuple[Sequence[Version], str]:
    """See Store.versions."""
    if after and not after.isdecimal():
        raise BadRequest("This place is not one of this store's.", expression="after")
    last, size = int(after or 0), 0
    found: list[Version] = []
    with reads.snapshot():
        while len(found) < count and size < MOST_BYTES:
            rows: list[Any] = reads.db.execute(_BEHIND, (last, count)).fetchall()
            for sequence, type_ in rows:
                last = sequence
                version = version_at(reads, access, reads.names.text(type_), sequence)
                if version is not None:
                    found.append(version)
                    size += len(version.body or b"")
                if len(found) == count or size >= MOST_BYTES:
                    break
            if not rows:
                break
    return found, str(last)


def defined(reads: Reads, id_: str) -> System | None:
    """See Store.defined."""
    row: Any = reads.db.execute("SELECT number, facts FROM code_system WHERE id = ?", (id_,)).fetchone()
    return None if row is None else system_of(*row)
