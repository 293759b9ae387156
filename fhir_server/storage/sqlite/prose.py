"""The documents of the full-text index: checked against the resources.

https://www.sqlite.org/fts5.html#contentless_delete_tables
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apsw

from fhir_server.storage.sql.ranking import read, score
from fhir_server.storage.sql.words import spoken
from fhir_server.storage.sqlite.dialect import asked
from fhir_server.terminology.regex import fullmatch


def says(*given: Any) -> bool:
    """Of (body, narrative, phrase), whether the words of the phrase stand one after another in the narrative, or in all texts, of the resource.

    One that ends in * begins a word.
    """
    body, narrative, phrase = given
    words = spoken(body, narrative)
    return f" {phrase[:-1]}" in f" {words}" if phrase.endswith("*") else f" {phrase} " in f" {words} "


TOGETHER = 500
"""Words that are asked for at once: what many take grows with their square."""


def register(db: apsw.Connection) -> None:
    """Statements on this connection know `says(body, narrative, phrase)`, `score(body, weights)` and `fullmatch(regex, text)`."""
    db.create_scalar_function("score", _score, 2, deterministic=True)
    db.create_scalar_function("says", says, 3, deterministic=True)
    db.create_scalar_function("fullmatch", _fullmatch, 2, deterministic=True)


def _score(*given: Any) -> float:
    body, weights = given
    return score(body, read(weights))


def _fullmatch(*given: Any) -> bool:
    return fullmatch(*given)


def damage(db: apsw.Connection, expected: Iterable[tuple[int, int, bytes]]) -> Iterator[tuple[int, str]]:
    """Where the index is not what the resources say: (rid, what is wrong); rid 0 for the index itself.

    `expected` are the documents that there should be: (number, entry number, body).
    """
    amount, postings = 0, 0
    for number, entry, body in expected:
        words = list(dict.fromkeys(spoken(body, number & 1).split()))
        amount, postings = amount + 1, postings + len(words) + 1
        parts = [words[start : start + TOGETHER] for start in range(0, max(len(words), 1), TOGETHER)]
        found = "SELECT 1 FROM prose WHERE prose MATCH ? AND rowid = ?"
        if not all(db.execute(found, (asked(entry, part), number)).get for part in parts):
            yield number >> 1, "it is not found by all of its words: reindex it"
    documents = db.execute("SELECT count(*) FROM prose_docsize").get
    if documents != amount:
        yield 0, f"it has {documents} documents for {amount} texts: reindex"
    db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.prose_word USING fts5vocab(main, prose, row)")
    found_postings = db.execute("SELECT coalesce(sum(doc), 0) FROM temp.prose_word").get
    if found_postings != postings:
        yield 0, f"it has {found_postings} words where the resources have {postings}: reindex"
