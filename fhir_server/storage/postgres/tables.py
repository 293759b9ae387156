"""Rows of versions and of entries, written by one statement for all of a transaction.

https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
"""

from collections.abc import Sequence
from typing import Any

from fhir_server.storage.base import VersionConflict
from fhir_server.storage.postgres.connection import Connection
from fhir_server.storage.postgres.errors import LostRace
from fhir_server.storage.postgres.names import Names
from fhir_server.storage.postgres.text import json_written, written
from fhir_server.storage.sql.batch import Batch, ByTable, Waiting
from fhir_server.storage.sql.layout import Kind, Table, kind_of
from fhir_server.storage.sql.rows import Current, Packed, Past, table_of_entry, unpack

_TYPE: dict[Kind, str] = {"text": "text[]", "whole": "bigint[]", "real": "double precision[]"}
_CURRENT = (
    ("rid", "bigint[]"), ("type", "bigint[]"), ("id", "text[]"), ("version", "bigint[]"), ("changed", "bigint[]"),
    ("updated", "bigint[]"), ("method", "bigint[]"), ("entries", "text[]::jsonb[]"), ("body", "bytea[]"), ("outline", "bigint[]"),
)  # fmt: skip
_PAST = tuple(zip(Past._fields, ("bigint[]",) * 7 + ("bytea[]",) * 2, strict=True))
_VERSION = tuple((column, "bigint[]") for column in ("sequence", "type", "rid", "version", "updated"))
_SAFE = {"text[]": written, "text[]::jsonb[]": json_written}


