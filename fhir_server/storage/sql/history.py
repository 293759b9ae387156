"""History of a resource, a type, or everything, newest first.

http://hl7.org/fhir/R4/http.html#history
"""

import base64
import binascii
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest
from fhir_server.search.query import EVERYTHING, NOTHING, Access
from fhir_server.storage.base import HistoryPage
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.rows import milliseconds, past_version_of, version_of
from fhir_server.storage.sql.text import TRUE, Sql, all_of

_CURRENT = (
    "SELECT version, updated, method, body, rid, {entries}, id, changed FROM resource WHERE rid ="
    " (SELECT rid FROM version WHERE sequence = ?)"
)
_PAST = (
    "SELECT version, updated, method, body, rid, entries FROM past WHERE rid = ? AND version ="
    " (SELECT version FROM version WHERE sequence = ?)"
)
_OF_ONE = (
    "SELECT changed AS sequence, rid, version, updated FROM resource WHERE type = ? AND id = ?"
    " UNION ALL SELECT o.sequence, o.rid, o.version, o.updated FROM resource r JOIN past o ON o.rid = r.rid"
    " WHERE r.type = ? AND r.id = ?"
)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of history ended. `position`: the state of the database when page one was made; `total` as counted then."""

    kind: str
    position: Position
    order: int
    sequence: int
    total: int

    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).rstrip(b"=").decode()


def place_of(after: str) -> Place:
    """Raises BadRequest where `after` is no place in a history."""
    try:
        raw = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        place = msgspec.msgpack.decode(raw, type=Place)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadRequest("This page link is not one that this server made.", expression="http.after") from error
    if place.kind != "history" or any(
        isinstance(each, int) and abs(each) >= 2**63 for each in (place.position, place.order, place.sequence)
    ):
        raise BadRequest("This page link belongs to something else.", expression="http.after")
    return place


@dataclass(frozen=True, slots=True)
class Scope:
    """Which versions a history is about."""

    key: Key | None
    type: str | None
    since: datetime | None
    at: tuple[datetime, datetime] | None

    @staticmethod
    def of(scope: Key | str | None, since: datetime | None, at: tuple[datetime, datetime] | None) -> "Scope":
        """The scope as Reader.history is asked for it."""
        return Scope(scope if isinstance(scope, Key) else None, scope if isinstance(scope, str) else None, since, at)

    @property
    def order(self) -> str:
        """What versions are ordered by: one resource's by its version number, whatever the clock did."""
        return "version" if self.key else "updated"

    def where(self) -> Sql:
        """The condition on a row `v` of `version`, with `p` its row of `past` where it is not current."""
        parts = []
        if self.since is not None:
            parts.append(Sql("v.updated >= ?", (_ceiling(self.since),)))
        if self.at is not None:
            low, high = self.at
            parts.append(Sql("v.updated < ?", (_ceiling(high),)))
            parts.append(Sql("(p.until IS NULL OR p.until > ?)", (milliseconds(low),)))
        return all_of(parts)


def history(reads: Reads, access: Access, scope: Scope, count: int, after: str | None) -> HistoryPage:
    """See Reader.history."""
    place = place_of(after) if after is not None else None
    with reads.snapshot():
        position = reads.known(place.position) if place else reads.position(reads.newest())
        types = _types(reads, access, scope)
        total = place.total if place else _total(reads, access, scope, types, position)
        versions: list[tuple[tuple[int, int], Version]] = []
        if count:
            for found in _versions(reads, access, scope, types, place, position, count + 1):
                versions.append(found)
                if len(versions) > count:
                    break
    following = None
    if count and len(versions) > count:
        following = Place("history", position, *versions[count - 1][0], total).text()
    return HistoryPage(tuple(version for _, version in versions[:count]), following, total)


def _ceiling(moment: datetime) -> int:
    return milliseconds(moment) + (1 if moment.microsecond % 1000 else 0)


def _types(reads: Reads, access: Access, scope: Scope) -> list[tuple[int, str]]:
    """Types that the scope spans, of those that the caller may see at all."""
    names = [scope.key.type] if scope.key else [scope.type] if scope.type else reads.names.types()
    numbered = ((reads.names.of_type(name), name) for name in names if access.of(name) != NOTHING)
    return [(number, name) for number, name in numbered if number is not None]


def _total(reads: Reads, access: Access, scope: Scope, types: list[tuple[int, str]], position: Position) -> int:
    if any(access.of(name) != EVERYTHING for _, name in types):
        return sum(1 for _ in _versions(reads, access, scope, types, None, position, 1000))
    total = 0
    for number, _ in types:
        statement = _statement(reads, scope, number, None, position, Sql("SELECT count(*)"), Sql(""))
        total += reads.db.execute(statement.text, statement.args).get
    return total


def _versions(
    reads: Reads,
    access: Access,
    scope: Scope,
    types: list[tuple[int, str]],
    place: Place | None,
    position: Position,
    batch: int,
) -> Iterator[tuple[tuple[int, int], Version]]:
    """All versions that the caller may see behind the place, newest first, each with its place in the order."""
    rows = heapq.merge(
        *(_rows(reads, scope, number, name, place, position, batch) for number, name in types),
        key=lambda found: found[0],
        reverse=True,
    )
    for place_, name in rows:
        found = version_at(reads, access, name, place_[1])
        if found is not None:
            yield place_, found


def version_at(reads: Reads, access: Access, type_: str, sequence: int) -> Version | None:
    """The version with this sequence number; None where the caller may not see it."""
    current = _CURRENT.format(entries=reads.dialect.entries("entries"))
    row: Any = reads.db.execute(current, (sequence,)).fetchone()
    key = Key(type_, row[6])
    if row[7] == sequence:
        return version_of(type_, key.id, row) if reads.shows(access, key, row, row[5]) else None
    row = reads.db.execute(_PAST, (row[4], sequence)).fetchone()
    return past_version_of(type_, key.id, row) if reads.shows(access, key, row, None) else None


def _rows(
    reads: Reads, scope: Scope, number: int, name: str, place: Place | None, position: Position, batch: int
) -> Iterator[tuple[tuple[int, int], str]]:
    """The places of one type's versions, newest first, fetched in batches so that no cursor stays open."""
    last = (place.order, place.sequence) if place else None
    while True:
        columns = Sql(f"SELECT v.{scope.order}, v.sequence")
        end = Sql(f" ORDER BY v.{scope.order} DESC, v.sequence DESC LIMIT ?", (batch,))
        statement = _statement(reads, scope, number, last, position, columns, end)
        rows: list[Any] = reads.db.execute(statement.text, statement.args).fetchall()
        for row in rows:
            yield row, name
        if len(rows) < batch:
            return
        last = rows[-1]


def _statement(
    reads: Reads, scope: Scope, number: int, last: tuple[int, int] | None, position: Position, columns: Sql, end: Sql
) -> Sql:
    joined = " LEFT JOIN past p ON p.rid = v.rid AND p.version = v.version" if scope.at else ""
    if scope.key:
        source = Sql(f" FROM ({_OF_ONE}) v{joined} WHERE ", (number, scope.key.id) * 2)
    else:
        source = Sql(f" FROM version v{joined} WHERE v.type = ? AND ", (number,))
    before = Sql(f"(v.{scope.order}, v.sequence) < (?, ?)", last) if last else TRUE
    where = all_of([reads.dialect.listed("v", position, own=scope.key is None), before, scope.where()])
    return columns + source + where + end
