"""The relational layout of index entries: one narrow table per kind of search parameter.

http://hl7.org/fhir/R4/search.html#ptypes

Each row is (entry, columns…, rid): `entry` numbers the pair of resource type, parameter and kind of value, `rid` the resource.
Resource types and token systems are numbered as well; all other text stands as it is, so that an equality is exact without a
second look. A resource row keeps the same rows as binary JSON ({entry: [[columns…], …]}): the source of differences, and what a search
looks at once it has the resource in hand.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fhir_server.search.query import (
    DateRange,
    Identifier,
    Number,
    Quantity,
    Reference,
    String,
    Text,
    Token,
    Uri,
    Value,
)

Row = tuple[Any, ...]
ELSEWHERE = 0  # the type number of a reference that is a URL
LARGEST = sys.float_info.max  # JSON has no infinity


class Names(Protocol):
    """Numbers that stand for text; None where the database has not met the text yet."""

    def of_type(self, type_: str) -> int | None: ...

    def of_system(self, uri: str) -> int | None: ...

    def of_entry(self, type_: str, param: str, kind: type[Value]) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` in the order of the rows; the first `key` of them stand between entry and rid in the primary key."""

    name: str
    columns: tuple[str, ...]
    key: int


TOKEN = Table("token", ("code", "system"), 1)
REFERENCE = Table("reference", ("id", "type", "version"), 1)
STRING = Table("string", ("folded", "original"), 1)
URI = Table("uri", ("value", "version"), 1)
DATE = Table("date", ("low", "high"), 2)
NUMBER = Table("number", ("low", "high"), 2)
QUANTITY = Table("quantity", ("low", "high", "system", "code", "unit"), 2)

TABLES = (TOKEN, REFERENCE, STRING, URI, DATE, NUMBER, QUANTITY)

TABLE_OF: dict[type[Value], Table] = {
    Token: TOKEN,
    Identifier: TOKEN,
    Text: STRING,
    String: STRING,
    Reference: REFERENCE,
    DateRange: DATE,
    Number: NUMBER,
    Quantity: QUANTITY,
    Uri: URI,
}

# what a sort compares: the column for ascending and for descending order
SORTED_BY: dict[type[Value], tuple[str, str]] = {
    Token: ("code", "code"),
    Identifier: ("code", "code"),
    Text: ("folded", "folded"),
    String: ("folded", "folded"),
    Reference: ("id", "id"),
    DateRange: ("low", "high"),
    Number: ("low", "low"),
    Quantity: ("low", "low"),
    Uri: ("value", "value"),
}


def finite(number: float) -> float:
    """The number, an open end as the largest float there is."""
    return min(max(float(number), -LARGEST), LARGEST)


class Numbering(Protocol):
    """Gives numbers to text, new ones where it is new."""

    def make_type(self, type_: str) -> int: ...

    def make_system(self, uri: str) -> int: ...


def row_of(value: Value, numbering: Numbering) -> Row:
    """The columns of the row for this value, in the order of its table."""
    kind = type(value)
    plain = _PLAIN.get(kind)
    return plain(value) if plain is not None else _NUMBERED[kind](value, numbering)


def _reference(value: Any, numbering: Numbering) -> Row:
    if value.type:
        return (value.id, numbering.make_type(value.type), value.version)
    return (value.url, ELSEWHERE, value.version)


def _coded(value: Any, numbering: Numbering) -> Row:
    return (value.code, numbering.make_system(value.system))


def _quantity(value: Any, numbering: Numbering) -> Row:
    return (finite(value.low), finite(value.high), numbering.make_system(value.system), value.code, value.unit)


_NUMBERED: dict[type[Value], Callable[[Any, Numbering], Row]] = {
    Token: _coded,
    Identifier: _coded,
    Reference: _reference,
    Quantity: _quantity,
}

_PLAIN: dict[type[Value], Callable[[Any], Row]] = {
    Text: lambda value: (value.folded, ""),
    String: lambda value: (value.folded, value.original),
    DateRange: lambda value: (value.low, value.high),
    Number: lambda value: (finite(value.low), finite(value.high)),
    Uri: lambda value: (value.value, value.version),
}
