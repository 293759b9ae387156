"""How well resources match the words of a search: the score of its entries, and what `_sort=_score` sorts by.

http://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search.score
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import msgspec

from fhir_server.outcome import BadRequest
from fhir_server.search.query import Match, Prose, SearchQuery
from fhir_server.search.relevance import rarity, relevance
from fhir_server.storage.sql.layout import NARRATIVE
from fhir_server.storage.sql.prose import Ranked, looked_for, sought
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.words import spoken

COUNTED = 1000  # a word that more resources have is no rare one

Weights = Mapping[str, Mapping[str, float]]
"""Of each parameter all words that are looked for, each with its weight."""

_READ: Final = msgspec.json.Decoder(dict[str, dict[str, dict[str, float]]])


def ranked(reads: Reads, query: SearchQuery, known: str) -> SearchQuery:
    """The query with the weights that its page is sorted by: those of page one (`known`), or as the words are spread now.

    Raises BadRequest for weights that are none.
    """
    if not any(sort.kind is Prose for sort in query.sort):
        return query
    text = known
    if not text:
        found = {type_: weights(reads, type_, list(looked_for(node))) for type_, node in query.where.items()}
        text = msgspec.json.encode(found).decode()
    try:
        by_type = _READ.decode(text)
    except msgspec.DecodeError as error:
        raise BadRequest("This page link belongs to another search.", expression="http.after") from error
    each = {type_: msgspec.json.encode(given).decode() for type_, given in by_type.items()}
    sort = tuple(
        Ranked(rule.param, rule.kind, rule.descending, weights=text, of=tuple(each.items()))
        if rule.kind is Prose
        else rule
        for rule in query.sort
    )
    return replace(query, sort=sort)


def weights(reads: Reads, type_: str, matches: Sequence[Match]) -> Weights:
    """Of the words that the matches look for, how much each weighs now."""
    found: dict[str, dict[str, float]] = {}
    for match in matches:
        entry = reads.names.of_entry(type_, match.param, Prose)
        if entry is not None:
            for word in (word for compares in match.anyof for word in sought(compares).words):
                weight = rarity(_having(reads, entry, [word]), _having(reads, entry, []))
                found.setdefault(match.param, {})[word] = weight
    return found


def score(body: bytes | None, given: Weights) -> float:
    """From 0 to 1."""
    most = sum(sum(each.values()) for each in given.values())
    had = sum(relevance(spoken(body, param == NARRATIVE), each) for param, each in given.items())
    return had / most if most else 0.0


@lru_cache(maxsize=100)
def read(text: str) -> Weights:
    """The weights that a rule of the sort holds for one type."""
    return msgspec.json.decode(text, type=dict[str, dict[str, float]])


def _having(reads: Reads, entry: int, words: Sequence[str]) -> int:
    """How many documents have the words, as far as it is worth counting."""
    found = reads.dialect.found(entry, words)
    statement = f"SELECT count(*) FROM (SELECT 1 FROM prose WHERE {found.text} LIMIT ?) q"
    return int(reads.db.execute(statement, (*found.args, COUNTED)).get)
