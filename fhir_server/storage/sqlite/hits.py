"""What a page tells of its matches beside the resources: how well they match, and how far away they are.

http://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search.score, http://hl7.org/fhir/R4/location.html#search
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from fhir_server.search.query import And, Hit, Match, Near, Node, Or, Point, Prose, SearchQuery
from fhir_server.search.relevance import rarity, relevance
from fhir_server.storage.sql.layout import NARRATIVE, path
from fhir_server.storage.sql.near import distance
from fhir_server.storage.sql.prose import asked, looked_for, sought
from fhir_server.storage.sql.text import Sql, join
from fhir_server.storage.sqlite.prose import spoken
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.rows import version_of

COUNTED = 1000  # a word that more resources have is no rare one


def hits(
    reads: Reads, query: SearchQuery, rows: Sequence[tuple[Any, ...]], contained: Mapping[int, Sequence[str]]
) -> tuple[Hit, ...]:
    """The hits of rows that begin with type, id, version, updated, method, body and end with the rid; `contained` by rid."""
    text = reads.names.text
    found = [
        Hit(version_of(text(row[0]), row[1], row[2:6]), contained=tuple(contained.get(row[-1], ()))) for row in rows
    ]
    for type_, node in query.where.items():
        places, words = list(near_to(node)), list(looked_for(node))
        if not (places or words):
            continue
        mine = [(index, row) for index, row in enumerate(rows) if text(row[0]) == type_]
        metres = _distances(reads, type_, places, [row[-1] for _, row in mine]) if places else {}
        weights = _weights(reads, type_, words)
        most = sum(sum(each.values()) for each in weights.values())
        for index, row in mine:
            score = None
            if words:
                had = sum(relevance(spoken(row[5], param == NARRATIVE), each) for param, each in weights.items())
                score = had / most if most else 0.0
            found[index] = Hit(found[index].version, score, metres.get(row[-1]), found[index].contained)
    return tuple(found)


def near_to(node: Node) -> Iterator[Near]:
    """The places of a tree that the resource itself may be near to."""
    if isinstance(node, Near):
        yield node
    elif isinstance(node, And | Or):
        for each in node.of:
            yield from near_to(each)


def _distances(reads: Reads, type_: str, places: Sequence[Near], rids: Sequence[int]) -> dict[int, float]:
    """Metres by rid to the nearest of the places, for resources that have a place themselves."""
    parts = []
    for each in places:
        entry = reads.names.of_entry(type_, each.param, Point)
        if entry is not None:
            metres = distance("e.value", (each.latitude, each.longitude))
            parts.append(
                Sql(f"SELECT r.rid AS rid, {metres.text} AS metres", metres.args)
                + Sql(
                    " FROM json_each(?) g CROSS JOIN resource r ON r.rid = g.value CROSS JOIN json_each(r.entries, ?) e",
                    (msgspec.json.encode(rids).decode(), path(entry)),
                )
            )
    if not parts:
        return {}
    text, args = join(" UNION ALL ", parts)
    found: list[Any] = reads.db.execute(f"SELECT rid, min(metres) FROM ({text}) GROUP BY rid", args).fetchall()
    return dict(found)


def _weights(reads: Reads, type_: str, matches: Sequence[Match]) -> dict[str, dict[str, float]]:
    """Of each parameter all words that are looked for, each with its weight."""
    weights: dict[str, dict[str, float]] = {}
    for match in matches:
        entry = reads.names.of_entry(type_, match.param, Prose)
        if entry is not None:
            for word in (word for compares in match.anyof for word in sought(compares).words):
                weight = rarity(_having(reads, entry, [word]), _having(reads, entry, []))
                weights.setdefault(match.param, {})[word] = weight
    return weights


def _having(reads: Reads, entry: int, words: Sequence[str]) -> int:
    """How many documents have the words, as far as it is worth counting."""
    statement = "SELECT count(*) FROM (SELECT 1 FROM prose WHERE prose MATCH ? LIMIT ?)"
    return int(reads.db.execute(statement, (asked(entry, words), COUNTED)).get)
