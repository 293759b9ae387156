"""The documents of the full-text index: what they hold, read from entries or from a resource again."""

from collections.abc import Iterable

import orjson

from fhir_server.search.prose import content_words, narrative_words
from fhir_server.search.query import IndexEntry, Prose
from fhir_server.storage.sql.layout import PROSE, Names, Numbering
from fhir_server.storage.sql.prose import document, marked
from fhir_server.storage.sql.rows import Packed, table_of_entry

Words = list[tuple[int, str]]  # (parity of the document's number, its text)


def words_of(type_: str, entries: Iterable[IndexEntry], names: Numbering) -> Words:
    """What the full-text index holds of a version."""
    return [
        (document(0, entry.param), marked(names.make_entry(type_, entry.param, Prose), entry.value.words))
        for entry in entries
        if type(entry.value) is Prose
    ]


def with_words(packed: Packed, names: Names) -> set[int]:
    """The numbers of the entries whose words the full-text index holds: of one and the same body they are the same."""
    return {entry for entry in packed if table_of_entry(names, entry) is PROSE}


def spoken(body: bytes | None, narrative: int) -> str:
    """The words of the narrative, or of all texts, of a resource; "" of a deletion."""
    if body is None:
        return ""
    resource = orjson.loads(body)
    return narrative_words(resource) if narrative else content_words(resource)
