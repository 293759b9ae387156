"""The relational layout of index entries: one narrow table per kind of search parameter.

http://hl7.org/fhir/R4/search.html#ptypes

Each row is (entry, columns…, rid): `entry` numbers the pair of resource type, parameter and kind of value, `rid` the resource.
Resource types, token systems, units and profiles are numbered as well; all other text stands as it is, so that an equality is
exact without a second look. A resource row keeps the same rows as binary JSON ({entry: [[columns…], …]}): the source of
differences, and what a search looks at once it has the resource in hand. There a row of a group other than 0 ends with the group,
and that of a contained resource with the packed rows of the resource.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from fhir_server.search.query import (
    Contained,
    DateRange,
    Identifier,
    Number,
    Point,
    Prose,
    Quantity,
    Reference,
    String,
    Text,
    Token,
    Uri,
    Value,
)
from fhir_server.storage.sql.units import Units

Row = tuple[Any, ...]
Kind = Literal["text", "whole", "real"]
"""What a column or an element of a packed row is."""
ELSEWHERE = 0  # the type number of a reference that is a URL
LARGEST = sys.float_info.max  # JSON has no infinity


class Names(Protocol):
    """Numbers that stand for text; None where the database has not met the text yet.

    `misses` counts in vain look-ups. `lasting`: a number that was found once stays what it is.
    """

    misses: int
    lasting: bool

    def newest(self) -> int:
        """The highest number given so far."""
        ...

    def text(self, number: int) -> str:
        """The text behind a number that stands in some row."""
        ...

    def types(self) -> list[str]:
        """All types of which there ever was a resource."""
        ...

    def of_type(self, type_: str) -> int | None: ...

    def of_system(self, uri: str) -> int | None: ...

    def of_systems(self, uris: str) -> list[int]:
        """Of those of these systems, one a line, that the database has met."""
        ...

    def of_entry(self, type_: str, param: str, kind: type[Value]) -> int | None: ...

    def units(self) -> Units:
        """All units met so far."""
        ...

    def canonicals(self, low: str, high: str | None) -> list[tuple[int, str]]:
        """The canonicals, with their numbers, that `low` ≤ text < `high` holds for; see canonical_text."""
        ...

    def outlines(self, type_: str) -> "Sequence[Outline]":
        """All that resources of this type ever had in common."""
        ...


class Outline(NamedTuple):
    """What some resources of a type have in common: the numbers of their `entries`, and of those that they have `several` times."""

    number: int
    entries: frozenset[int]
    several: frozenset[int]


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
QUANTITY = Table("quantity", ("low", "high", "unit"), 2)
PROFILE = Table("profile", ("canonical",), 1)
POINT = Table("point", ("latitude", "longitude"), 2)
PROSE = Table("prose", ("narrative",), 0)  # no rows but words (sql.prose): the row of the packed entries tells of them

_WHOLE = frozenset({"system", "type", "unit", "canonical", "narrative"})
_REAL = frozenset({"latitude", "longitude"})


def kind_of(table: Table, column: str) -> Kind:
    """What the values of a column are."""
    if column in _WHOLE:
        return "whole"
    if column in _REAL:
        return "real"
    if column in {"low", "high"}:
        return "whole" if table is DATE else "real"
    return "text"


TABLES = (TOKEN, REFERENCE, STRING, URI, DATE, NUMBER, QUANTITY, PROFILE, POINT)

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
    Contained: TOKEN,
    Point: POINT,
    Prose: PROSE,
}

NARRATIVE = "_text"
SHARED = "_profile"  # the parameter whose URIs many resources share


def table_of(kind: type[Value], param: str) -> Table:
    """The table for entries of this kind that belong to this parameter."""
    return PROFILE if kind is Uri and param == SHARED else TABLE_OF[kind]


def canonical_text(value: str, version: str) -> str:
    """A URI and its version in one text, which begins with the URI."""
    return f"{value}\n{version}"


# what a sort compares: the column for ascending and for descending order
SORTED_BY: dict[type[Value], tuple[str, str]] = {
    Token: ("code", "code"),
    Identifier: ("code", "code"),
    Text: ("folded", "folded"),
    String: ("folded", "folded"),
    Reference: ("id", "id"),
    DateRange: ("low", "low"),
    Number: ("low", "low"),
    Quantity: ("low", "low"),
    Uri: ("value", "value"),
}


NO_COLUMN = ("", "")  # for what is sorted by a distance


def finite(number: float) -> float:
    """The number, an open end as the largest float there is."""
    return min(max(float(number), -LARGEST), LARGEST)


class Numbering(Names, Protocol):
    """Gives numbers to text, new ones where it is new."""

    def entries_of(self, type_: str) -> dict[tuple[str, type[Value]], int]:
        """The numbers of a type's entries, by (parameter, kind), as far as they are known; to be asked at once, not kept."""
        ...

    def make_entry(self, type_: str, param: str, kind: type[Value]) -> int: ...

    def make_outline(self, type_: str, entries: str) -> int: ...

    def make_type(self, type_: str) -> int: ...

    def make_system(self, uri: str) -> int: ...

    def make_unit(self, system: str, code: str, unit: str) -> int: ...

    def make_canonical(self, text: str) -> int: ...


def _reference(value: Any, _: str, numbering: Numbering) -> Row:
    if value.type:
        return (value.id, numbering.make_type(value.type), value.version)
    return (value.url, ELSEWHERE, value.version)


def _coded(value: Any, _: str, numbering: Numbering) -> Row:
    return (value.code, numbering.make_system(value.system))


def _quantity(value: Any, _: str, numbering: Numbering) -> Row:
    unit = numbering.make_unit(value.system, value.code, value.unit)
    return (finite(value.low), finite(value.high), unit)


def _uri(value: Any, param: str, numbering: Numbering) -> Row:
    if param == SHARED:
        return (numbering.make_canonical(canonical_text(value.value, value.version)),)
    return (value.value, value.version)


ROWS: dict[type[Value], Callable[[Any, str, Numbering], Row]] = {
    Token: _coded,
    Identifier: _coded,
    Reference: _reference,
    Quantity: _quantity,
    Uri: _uri,
    Prose: lambda _, param, __: (int(param == NARRATIVE),),
    Text: lambda value, _, __: (value.folded, ""),
    String: lambda value, _, __: (value.folded, value.original),
    DateRange: lambda value, _, __: (value.low, value.high),
    Number: lambda value, _, __: (finite(value.low), finite(value.high)),
    Point: lambda value, _, __: (float(value.latitude), float(value.longitude)),
}
"""Kind of value → (value, parameter, numbering) → the columns of its row, in the order of its table; Contained has none."""
