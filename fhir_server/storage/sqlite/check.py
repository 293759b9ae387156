"""Looking for damage in a file: its own structure, and what all relational stores look for."""

from collections.abc import Iterator

from fhir_server.storage.base import Problem
from fhir_server.storage.sql.check import concepts, documents, entries, name, versions
from fhir_server.storage.sql.rows import unpack
from fhir_server.storage.sqlite.prose import damage
from fhir_server.storage.sqlite.reads import Reads

WORDS = ("concept_word_docsize", "id")


def check(reads: Reads) -> list[Problem]:
    """See Store.check."""
    with reads.snapshot():
        return [*_integrity(reads), *versions(reads), *entries(reads, unpack), *_words(reads), *concepts(reads, WORDS)]


def _integrity(reads: Reads) -> Iterator[Problem]:
    for (text,) in reads.db.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Problem("database", str(text))


def _words(reads: Reads) -> Iterator[Problem]:
    """The full-text index has the words of every resource, and no others."""
    for rid, text in damage(reads.db, documents(reads, unpack)):
        yield Problem(name(reads, rid) if rid else "prose", text)
