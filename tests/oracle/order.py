"""In which order `_sort` puts resources: by the lowest value ascending, by the highest descending (times by when they begin),
those without one last.

http://hl7.org/fhir/R4/search.html#sort
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any
from urllib.parse import urlsplit

from tests.http.wire import Wire
from tests.oracle import texts, values
from tests.oracle.compare import pages
from tests.oracle.definitions import parameters
from tests.oracle.generate import Generator, Query
from tests.oracle.paths import Node
from tests.oracle.world import World

SORTED = ("string", "token", "date", "number", "uri")


def misplaced(world: World, type_: str, ids: Sequence[str], rules: Sequence[str]) -> tuple[str, str] | None:
    """The first two neighbours that stand the wrong way round."""
    nodes = [world.nodes[type_, id_] for id_ in ids]
    for first, second in pairwise(nodes):
        for rule in rules:
            order = _compared(_key(first, rule, world), _key(second, rule, world), descending=rule[0] == "-")
            if order > 0:
                return first.value["id"], second.value["id"]
            if order < 0:
                break
    return None


def _compared(one: Any, other: Any, *, descending: bool) -> int:
    if one is None or other is None:
        return (one is None) - (other is None)
    order = int(one > other) - int(one < other)
    return -order if descending else order


def _key(node: Node, rule: str, world: World) -> Any:
    """What a rule compares; None where there is nothing."""
    code, descending = rule.removeprefix("-"), rule[0] == "-"
    if code == "_id":
        return node.value["id"]
    if code == "_lastUpdated":
        return values.moment(node.value["meta"]["lastUpdated"])
    found = [value for each in world.select(node, code) for value in _values(each, parameters(node.type)[code].type)]
    if not found:
        return None
    return max(found) if descending else min(found)


def _values(node: Node, type_: str) -> Iterator[Any]:
    match type_:
        case "string":
            yield from map(texts.folded, texts.strings(node))
        case "token":
            yield from (t.code if t.sensitive else t.code.lower() for t in values.tokens(node))
        case "date":
            yield from (low for low, _ in values.times(node))
        case "number":
            yield from (amount.low for amount in values.amounts(node))
        case "uri":
            yield from (uri.partition("|")[0] if node.type == "canonical" else uri for uri in values.uris(node))


def sorted_query(generator: Generator) -> tuple[Query, list[str]]:
    """A query, often of a whole type, and one to three `_sort` rules for it."""
    query, random = generator.query(), generator.random
    known = [c for c, p in parameters(query.type).items() if p.type in SORTED and (query.type, c) in generator.holders]
    codes = [code for code in known if f"sort {code}" not in generator.without]
    chosen = random.sample(codes, min(len(codes), random.randint(0, 2)))
    rules = [*chosen, random.choice(["_id", "_lastUpdated"])] if random.random() < 0.7 or not chosen else chosen
    rules = [random.choice(["", "-"]) + rule for rule in rules]
    return (query if random.random() < 0.4 else Query(query.type, ())), rules


def wrong_order(wire: Wire, world: World, query: Query, rules: Sequence[str], random: Random) -> str | None:
    """What is wrong with the server's order, with the URL; None where it is right."""
    count = random.choice([5, 1000])
    separator = "&" if query.parameters else ""
    target = f"/fhir/{query}{separator}_sort={','.join(rules)}&_count={count}"
    ids = [e["resource"]["id"] for page in pages(wire, target) for e in page.get("entry", ()) if _matched(e)]
    right = world.matches(query.type, query.parameters)
    if sorted(ids) != sorted(right):
        return f"{target}: {len(ids)} instead of {len(right)} matches"
    pair = misplaced(world, query.type, ids, rules)
    return f"{target}: {' before '.join(pair)}" if pair else None


def _matched(entry: Any) -> bool:
    return bool(entry["search"]["mode"] == "match" and urlsplit(entry["fullUrl"]).scheme)
