"""The server beside the oracle: what each finds for the same query, and the shortest query on which they differ."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.http.wire import Wire
from tests.oracle.definitions import Tree
from tests.oracle.generate import MODIFIERS, Query
from tests.oracle.meaning import PREFIXES, Refused, split
from tests.oracle.world import World

CHAINS = ("_has", "typed chain", "untyped chain")

Found = set[str] | int
"""Ids, or the status of the refusal."""


def everything(wire: Wire, types: Iterable[str]) -> Iterator[Tree]:
    """All current resources of these types, as the server gives them."""
    for type_ in types:
        for page in pages(wire, f"/fhir/{type_}?_count=500"):
            yield from (entry["resource"] for entry in page.get("entry", ()))


def pages(wire: Wire, target: str) -> Iterator[Tree]:
    while True:
        answer = wire.request("GET", target)
        assert answer.status == 200, (target, answer.body[:2000])
        page = answer.json()
        yield page
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            return
        parts = urlsplit(following[0])
        target = f"{parts.path}?{parts.query}"


def served(wire: Wire, query: Query, count: int = 1000) -> Found:
    """What the server finds; -1 where a resource came twice."""
    target = f"/fhir/{query}&_count={count}&_elements=id"
    answer = wire.request("GET", target)
    if answer.status != 200:
        return answer.status
    page = answer.json()
    more = any(link["relation"] == "next" for link in page["link"])
    all_pages = list(pages(wire, target)) if more else [page]
    ids = [entry["resource"]["id"] for each in all_pages for entry in each.get("entry", ())]
    return set(ids) if len(set(ids)) == len(ids) else -1


def expected(world: World, query: Query) -> Found:
    try:
        return world.matches(query.type, query.parameters)
    except Refused:
        return 400


@dataclass
class Difference:
    query: Query
    oracle: Found
    server: Found

    def told(self, world: World) -> str:
        """The query, what each found, and one resource that they disagree about."""
        lines = [str(self.query)]
        if isinstance(self.oracle, set) and isinstance(self.server, set):
            lines.append(
                f"  oracle alone: {sorted(self.oracle - self.server)[:5]}  server alone: {sorted(self.server - self.oracle)[:5]}"
            )
            one = min(
                self.oracle ^ self.server,
                key=lambda id_: (len(json.dumps(world.nodes[self.query.type, id_].value)), id_),
            )
            lines.append(f"  {json.dumps(world.nodes[self.query.type, one].value)[:3000]}")
        else:
            lines.append(f"  oracle: {_short(self.oracle)}  server: {_short(self.server)}")
        return "\n".join(lines)


def _short(found: Found) -> str:
    return str(found) if isinstance(found, int) else f"{len(found)} matches"


@dataclass
class Comparison:
    """Runs queries on both; counts what they covered."""

    wire: Wire
    world: World
    covered: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    ran: int = 0
    matched: int = 0
    differences: list[Difference] = field(default_factory=list)

    def run(self, queries: Iterable[Query]) -> "Comparison":
        for query in queries:
            right = expected(self.world, query)
            found = served(
                self.wire, query, 3 if self.ran % 10 == 0 and isinstance(right, set) and len(right) < 60 else 1000
            )
            self.ran += 1
            self.matched += bool(right)
            self.covered.update(query.covers)
            if found != right:
                self.differences.append(self.shortest(Difference(query, right, found)))
        return self

    def shortest(self, known: Difference) -> Difference:
        """Leaves out parameters and values as long as the two still differ."""
        for query in _shorter(known.query):
            right, found = expected(self.world, query), served(self.wire, query)
            if right != found:
                return self.shortest(Difference(query, right, found))
        return known

    def lacking(self, least: int) -> list[str]:
        """What was drawn less than `least` times: types by modifier and prefix, several values, chains, `_has`, `_filter`."""
        drawn = Counter[str]()
        for (type_, modifier, prefixes, shape), count in self.covered.items():
            drawn[f"{type_} {modifier}".strip()] += count
            for prefix in set(prefixes.split()):
                drawn[f"{type_} {prefix}"] += count
            drawn[shape] += count
        wanted = [f"{type_} {modifier}".strip() for type_, known in MODIFIERS.items() for modifier in known]
        wanted += [f"{type_} {prefix}" for type_ in ("date", "number", "quantity", "composite") for prefix in PREFIXES]
        wanted += ["or", "and, or", "_filter", "_list", "_id", "_lastUpdated", "_has", "typed chain", "untyped chain"]
        wanted += [f"{one} > {other}" for one in CHAINS for other in CHAINS]
        return [each for each in dict.fromkeys(wanted) if drawn[each] < least]

    def table(self) -> str:
        """Parameter types by modifier and prefix, and shapes, each with the number of parameters that had them."""
        kinds, shapes = Counter[str](), Counter[str]()
        for (type_, modifier, prefixes, shape), count in self.covered.items():
            for prefix in set(prefixes.split()) or {"-"}:
                kinds[f"{type_} · {modifier or '-'} · {prefix}"] += count
            shapes[shape or "-"] += count
        rows = [f"{count:6} {name}" for found in (kinds, shapes) for name, count in sorted(found.items())]
        return "\n".join([f"{self.ran} queries, {self.matched} with matches", *rows])


def _shorter(query: Query) -> Iterator[Query]:
    parameters = query.parameters
    for place in range(len(parameters)):
        if len(parameters) > 1:
            yield Query(query.type, parameters[:place] + parameters[place + 1 :])
    for place, (name, value) in enumerate(parameters):
        if name == "_filter":
            continue
        pieces = split(value, ",")
        for piece in pieces if len(pieces) > 1 else ():
            yield Query(query.type, (*parameters[:place], (name, piece), *parameters[place + 1 :]))
