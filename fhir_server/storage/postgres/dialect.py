"""PostgreSQL's own SQL.

https://www.postgresql.org/docs/current/functions-json.html, https://www.postgresql.org/docs/current/functions-textsearch.html
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from fhir_server.storage.sql.dialect import Position, Row
from fhir_server.storage.sql.layout import Kind
from fhir_server.storage.sql.prose import MARK
from fhir_server.storage.sql.text import FALSE, Sql, all_of, any_of
from fhir_server.storage.sql.words import spoken
from fhir_server.terminology.regex import fullmatch

KEY: Final = 200
"""Characters of a text that stand in an index."""
WORD: Final = 500
"""Characters of a word that stand in an index."""
LARGE: Final = f"{MARK}large"
"""Stands in the index for all words of a text that has too many (words_of in migrations/0001_layout.sql)."""

_CAST: dict[Kind, tuple[str, str]] = {
    "text": ("(", ') COLLATE "C")'),
    "whole": ("(", ")::bigint)"),
    "real": ("(", ")::double precision)"),
}


class Postgres:
    """See sql.dialect.Dialect. `settled`: all versions up to this sequence number were committed before the cluster began."""

    join = " JOIN "
    unlimited = " OFFSET 0"
    ordered = False
    skips = False
    words = "words_of(?)"

    def __init__(self, identifier: str = "", settled: int = 0) -> None:
        self.identifier, self.settled = identifier, settled

    def by(self, _: str) -> str:
        return ""

    def place(self, entry: int) -> str:
        return str(entry)

    def rows(self, entries: str, alias: str) -> str:
        return f"jsonb_array_elements({entries} -> ?::text) {alias}(value)"

    def has(self, entries: str) -> str:
        return f"jsonb_exists({entries}, ?)"

    def item(self, array: str, index: int, kind: Kind) -> str:
        before, after = _CAST[kind]
        return f"({before}{array} ->> {index}{after}"

    def given(self, alias: str) -> str:
        return f"jsonb_array_elements(?::jsonb) {alias}(value)"

    def values(self, kind: Kind) -> str:
        before, after = _CAST[kind]
        return f"SELECT {before}(value #>> '{{}}'{after} AS value FROM jsonb_array_elements(?::jsonb) given(value)"

    def equal(self, column: str, text: str) -> Sql:
        begins = Sql(f"left({column}, {KEY}) = ?", (text[:KEY],))
        return begins if len(text) < KEY else all_of([begins, Sql(f"{column} = ?", (text,))])

    def begins(self, column: str, text: str, behind: str | None) -> Sql:
        if len(text) >= KEY:
            end = [Sql(f"{column} < ?", (behind,))] if behind is not None else []
            return all_of([Sql(f"left({column}, {KEY}) = ?", (text[:KEY],)), Sql(f"{column} >= ?", (text,)), *end])
        if behind is None:
            return Sql(f"left({column}, {KEY}) >= ?", (text,))
        return Sql(f"(left({column}, {KEY}) >= ? AND left({column}, {KEY}) < ?)", (text, behind))

    def same(self, column: str, other: str) -> str:
        return f"(left({column}, {KEY}) = left({other}, {KEY}) AND {column} = {other})"

    def key(self, column: str) -> str:
        return f"left({column}, {KEY})"

    def cut(self, text: str) -> str:
        return text[:KEY]

    def ends(self, column: str, text: str) -> Sql:
        return Sql(f"right({column}, ?) = ?", (len(text), text))

    def contains(self, column: str, text: str) -> Sql:
        return Sql(f"strpos({column}, ?) > 0", (text,))

    def line(self, text: str) -> str:
        return f"split_part({text}, E'\\n', 1)"

    def least(self, one: str, other: str) -> str:
        return f"least({one}, {other})"

    def small(self, number: str) -> str:
        return f"small({number})"

    def wider(self, alias: str, width: int) -> str:
        return f"{alias}.high > {alias}.low + {width}" if width else f"{alias}.high > {alias}.low"

    def found(self, entry: int, words: Sequence[str]) -> Sql:
        told = {word: Sql("strpos(' ' || prose.said || ' ', ?) > 0", (_told(word),)) for word in words}
        known = _indexed([f"{MARK}{entry}", *words])
        large = _indexed([f"{MARK}{entry}", LARGE])
        return any_of(
            [
                all_of([known, *(said for word, said in told.items() if len(word) > WORD)]),
                all_of([large, *told.values()]),
            ]
        )

    def says(self, resource: Row, narrative: int, phrase: str) -> Sql:
        if resource.image:
            return Sql(
                f"strpos({resource.row}.body_{'narrative' if narrative else 'content'}, ?) > 0", (_told(phrase),)
            )
        return Sql(
            f"EXISTS (SELECT 1 FROM prose WHERE prose.rowid = {resource.rid} * 2 + ?"
            " AND strpos(' ' || prose.said || ' ', ?) > 0)",
            (narrative, _told(phrase)),
        )

    def score(self, resource: Row, weights: str) -> Sql:
        return Sql(f"score({resource.rid}, ?::jsonb)", (weights,))

    def said(self, words: Sequence[str]) -> Sql:
        return Sql("words @@ ?::tsquery", (_query([f"{word}*" for word in words]),))

    def matches(self, column: str, regex: str, known: Callable[[], Sequence[str]]) -> Sql:
        found = [text for text in known() if fullmatch(regex, text)]
        if not found:
            return FALSE
        return Sql(f"coalesce({column} IN ({self.values('text')}), FALSE)", (json.dumps(found),))

    def created(self, resource: Row, position: Position) -> Sql:
        return self._seen(resource.rid, resource.column("created_in"), position)

    def unchanged(self, resource: Row, position: Position) -> Sql:
        return self._seen(resource.column("changed"), resource.column("changed_in"), position)

    def touched(self, version: str, resource: Row, position: Position) -> Sql:
        later = self._seen(f"{version}.sequence", f"{version}.written_in", position)
        return all_of([Sql(f"NOT {later.text}", later.args), self.created(resource, position)])

    def listed(self, version: str, position: Position, *, own: bool) -> Sql:
        written = f"{version}.written_in"
        if not own:
            written = f"(SELECT w.written_in FROM version w WHERE w.sequence = {version}.sequence)"
        return self._seen(f"{version}.sequence", written, position)

    def entries(self, column: str) -> str:
        return column

    def image(self, rid: int, id_: str, updated: int, entries: str, body: Any) -> Sql:
        content, narrative = (f" {spoken(body, kind)} " if body is not None else "" for kind in (0, 1))
        return Sql(
            'SELECT ?::bigint AS rid, ?::text COLLATE "C" AS id, ?::bigint AS updated, ?::jsonb AS entries,'
            " ?::text AS body_content, ?::text AS body_narrative",
            (rid, id_, updated, entries, content, narrative),
        )

    def _seen(self, sequence: str, transaction: str, position: Position) -> Sql:
        identifier, _, snapshot = str(position).partition("/")
        if identifier != self.identifier:
            return Sql(f"({sequence} <= ?)", (self.settled,))
        return Sql(
            f"({sequence} <= ? OR pg_visible_in_snapshot({transaction}, ?::text::pg_snapshot))",
            (self.settled, snapshot),
        )


def _indexed(words: Sequence[str]) -> Sql:
    return Sql("prose.words @@ ?::tsquery", (_query(words),))


def _query(words: Sequence[str]) -> str:
    """The words, all of which are there; begun ones end in *."""
    return " & ".join(f"'{word[:-1][:WORD]}':*" if word.endswith("*") else f"'{word[:WORD]}'" for word in words)


def _told(phrase: str) -> str:
    return f" {phrase[:-1]}" if phrase.endswith("*") else f" {phrase} "
