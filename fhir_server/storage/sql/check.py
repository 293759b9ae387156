"""Looking for damage: entries without a resource, resources without their entries, lost versions."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from fhir_server.storage.base import Problem
from fhir_server.storage.sql.layout import PROSE, TABLES
from fhir_server.storage.sql.prose import document
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.rows import Packed, in_tables, table_of_entry

FETCHED = 500  # resources at a time


def name(reads: Reads, rid: Any) -> str:
    row = reads.db.execute("SELECT type, id FROM resource WHERE rid = ?", (rid,)).fetchone()
    return f"resource {rid}" if row is None else f"{reads.names.text(row[0])}/{row[1]}"


def versions(reads: Reads) -> Iterator[Problem]:
    older = reads.db.execute(
        "SELECT r.rid FROM resource r WHERE r.version <= (SELECT max(p.version) FROM past p WHERE p.rid = r.rid)"
    ).fetchall()
    for (rid,) in older:
        yield Problem(name(reads, rid), "the current version is not the newest")
    unlisted = reads.db.execute(
        "SELECT rid FROM (SELECT rid, version, changed AS sequence FROM resource"
        " UNION ALL SELECT rid, version, sequence FROM past) AS k"
        " WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.sequence = k.sequence AND v.rid = k.rid AND v.version = k.version)"
    ).fetchall()
    for (rid,) in unlisted:
        yield Problem(name(reads, rid), "a version is missing from the history of its type")
    listed = reads.db.execute("SELECT count(*) FROM version WHERE type <> 0").get
    kept = reads.db.execute("SELECT (SELECT count(*) FROM resource) + (SELECT count(*) FROM past)").get
    if listed > kept + len(unlisted):
        yield Problem("version", f"{listed - kept} versions in the history are not there any more")


def _resources(reads: Reads, more: str) -> Iterator[Any]:
    """(rid, packed entries, `more`) of all current resources, a few at a time."""
    statement = (
        f"SELECT rid, {reads.dialect.entries('entries')}{more} FROM resource"
        " WHERE body IS NOT NULL AND rid > ? ORDER BY rid LIMIT ?"
    )
    last, rows = -1, [()]
    while rows:
        rows = reads.db.execute(statement, (last, FETCHED)).fetchall()
        yield from rows
        last = rows[-1][0] if rows else last


def entries(reads: Reads, unpack: Callable[[str], Packed]) -> Iterator[Problem]:
    """The packed entries of every resource, and nothing else, stand in the tables."""
    expected: Counter[str] = Counter()
    for rid, packed in _resources(reads, ""):
        for entry, rows in in_tables(unpack(packed), reads.names).items():
            table = table_of_entry(reads.names, entry)
            if table is PROSE:
                continue
            expected[table.name] += len(rows)
            tests = " AND ".join(f"{column} = ?" for column in ("entry", "rid", *table.columns))
            for row in rows:
                found = reads.db.execute(f"SELECT 1 FROM {table.name} WHERE {tests}", (entry, rid, *row)).fetchone()
                if found is None:
                    yield Problem(name(reads, rid), f"an entry of {reads.names.text(entry)} is missing: reindex it")
    for table in TABLES:
        there = reads.db.execute(f"SELECT count(*) FROM {table.name}").get
        if there > expected[table.name]:
            yield Problem(table.name, f"{there - expected[table.name]} entries belong to no current resource: reindex")


def concepts(reads: Reads, words: tuple[str, str]) -> Iterator[Problem]:
    """Each code system has its concepts, all with their words and with a code that they are found by, and there are no others.

    `words`: the table and column that number the words of concepts.
    """
    rows: list[Any] = reads.db.execute(
        "SELECT number, url, low, high FROM code_system UNION ALL SELECT number, 'a draft', low, low + done - 1"
        " FROM concept_draft WHERE number NOT IN (SELECT number FROM code_system)"
    ).fetchall()
    expected = 0
    for number, url, low, high in rows:
        expected += high - low + 1
        for table, column in (("concept", "number"), words):
            statement = f"SELECT count(*) FROM {table} WHERE {column} BETWEEN ? AND ?"
            there = reads.db.execute(statement, (low, high)).get
            if there != high - low + 1:
                yield Problem(url, f"{there} of {high - low + 1} concepts are in {table}: write its CodeSystem again")
        if reads.db.execute("SELECT count(*) FROM concept_property WHERE system = ? AND NOT concept BETWEEN ? AND ?", (number, low, high)).get:  # fmt: skip
            yield Problem(url, "properties belong to other concepts: write its CodeSystem again")
    there = reads.db.execute("SELECT count(*) FROM concept").get
    if there > expected:
        yield Problem("concept", f"{there - expected} concepts belong to no code system")


def documents(reads: Reads, unpack: Callable[[str], Packed]) -> Iterator[tuple[int, int, bytes]]:
    """The documents that should be there: (number, entry number, body)."""
    for rid, packed, body in _resources(reads, ", body"):
        for entry in unpack(packed):
            if table_of_entry(reads.names, entry) is PROSE:
                param = reads.names.text(entry).rpartition(" ")[0].partition(".")[2]
                yield document(rid, param), entry, body