class Statement:
    """One statement made of several parts that write, each with arrays for arguments."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.counts: list[str] = []
        self.args: list[list[Any]] = []

    def given(self, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> str:
        """The rows as a table `u`, to stand behind FROM or USING."""
        for (_, type_), values in zip(columns, zip(*rows, strict=True), strict=True):
            safe = _SAFE.get(type_)
            self.args.append([None if each is None else safe(each) for each in values] if safe else list(values))
        arrays = ", ".join(f"?::{type_}" for _, type_ in columns)
        return f"unnest({arrays}) AS u({', '.join(column for column, _ in columns)})"

    def add(self, part: str, *, counted: bool = False) -> None:
        self.parts.append(part)
        if counted:
            self.counts.append(f"p{len(self.parts)}")

    def run(self, db: Connection) -> list[int]:
        """How many rows the counted parts have written."""
        if not self.parts:
            return []
        parts = ", ".join(f"p{number} AS ({part})" for number, part in enumerate(self.parts, 1))
        counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in self.counts) or "1"
        return list(db.execute(f"WITH {parts} SELECT {counts}", self.args).fetchall()[0])


class Tables:
    """See sql.batch.Tables."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self.connection = connection
        self.names = names

    def unpack(self, entries: str) -> Packed:
        """Numbers that are no whole ones come out of jsonb in other words."""
        packed = unpack(entries)
        for entry, rows in packed.items():
            packed[entry] = self._exact(entry, rows)
        return packed

    def _exact(self, entry: int, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        table = table_of_entry(self.names, entry)
        real = {index for index, column in enumerate(table.columns) if kind_of(table, column) == "real"}
        if real:
            return [tuple(float(each) if index in real else each for index, each in enumerate(row)) for row in rows]
        if any(isinstance(row[-1], dict) for row in rows):
            return [
                (*row[:-1], {inner: self._exact(int(inner), [tuple(each) for each in more]) for inner, more in row[-1].items()})
                if isinstance(row[-1], dict)
                else row
                for row in rows
            ]  # fmt: skip
        return rows

    def append(self, batch: Batch, removed: ByTable, added: ByTable) -> None:
        statement = Statement()
        new = [current for place, current in batch.current.items() if batch.stored[place] is None]
        changed = [
            (*current, stored.changed, stored.entries)
            for place, current in batch.current.items()
            if (stored := batch.stored[place])
        ]
        if new:
            statement.add(_new(statement, new), counted=True)
        if changed:
            statement.add(_changed(statement, changed), counted=True)
        statement.add(f"INSERT INTO version (sequence, type, rid, version, updated) SELECT * FROM {statement.given(_VERSION, batch.versions)}")  # fmt: skip
        if batch.past:
            statement.add(f"INSERT INTO past ({', '.join(Past._fields)}) SELECT * FROM {statement.given(_PAST, batch.past)}")  # fmt: skip
        _entries(statement, removed, added)
        words(statement, batch.prose)
        expected = [len(rows) for rows in (new, changed) if rows]
        if statement.run(self.connection) != expected:
            keys = [f"{self.names.text(type_)}/{id_}" for type_, id_ in batch.current]
            told = ", ".join(keys[:3])
            raise LostRace(VersionConflict(f"Another write came between reading and writing {told}."), keys)

    def rewrite(self, entries: Sequence[tuple[str, int, int]], removed: ByTable, added: ByTable) -> None:
        statement = Statement()
        if entries:
            given = statement.given(
                (("entries", "text[]::jsonb[]"), ("outline", "bigint[]"), ("rid", "bigint[]")), entries
            )
            statement.add(f"UPDATE resource r SET entries = u.entries, outline = u.outline FROM {given} WHERE r.rid = u.rid")  # fmt: skip
        _entries(statement, removed, added)
        statement.run(self.connection)


def _new(statement: Statement, rows: Sequence[Current]) -> str:
    columns = ", ".join(column for column, _ in _CURRENT)
    return (
        f"INSERT INTO resource ({columns}, created_in, changed_in)"
        f" SELECT {columns}, pg_current_xact_id(), pg_current_xact_id() FROM {statement.given(_CURRENT, rows)}"
        " ON CONFLICT DO NOTHING RETURNING 1"
    )


def _changed(statement: Statement, rows: Sequence[tuple[Any, ...]]) -> str:
    """Only where it is still what was current, found by what it was found by: a reindex may have come between."""
    given = statement.given((*_CURRENT, ("before", "bigint[]"), ("was", "text[]::jsonb[]")), rows)
    columns = ", ".join(f"{column} = u.{column}" for column, _ in _CURRENT if column not in ("rid", "type", "id"))
    return (
        f"UPDATE resource r SET {columns}, changed_in = pg_current_xact_id() FROM {given}"
        " WHERE r.rid = u.rid AND r.changed = u.before AND r.entries = u.was RETURNING 1"
    )


def _entries(statement: Statement, removed: ByTable, added: ByTable) -> None:
    for table, rows in removed:
        columns = _columns(table)
        first = table.columns[0]
        tests = [f"t.{column} = u.{column}" for column, _ in columns]
        if kind_of(table, first) == "text":
            tests.append(f"left(t.{first}, 200) = left(u.{first}, 200)")
        statement.add(f"DELETE FROM {table.name} t USING {statement.given(columns, rows)} WHERE {' AND '.join(tests)}")
    for table, rows in added:
        columns = _columns(table)
        names = ", ".join(column for column, _ in columns)
        statement.add(f"INSERT INTO {table.name} ({names}) SELECT * FROM {statement.given(columns, rows)}")


def _columns(table: Table) -> list[tuple[str, str]]:
    inner = [(column, _TYPE[kind_of(table, column)]) for column in table.columns]
    return [("entry", "bigint[]"), *inner, ("rid", "bigint[]")]


def words(statement: Statement, waiting: Waiting) -> None:
    """The words that wait are in the full-text index, and wait no more."""
    texts = {2 * rid + parity: _said(text) for rid, found in waiting.words.items() for parity, text in found}
    gone = [(number,) for rid in waiting.rewritten for number in (2 * rid, 2 * rid + 1) if number not in texts]
    if gone:
        statement.add(f"DELETE FROM prose p USING {statement.given((('rowid', 'bigint[]'),), gone)} WHERE p.rowid = u.rowid")  # fmt: skip
    if texts:
        given = statement.given((("rowid", "bigint[]"), ("mark", "text[]"), ("said", "text[]")), [(number, *text) for number, text in texts.items()])  # fmt: skip
        statement.add(
            f"INSERT INTO prose (rowid, words, said) SELECT rowid, words_of(mark || ' ' || said), said FROM {given}"
            " ON CONFLICT (rowid) DO UPDATE SET words = excluded.words, said = excluded.said"
        )
    waiting.clear()


def _said(text: str) -> tuple[str, str]:
    """(the mark of its entry number, its words)."""
    mark, _, said = text.partition(" ")
    return mark, said
