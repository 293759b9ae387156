"""What databases say differently: the pieces of SQL that a store brings to the compiler.

Where one spelling serves all (TRUE, coalesce, NULLS LAST, UNION, WITH RECURSIVE), the compiler uses that.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fhir_server.storage.sql.layout import Kind
from fhir_server.storage.sql.text import Sql

Position = int | str
"""A state of the database that pages hold on to, as its own store writes it."""


class Row(Protocol):
    """A resource in a statement (see resource.Resource)."""

    rid: str
    row: str
    image: bool

    def column(self, name: str) -> str: ...


class Dialect(Protocol):
    """`join` is followed by a table and ON: what stands before is visited first, as far as the database can be told. `unlimited` is the
    LIMIT that is none, and keeps the order of a set. `ordered`: numbers are given in the order of commits, so that none that comes
    later is below one that was seen. `skips`: the text behind
    another one is found by a seek. `words`: an argument, a text of words, as the full-text index takes it.
    """

    join: str
    unlimited: str
    ordered: bool
    skips: bool
    words: str

    def by(self, index: str) -> str:
        """The index to use, after a table and its alias."""
        ...

    # ---- packed entries, and JSON arrays that travel as one argument

    def place(self, entry: int) -> str:
        """The argument for the rows of an entry number."""
        ...

    def rows(self, entries: str, alias: str) -> str:
        """The rows at one place of packed entries, as `alias`.value: one argument."""
        ...

    def has(self, entries: str) -> str:
        """The condition that there are rows at one place: one argument."""
        ...

    def item(self, array: str, index: int, kind: Kind) -> str:
        """An element of a JSON array, as a value of that kind."""
        ...

    def given(self, alias: str) -> str:
        """The elements of a JSON array that is an argument, as `alias`.value."""
        ...

    def values(self, kind: Kind) -> str:
        """The statement of the elements of a JSON array that is an argument."""
        ...

    # ---- texts and numbers

    def equal(self, column: str, text: str) -> Sql:
        """The condition on a column that an index begins with: by that index, where the store has room there for a part of it alone."""
        ...

    def begins(self, column: str, text: str, behind: str | None) -> Sql:
        """As `equal`, that it begins with a text; `behind` is the first one behind all that do."""
        ...

    def same(self, column: str, other: str) -> str:
        """As `equal`, for another column."""
        ...

    def key(self, column: str) -> str:
        """What of the column stands in its index."""
        ...

    def cut(self, text: str) -> str:
        """What of a text stands in an index."""
        ...

    def ends(self, column: str, text: str) -> Sql: ...

    def contains(self, column: str, text: str) -> Sql: ...

    def line(self, text: str) -> str:
        """All of a text but its last line, where it has two."""
        ...

    def least(self, one: str, other: str) -> str: ...

    def small(self, number: str) -> str:
        """The number, 0 where it is too small to be reckoned with."""
        ...

    def wider(self, alias: str, width: int) -> str:
        """The condition of the indexes by the ends of intervals (arms.WIDE)."""
        ...

    # ---- words

    def found(self, entry: int, words: Sequence[str]) -> Sql:
        """The condition on a row of `prose`: a document of the entry number that has all the words; begun ones end in *."""
        ...

    def says(self, resource: Row, narrative: int, phrase: str) -> Sql:
        """The condition that the words of a phrase follow one another in the narrative, or in all texts, of the resource."""
        ...

    def score(self, resource: Row, weights: str) -> Sql:
        """How well the words of the resource match, see sql.ranking."""
        ...

    def said(self, words: Sequence[str]) -> Sql:
        """The condition on a row of `concept_word` that there are words which begin with these."""
        ...

    def matches(self, column: str, regex: str, known: Callable[[], Sequence[str]]) -> Sql:
        """The condition that the regular expression (terminology.regex) matches all of a text; `known` are the texts that there are."""
        ...

    # ---- states

    def created(self, resource: Row, position: Position) -> Sql:
        """The condition that the resource was there at the position."""
        ...

    def unchanged(self, resource: Row, position: Position) -> Sql:
        """The condition that its current version was there at the position."""
        ...

    def touched(self, version: str, resource: Row, position: Position) -> Sql:
        """The condition on the row of the current version that it came after the position, and that the resource was there."""
        ...

    def listed(self, version: str, position: Position, *, own: bool) -> Sql:
        """The condition on a version that it was there at the position; `own`: on its row of the table `version`."""
        ...

    # ---- versions by themselves

    def entries(self, column: str) -> str:
        """The packed entries as text."""
        ...

    def image(self, rid: int, id_: str, updated: int, entries: str, body: Any) -> Sql:
        """The statement of one row that stands for a version: rid, id, updated, entries and what `says` needs. `body` is given
        where words are looked for.
        """
        ...
