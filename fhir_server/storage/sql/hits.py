"""What a page tells of its matches beside the resources: how well they match, and how far away they are.

http://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search.score, http://hl7.org/fhir/R4/location.html#search
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from fhir_server.search.query import And, Hit, Match, Near, Node, Or, Point, SearchQuery
from fhir_server.storage.sql.near import distance
from fhir_server.storage.sql.prose import Ranked, looked_for
from fhir_server.storage.sql.ranking import Weights, read, score, weights
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.rows import version_of
from fhir_server.storage.sql.text import Sql, join


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
        weighing = _weights(reads, query, type_, words)
        for index, row in mine:
            how_well = score(row[5], weighing) if words else None
            found[index] = Hit(found[index].version, how_well, metres.get(row[-1]), found[index].contained)
    return tuple(found)


def _weights(reads: Reads, query: SearchQuery, type_: str, words: Sequence[Match]) -> Weights:
    """Those that the page is sorted by, where it is."""
    for rule in query.sort:
        if isinstance(rule, Ranked):
            return read(dict(rule.of).get(type_, "{}"))
    return weights(reads, type_, words)


def near_to(node: Node) -> Iterator[Near]:
    """The places of a tree that the resource itself may be near to."""
    if isinstance(node, Near):
        yield node
    elif isinstance(node, And | Or):
        for each in node.of:
            yield from near_to(each)


def _distances(reads: Reads, type_: str, places: Sequence[Near], rids: Sequence[int]) -> dict[int, float]:
    """Metres by rid to the nearest of the places, for resources that have a place themselves."""
    parts, dialect = [], reads.dialect
    for each in places:
        entry = reads.names.of_entry(type_, each.param, Point)
        if entry is not None:
            metres = distance(dialect, "e.value", (each.latitude, each.longitude))
            parts.append(
                Sql(f"SELECT r.rid AS rid, {metres.text} AS metres", metres.args)
                + Sql(
                    f" FROM resource r CROSS JOIN {dialect.rows('r.entries', 'e')} WHERE r.rid IN ({dialect.values('whole')})",
                    (dialect.place(entry), msgspec.json.encode(rids).decode()),
                )
            )
    if not parts:
        return {}
    text, args = join(" UNION ALL ", parts)
    found: list[Any] = reads.db.execute(f"SELECT rid, min(metres) FROM ({text}) q GROUP BY rid", args).fetchall()
    return dict(found)
