"""Looking for damage: the indexes against their tables, the words, and what all relational stores look for."""

from collections.abc import Iterator

from fhir_server.storage.base import Problem
from fhir_server.storage.postgres.reads import Reads
from fhir_server.storage.postgres.tables import Tables
from fhir_server.storage.sql.check import concepts, documents, entries, name, versions
from fhir_server.storage.sql.prose import MARK
from fhir_server.storage.sql.words import spoken

FOREVER = 10.0 * 365 * 86400
WORDS = ("concept_word", "rowid")


def check(reads: Reads) -> list[Problem]:
    """See Store.check."""
    unpack = Tables(reads.db, reads.own_names).unpack
    with reads.snapshot():
        reads.db.allow(FOREVER)
        return [*versions(reads), *entries(reads, unpack), *_words(reads), *concepts(reads, WORDS)]


def _words(reads: Reads) -> Iterator[Problem]:
    """The full-text index has the words of every resource, and no others."""
    expected = 0
    for number, entry, body in documents(reads, Tables(reads.db, reads.own_names).unpack):
        expected += 1
        said = spoken(body, number & 1)
        sound = reads.db.execute(
            "SELECT said = ? AND words = words_of(?) FROM prose WHERE rowid = ?",
            (said, f"{MARK}{entry} {said}", number),
        ).get
        if not sound:
            yield Problem(name(reads, number >> 1), "it is not found by all of its words: reindex it")
    there = reads.db.execute("SELECT count(*) FROM prose").get
    if there != expected:
        yield Problem("prose", f"it has {there} documents for {expected} texts: reindex")
