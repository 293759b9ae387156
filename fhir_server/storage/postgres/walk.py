"""All versions in the order of writing, as a walk by pages: what was committed between two states of the database, state after state.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT. Numbers are given before the commit: whoever went by
them alone would pass over what is committed behind his back. A version that follows on another one has a higher number, and is
committed later.
"""

import re
from collections.abc import Sequence

from fhir_server.model import Version
from fhir_server.outcome import BadRequest
from fhir_server.search.query import Access
from fhir_server.storage.postgres.dialect import Postgres
from fhir_server.storage.postgres.reads import Reads
from fhir_server.storage.sql.history import version_at
from fhir_server.storage.sql.walk import MOST_BYTES

NOTHING = "1:1:"
"""The state in which nothing had been committed."""

_SNAPSHOT = "[0-9]{1,19}:[0-9]{1,19}:[0-9,]*"
_PLACE = re.compile(f"([0-9]*)/({_SNAPSHOT})/({_SNAPSHOT})/([0-9]{{1,18}})").fullmatch


def versions(reads: Reads, access: Access, after: str, count: int) -> tuple[Sequence[Version], str]:
    """See Store.versions."""
    found: list[Version] = []
    with reads.snapshot():
        identifier, _, now = reads.position().partition("/")
        since, until, last = _place(reads, after, identifier, now)
        size = 0
        while len(found) < count and size < MOST_BYTES:
            rows = reads.db.execute(*_behind(reads, since, until, last, count)).fetchall()
            if not rows and until == now:
                break
            if not rows:
                since, until, last = until, now, 0
            for sequence, type_ in rows:
                last = sequence
                version = version_at(reads, access, reads.names.text(type_), sequence)
                if version is not None:
                    found.append(version)
                    size += len(version.body or b"")
                if len(found) == count or size >= MOST_BYTES:
                    break
    return found, f"{identifier}/{since}/{until}/{last}"


def _place(reads: Reads, after: str, identifier: str, now: str) -> tuple[str, str, int]:
    """The states between which the walk is, and the number that it has come to. What was walked in another cluster is settled here."""
    if not after:
        return NOTHING, now, 0
    place = _PLACE(after)
    if place is None:
        raise BadRequest("This place is not one of this store's.", expression="after")
    if place[1] != identifier:
        return NOTHING, now, _settled(reads)
    return place[2], place[3], int(place[4])


def _behind(reads: Reads, since: str, until: str, last: int, count: int) -> tuple[str, tuple[object, ...]]:
    """The statement of (sequence, type) of the next versions between two states."""
    settled = _settled(reads)
    if since == NOTHING:
        seen = "(sequence <= ? OR pg_visible_in_snapshot(written_in, ?::text::pg_snapshot))"
        args: tuple[object, ...] = (settled, until)
    else:
        seen = (
            "sequence > ? AND written_in >= ?::text::xid8 AND NOT pg_visible_in_snapshot(written_in, ?::text::pg_snapshot)"
            " AND pg_visible_in_snapshot(written_in, ?::text::pg_snapshot)"
        )
        args = (settled, since.partition(":")[0], since, until)
    return f"SELECT sequence, type FROM version WHERE sequence > ? AND {seen} ORDER BY sequence LIMIT ?", (
        last,
        *args,
        count,
    )


def _settled(reads: Reads) -> int:
    dialect = reads.dialect
    assert isinstance(dialect, Postgres)
    return dialect.settled
