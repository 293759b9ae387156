"""The documents of the full-text index: written with the commit, checked against the resources.

https://www.sqlite.org/fts5.html#contentless_delete_tables
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apsw
import orjson

from fhir_server.search.prose import content_words, narrative_words
from fhir_server.search.query import IndexEntry, Prose
from fhir_server.storage.sql.layout import PROSE
from fhir_server.storage.sql.prose import asked, document, marked
from fhir_server.storage.sqlite.insert import insert
from fhir_server.storage.sqlite.names import Names, WritableNames
from fhir_server.storage.sqlite.rows import Packed, table_of_entry

Words = list[tuple[int, str]]  # (parity of the document's number, its text)


def words_of(type_: str, entries: Iterable[IndexEntry], names: WritableNames) -> Words:
    """What the full-text index holds of a version."""
    return [
        (document(0, entry.param), marked(names.make_entry(type_, entry.param, Prose), entry.value.words))
        for entry in entries
        if type(entry.value) is Prose
    ]


def with_words(packed: Packed, names: Names) -> set[int]:
    """The numbers of the entries whose words the full-text index holds: of one and the same body they are the same."""
    return {entry for entry in packed if table_of_entry(names, entry) is PROSE}


class Waiting:
    """Words that wait for the commit, or for a search that looks for words: most works never do."""

    def __init__(self) -> None:
        self.words: dict[int, Words] = {}
        self.rewritten: set[int] = set()

    def put(self, rid: int, words: Words, *, new: bool) -> None:
        """The resource has these words now, whatever it had before. `new`: it had none."""
        self.words[rid] = words
        if not new:
            self.rewritten.add(rid)

    def take(self, later: "Waiting") -> None:
        self.words.update(later.words)
        self.rewritten |= later.rewritten

    def flush(self, db: apsw.Connection) -> None:
        """Writes all and is empty afterwards."""
        self.write(db)
        self.clear()

    def clear(self) -> None:
        self.words.clear()
        self.rewritten.clear()

    def write(self, db: apsw.Connection) -> None:
        """Writes all, in ascending order: wherever that falls, the index begins another segment."""
        if self.rewritten:
            old = [(2 * rid + parity,) for rid in sorted(self.rewritten) for parity in (0, 1)]
            db.executemany("DELETE FROM prose WHERE rowid = ?", old)
        new = [(2 * rid + parity, text) for rid in sorted(self.words) for parity, text in sorted(self.words[rid])]
        if new:
            insert(db, ("INSERT INTO prose (rowid, words) VALUES ", "(?, ?)", ""), new)


def spoken(body: bytes | None, narrative: int) -> str:
    """The words of the narrative, or of all texts, of a resource; "" of a deletion."""
    if body is None:
        return ""
    resource = orjson.loads(body)
    return narrative_words(resource) if narrative else content_words(resource)


def says(*given: Any) -> bool:
    """Of (body, narrative, phrase), whether the words of the phrase stand one after another in the narrative, or in all texts, of the resource.

    One that ends in * begins a word.
    """
    body, narrative, phrase = given
    words = spoken(body, narrative)
    return f" {phrase[:-1]}" in f" {words}" if phrase.endswith("*") else f" {phrase} " in f" {words} "


def register(db: apsw.Connection) -> None:
    """Statements on this connection know `says(body, narrative, phrase)`."""
    db.create_scalar_function("says", says, 3, deterministic=True)


def damage(db: apsw.Connection, expected: Iterable[tuple[int, int, bytes]]) -> Iterator[tuple[int, str]]:
    """Where the index is not what the resources say: (rid, what is wrong); rid 0 for the index itself.

    `expected` are the documents that there should be: (number, entry number, body).
    """
    amount, postings = 0, 0
    for number, entry, body in expected:
        words = list(dict.fromkeys(spoken(body, number & 1).split()))
        amount, postings = amount + 1, postings + len(words) + 1
        found = db.execute("SELECT 1 FROM prose WHERE prose MATCH ? AND rowid = ?", (asked(entry, words), number))
        if found.fetchone() is None:
            yield number >> 1, "it is not found by all of its words: reindex it"
    documents = db.execute("SELECT count(*) FROM prose_docsize").get
    if documents != amount:
        yield 0, f"it has {documents} documents for {amount} texts: reindex"
    db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.prose_word USING fts5vocab(main, prose, row)")
    found_postings = db.execute("SELECT coalesce(sum(doc), 0) FROM temp.prose_word").get
    if found_postings != postings:
        yield 0, f"it has {found_postings} words where the resources have {postings}: reindex"
