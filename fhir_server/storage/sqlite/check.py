"""Looking for damage: the file's own structure, entries without a resource, resources without their entries, lost versions."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fhir_server.storage.base import Problem
from fhir_server.storage.sql.layout import PROSE, TABLES
from fhir_server.storage.sql.prose import document
from fhir_server.storage.sqlite.prose import damage
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.rows import in_tables, table_of_entry, unpack


def check(reads: Reads) -> list[Problem]:
    """See Store.check."""
    with reads.snapshot():
        return [*_integrity(reads), *_versions(reads), *_entries(reads), *_words(reads), *_concepts(reads)]


def _integrity(reads: Reads) -> Iterator[Problem]:
    for (text,) in reads.db.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Problem("database", str(text))


def _name(reads: Reads, rid: Any) -> str:
    row = reads.db.execute("SELECT type, id FROM resource WHERE rid = ?", (rid,)).fetchone()
    return f"resource {rid}" if row is None else f"{reads.names.text(row[0])}/{row[1]}"


def _versions(reads: Reads) -> Iterator[Problem]:
    older = reads.db.execute(
        "SELECT r.rid FROM resource r WHERE r.version <= (SELECT max(p.version) FROM past p WHERE p.rid = r.rid)"
    ).fetchall()
    for (rid,) in older:
        yield Problem(_name(reads, rid), "the current version is not the newest")
    unlisted = reads.db.execute(
        "SELECT rid FROM (SELECT rid, version, changed AS sequence FROM resource"
        " UNION ALL SELECT rid, version, sequence FROM past) AS k"
        " WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.sequence = k.sequence AND v.rid = k.rid AND v.version = k.version)"
    ).fetchall()
    for (rid,) in unlisted:
        yield Problem(_name(reads, rid), "a version is missing from the history of its type")
    listed = reads.db.execute("SELECT count(*) FROM version WHERE type <> 0").get
    kept = reads.db.execute("SELECT (SELECT count(*) FROM resource) + (SELECT count(*) FROM past)").get
    if listed > kept + len(unlisted):
        yield Problem("version", f"{listed - kept} versions in the history are not there any more")


def _entries(reads: Reads) -> Iterator[Problem]:
    """The packed entries of every resource, and nothing else, stand in the tables."""
    expected: Counter[str] = Counter()
    for rid, packed in reads.db.execute("SELECT rid, json(entries) FROM resource WHERE body IS NOT NULL"):
        for entry, rows in in_tables(unpack(packed), reads.names).items():
            table = table_of_entry(reads.names, entry)
            if table is PROSE:
                continue
            expected[table.name] += len(rows)
            tests = " AND ".join(f"{column} = ?" for column in ("entry", "rid", *table.columns))
            for row in rows:
                found = reads.db.execute(f"SELECT 1 FROM {table.name} WHERE {tests}", (entry, rid, *row)).fetchone()
                if found is None:
                    yield Problem(_name(reads, rid), f"an entry of {reads.names.text(entry)} is missing: reindex it")
    for table in TABLES:
        there = reads.db.execute(f"SELECT count(*) FROM {table.name}").get
        if there > expected[table.name]:
            yield Problem(table.name, f"{there - expected[table.name]} entries belong to no current resource: reindex")


def _words(reads: Reads) -> Iterator[Problem]:
    """The full-text index has the words of every resource, and no others."""
    for rid, text in damage(reads.db, _documents(reads)):
        yield Problem(_name(reads, rid) if rid else "prose", text)


def _concepts(reads: Reads) -> Iterator[Problem]:
    """Each code system has its concepts, all with their words and with a code that they are found by, and there are no others."""
    rows: list[Any] = reads.db.execute(
        "SELECT number, url, low, high FROM code_system UNION ALL SELECT number, 'a draft', low, low + done - 1"
        " FROM concept_draft WHERE number NOT IN (SELECT number FROM code_system)"
    ).fetchall()
    expected = 0
    for number, url, low, high in rows:
        expected += high - low + 1
        for table, column in (("concept", "number"), ("concept_word_docsize", "id")):
            statement = f"SELECT count(*) FROM {table} WHERE {column} BETWEEN ? AND ?"
            there = reads.db.execute(statement, (low, high)).get
            if there != high - low + 1:
                yield Problem(url, f"{there} of {high - low + 1} concepts are in {table}: write its CodeSystem again")
        if reads.db.execute("SELECT count(*) FROM concept_property WHERE system = ? AND NOT concept BETWEEN ? AND ?", (number, low, high)).get:  # fmt: skip
            yield Problem(url, "properties belong to other concepts: write its CodeSystem again")
    there = reads.db.execute("SELECT count(*) FROM concept").get
    if there > expected:
        yield Problem("concept", f"{there - expected} concepts belong to no code system")


def _documents(reads: Reads) -> Iterator[tuple[int, int, bytes]]:
    """The documents that should be there: (number, entry number, body)."""
    for rid, packed, body in reads.db.execute("SELECT rid, json(entries), body FROM resource WHERE body IS NOT NULL"):
        for entry in unpack(packed):
            if table_of_entry(reads.names, entry) is PROSE:
                param = reads.names.text(entry).rpartition(" ")[0].partition(".")[2]
                yield document(rid, param), entry, body
