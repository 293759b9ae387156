"""How a version stands in the tables: instants as milliseconds, verbs as numbers, entries as JSON, the past compressed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import zstandard

from fhir_server.model import UPDATE_AS_CREATE, Key, Version
from fhir_server.search.query import IndexEntry
from fhir_server.storage.sql.layout import Row, row_of
from fhir_server.storage.sqlite.names import WritableNames

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
EXACT_IN_FLOATS = 2**42  # milliseconds: up to the year 2109 their seconds as a float are right to the microsecond
METHODS = ("PUT", "POST", "PATCH", "DELETE", UPDATE_AS_CREATE)

Packed = dict[int, list[Row]]  # the rows of one version by entry number

_unpack = msgspec.json.Decoder(dict[int, list[tuple[Any, ...]]]).decode
NOTHING_PACKED, NO_OUTLINE = "{}", 0


class Current(NamedTuple):
    """A row of the table `resource`."""

    rid: int
    type: int
    id: str
    version: int
    changed: int
    updated: int
    method: int
    entries: str
    body: bytes | None
    outline: int


COLUMNS = "rid, type, id, version, changed, updated, method, json(entries), body, outline"


class Past(NamedTuple):
    """A row of the table `past`."""

    ended: int
    rid: int
    version: int
    sequence: int
    updated: int
    until: int
    method: int
    entries: bytes
    body: bytes | None


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


def instant(milliseconds_: int) -> datetime:
    if 0 <= milliseconds_ < EXACT_IN_FLOATS:
        return datetime.fromtimestamp(milliseconds_ / 1000, UTC)  # in a third of the time
    return EPOCH + timedelta(milliseconds=milliseconds_)


def number_of(version_id: str) -> int | None:
    """The version id as a number; None where it is none that this store gives."""
    if version_id.isascii() and version_id.isdigit() and len(version_id) < 19 and version_id[0] != "0":
        return int(version_id)
    return None


def method_number(method: str) -> int:
    return METHODS.index(method) if method in METHODS else 0


def version_of(type_: str, id_: str, row: tuple[Any, ...]) -> Version:
    """The Version of (version, updated, method, body)."""
    return Version(Key(type_, id_), str(row[0]), instant(row[1]), row[3], method=METHODS[row[2]])


def past_version_of(type_: str, id_: str, row: tuple[Any, ...]) -> Version:
    """As `version_of`, for a compressed body."""
    body = decompressed(row[3]) if row[3] is not None else None
    return Version(Key(type_, id_), str(row[0]), instant(row[1]), body, method=METHODS[row[2]])


def pack(type_: str, entries: Iterable[IndexEntry], names: WritableNames) -> Packed:
    """The rows of a version, each once."""
    packed: Packed = {}
    several = set()
    for entry in entries:
        number = names.make_entry(type_, entry.param, type(entry.value))
        row = row_of(entry.value, names)
        known = packed.get(number)
        if known is None:
            packed[number] = [row]
        else:
            known.append(row)
            several.add(number)
    for number in several:
        packed[number] = sorted(set(packed[number]))
    return packed


def written(packed: Packed) -> str:
    """The rows as JSON: {entry number: [[column, …], …]}."""
    return msgspec.json.encode(packed).decode()


def outline(packed: Packed) -> str:
    """Which entries a version has, those that it has several times marked with +: "12 15+ 19"."""
    return " ".join([f"{number}+" if len(packed[number]) > 1 else str(number) for number in sorted(packed)])


def unpack(entries: str) -> Packed:
    return _unpack(entries)


def compressed(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(plain)


def decompressed(packed: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(packed)


def past_of(current: Current, ended: int, until: int) -> Past:
    """The row that remembers `current` once the version `ended` has followed it at the time `until`."""
    return Past(
        ended,
        current.rid,
        current.version,
        current.changed,
        current.updated,
        until,
        current.method,
        compressed(current.entries.encode()),
        compressed(current.body) if current.body is not None else None,
    )
