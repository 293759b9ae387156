"""SQLite's own SQL.

https://www.sqlite.org/json1.html, https://www.sqlite.org/fts5.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from fhir_server.storage.sql.dialect import Position, Row
from fhir_server.storage.sql.layout import Kind
from fhir_server.storage.sql.prose import MARK
from fhir_server.storage.sql.text import Sql


class SQLite:
    """See sql.dialect.Dialect."""

    join = " CROSS JOIN "  # never reordered
    unlimited = " LIMIT -1"
    ordered = True
    skips = True
    words = "?"

    def by(self, index: str) -> str:
        return f" INDEXED BY {index}"

    def place(self, entry: int) -> str:
        return f'$."{entry}"'

    def rows(self, entries: str, alias: str) -> str:
        return f"json_each({entries}, ?) {alias}"

    def has(self, entries: str) -> str:
        return f"json_type({entries}, ?) IS NOT NULL"

    def item(self, array: str, index: int, _: Kind) -> str:
        return f"({array} ->> {index})"

    def given(self, alias: str) -> str:
        return f"json_each(?) {alias}"

    def values(self, _: Kind) -> str:
        return "SELECT value FROM json_each(?)"

    def equal(self, column: str, text: str) -> Sql:
        return Sql(f"{column} = ?", (text,))

    def begins(self, column: str, text: str, behind: str | None) -> Sql:
        if behind is None:
            return Sql(f"{column} >= ?", (text,))
        return Sql(f"({column} >= ? AND {column} < ?)", (text, behind))

    def same(self, column: str, other: str) -> str:
        return f"{column} = {other}"

    def key(self, column: str) -> str:
        return column

    def cut(self, text: str) -> str:
        return text

    def ends(self, column: str, text: str) -> Sql:
        return Sql(f"substr({column}, ?) = ?", (-len(text), text))

    def contains(self, column: str, text: str) -> Sql:
        return Sql(f"instr({column}, ?) > 0", (text,))

    def line(self, text: str) -> str:
        return f"substr({text}, 1, instr({text}, char(10)) - 1)"

    def least(self, one: str, other: str) -> str:
        return f"min({one}, {other})"

    def small(self, number: str) -> str:
        return number

    def wider(self, alias: str, width: int) -> str:
        return f"{alias}.high - {alias}.low > {width}"

    def found(self, entry: int, words: Sequence[str]) -> Sql:
        return Sql("prose MATCH ?", (asked(entry, words),))

    def says(self, resource: Row, narrative: int, phrase: str) -> Sql:
        return Sql(f"says({resource.column('body')}, ?, ?)", (narrative, phrase))

    def score(self, resource: Row, weights: str) -> Sql:
        return Sql(f"score({resource.column('body')}, ?)", (weights,))

    def said(self, words: Sequence[str]) -> Sql:
        return Sql("concept_word MATCH ?", (" AND ".join(f'"{word}" *' for word in words),))

    def matches(self, column: str, regex: str, _: Callable[[], Sequence[str]]) -> Sql:
        return Sql(f"fullmatch(?, {column})", (regex,))

    def created(self, resource: Row, position: Position) -> Sql:
        return Sql(f"{resource.rid} <= ?", (position,))

    def unchanged(self, resource: Row, position: Position) -> Sql:
        return Sql(f"{resource.column('changed')} <= ?", (position,))

    def touched(self, version: str, resource: Row, position: Position) -> Sql:
        return Sql(f"{version}.sequence > ? AND {resource.rid} <= ?", (position, position))

    def listed(self, version: str, position: Position, *, own: bool) -> Sql:  # noqa: ARG002 - all the same here
        return Sql(f"{version}.sequence <= ?", (position,))

    def entries(self, column: str) -> str:
        return f"json({column})"

    def image(self, rid: int, id_: str, updated: int, entries: str, body: Any) -> Sql:
        return Sql(
            "SELECT ? AS rid, ? AS id, ? AS updated, ? AS entries, ? AS body", (rid, id_, updated, entries, body)
        )


SQLITE = SQLite()


def asked(entry: int, words: Sequence[str]) -> str:
    """The full-text query for documents of the entry number that have all the words."""
    quoted = [f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words]
    return " AND ".join([f'"{MARK}{entry}"', *quoted])
