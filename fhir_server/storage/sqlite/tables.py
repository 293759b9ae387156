"""Rows of versions and of entries, written to the file.

https://www.sqlite.org/lang_upsert.html
"""

from collections.abc import Sequence

import apsw

from fhir_server.storage.sql.batch import Batch, ByTable, Waiting
from fhir_server.storage.sql.layout import Names
from fhir_server.storage.sql.rows import Current, Packed, Past, unpack
from fhir_server.storage.sqlite.insert import insert

_CHANGED = " ON CONFLICT (rid) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}"
    for column in ("version", "changed", "updated", "method", "entries", "body", "outline")
)
_INTO_RESOURCE = (
    f"INSERT INTO resource ({', '.join(Current._fields)}) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, jsonb(?), ?, ?)",
    _CHANGED,
)
_INTO_VERSION = ("INSERT INTO version (sequence, type, rid, version, updated) VALUES ", "(?, ?, ?, ?, ?)", "")
_INTO_PAST = (
    f"INSERT INTO past ({', '.join(Past._fields)}) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
)


class Tables:
    """See sql.batch.Tables."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self.connection = connection
        self.names = names

    def unpack(self, entries: str) -> Packed:
        return unpack(entries)

    def append(self, batch: Batch, removed: ByTable, added: ByTable) -> None:
        insert(self.connection, _INTO_RESOURCE, list(batch.current.values()))
        insert(self.connection, _INTO_VERSION, batch.versions)
        if batch.past:
            insert(self.connection, _INTO_PAST, batch.past)
        self._change(removed, added)

    def rewrite(self, entries: Sequence[tuple[str, int, int]], removed: ByTable, added: ByTable) -> None:
        self.connection.executemany("UPDATE resource SET entries = jsonb(?), outline = ? WHERE rid = ?", entries)
        self._change(removed, added)

    def _change(self, removed: ByTable, added: ByTable) -> None:
        """Makes the changes, table by table in the order of their keys."""
        for table, rows in removed:
            rows.sort()
            tests = " AND ".join(f"{column} = ?" for column in ("entry", *table.columns, "rid"))
            self.connection.executemany(f"DELETE FROM {table.name} WHERE {tests}", rows)
        for table, rows in added:
            rows.sort()
            columns = ("entry", *table.columns, "rid")
            values = "(" + ", ".join("?" * len(columns)) + ")"
            insert(self.connection, (f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ", values, ""), rows)


def write_words(db: apsw.Connection, waiting: Waiting) -> None:
    """Writes all words that wait, in ascending order: wherever that falls, the index begins another segment."""
    if waiting.rewritten:
        old = [(2 * rid + parity,) for rid in sorted(waiting.rewritten) for parity in (0, 1)]
        db.executemany("DELETE FROM prose WHERE rowid = ?", old)
    new = [(2 * rid + parity, text) for rid in sorted(waiting.words) for parity, text in sorted(waiting.words[rid])]
    if new:
        insert(db, ("INSERT INTO prose (rowid, words) VALUES ", "(?, ?)", ""), new)
