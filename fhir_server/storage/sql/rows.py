"""How a version stands in the tables: instants as milliseconds, verbs as numbers, entries as JSON, the past compressed."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import zstandard

from fhir_server.model import UPDATE_AS_CREATE, Key, Version
from fhir_server.search.query import Contained, IndexEntry
from fhir_server.storage.sql.contained import CONTAINED, within
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import ROWS, TABLE_OF, Names, Numbering, Row, Table, table_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)
EXACT_IN_FLOATS = 2**42  # milliseconds: up to the year 2109 their seconds as a float are right to the microsecond
METHODS = ("PUT", "POST", "PATCH", "DELETE", UPDATE_AS_CREATE)

Packed = dict[int, list[Row]]  # the rows of one version by entry number


class Wide(Packed):
    """Rows with groups or contained resources (see sql.layout): in the tables they stand otherwise."""


_unpack = msgspec.json.Decoder(dict[int, list[tuple[Any, ...]]]).decode
NOTHING_PACKED, NO_OUTLINE, NO_SYSTEM = "{}", 0, 0


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


def columns(dialect: Dialect) -> str:
    """Those of a Current."""
    return f"rid, type, id, version, changed, updated, method, {dialect.entries('entries')}, body, outline"


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


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def now() -> int:
    """Microseconds."""
    return time.time_ns() // 1000


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


def pack(type_: str, entries: Iterable[IndexEntry], names: Numbering) -> Packed:
    """The rows of a version, each once; Wide where they are not just those of the tables."""
    packed: Packed = {}
    inside: list[Contained] = []
    several, groups = set(), False
    numbers = names.entries_of(type_)
    for entry in entries:
        value: Any = entry.value
        param, kind = entry.param, type(value)
        if kind is Contained:
            inside.append(value)
            continue
        number = numbers.get((param, kind)) or names.make_entry(type_, param, kind)
        row = ROWS[kind](value, param, names)
        if entry.group:
            row, groups = (*row, entry.group), True
        known = packed.get(number)
        if known is None:
            packed[number] = [row]
        else:
            known.append(row)
            several.add(number)
    for number in several:
        packed[number] = sorted(set(packed[number]))
    if not inside:
        return Wide(packed) if groups else packed
    for contained in sorted(inside, key=lambda each: each.id):
        place = within(type_, contained.type)
        rows = packed.setdefault(names.make_entry(place, CONTAINED, Contained), [])
        rows.append((contained.id, NO_SYSTEM, pack(place, contained.entries, names)))
    return Wide(packed)


def written(packed: Packed) -> str:
    """The rows as JSON: {entry number: [[column, …], …]}."""
    return msgspec.json.encode(packed).decode()


def outline(packed: Packed) -> str:
    """Which entries a version has, those that it has several times marked with +: "12 15+ 19"."""
    if type(packed) is Wide:
        packed = packed | _contained_twice(packed)
    return " ".join([f"{number}+" if len(packed[number]) > 1 else str(number) for number in sorted(packed)])


def _contained_twice(packed: Packed) -> Packed:
    """The rows of contained resources, as if all were there twice: nobody looks which of them are."""
    return {
        number: more * 2
        for rows in packed.values()
        for row in rows
        if isinstance(row[-1], dict)
        for number, more in row[-1].items()
    }


def unpack(entries: str) -> Packed:
    return _unpack(entries)


def in_tables(packed: Packed, names: Names) -> Packed:
    """The rows as the tables of entries have them: without groups, each once, those of contained resources among them."""
    found: Packed = {}
    for entry, rows in packed.items():
        width = len(table_of_entry(names, entry).columns)
        if max(map(len, rows)) == width:
            found[entry] = rows
            continue
        found[entry] = sorted({row[:width] for row in rows})
        for row in rows:
            if isinstance(row[-1], dict):
                for inner, more in in_tables(_read(row[-1]), names).items():
                    found[inner] = sorted({*found.get(inner, ()), *more})
    return found


def _read(packed: dict[Any, list[Any]]) -> Packed:
    """The packed rows of a contained resource, which may come out of JSON."""
    return {int(entry): [tuple(row) for row in rows] for entry, rows in packed.items()}


def table_of_entry(names: Names, entry: int) -> Table:
    """The table in which the rows of this entry number stand."""
    return _table(names.text(entry))


@lru_cache(maxsize=100_000)
def _table(entry: str) -> Table:
    """See names.entry_text."""
    place, _, kind = entry.rpartition(" ")
    return table_of(_KINDS[kind], place.partition(".")[2])


_KINDS = {kind.__name__: kind for kind in TABLE_OF}


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
