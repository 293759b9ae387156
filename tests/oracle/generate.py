"""Queries drawn from the data: most find the resource that they were drawn from, some miss it narrowly.

http://hl7.org/fhir/R4/search.html
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.oracle import draw
from tests.oracle.definitions import Parameter, defined, parameters
from tests.oracle.paths import Node, evaluate
from tests.oracle.world import World, has_value

MODIFIERS: dict[str, Sequence[str]] = {
    "string": ("", "", "", "contains", "exact", "missing"),
    "token": ("", "", "", "", "not", "text", "missing", "of-type"),
    "uri": ("", "", "below", "above", "missing"),
    "reference": ("", "", "", "identifier", "[type]", "missing"),
    "date": ("", "", "", "", "", "missing"),
    "number": ("", "", "", "", "missing"),
    "quantity": ("", "", "", "", "", "missing"),
    "composite": ("",),
}
DEEPEST = 3


@dataclass(frozen=True)
class Query:
    """A search of one type. `covers` are (parameter type, modifier, prefixes, shape) of each of its parameters."""

    type: str
    parameters: tuple[tuple[str, str], ...]
    covers: tuple[tuple[str, str, str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.type}?" + "&".join(
            f"{quote(name, safe=':.-_')}={quote(value, safe=':/.-_,')}" for name, value in self.parameters
        )


class Generator:
    """Endless queries on a world; the same seed gives the same ones. `without` are features that are left out."""

    def __init__(self, world: World, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.world, self.random, self.without = world, Random(seed), without
        self.places: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.holders: dict[tuple[str, str], list[Node]] = {}
        self.links: dict[tuple[str, str], list[tuple[Node, Node]]] = {}
        self.outgoing: dict[int, list[tuple[str, Node]]] = defaultdict(list)
        self.referrers: dict[int, list[tuple[Node, str]]] = defaultdict(list)
        for type_, ones in sorted(world.by_type.items()):
            for code, parameter in sorted(parameters(type_).items()):
                self._take_in(type_, ones, code, parameter)
        self.referred = [key for key, one in self.world.nodes.items() if self.referrers[id(one)]]
        self.types = [type_ for type_ in MODIFIERS if self.places[type_] and type_ not in without]

    def _take_in(self, type_: str, ones: list[Node], code: str, parameter: Parameter) -> None:
        if (
            code in {"_id", "_lastUpdated"}
            or {f"{type_}.{code}", code} & self.without
            or parameter.type not in MODIFIERS
        ):
            return
        holders = [
            one
            for one in ones
            if any(has_value(n, parameter.type, self.world.base) for n in self.world.select(one, code))
        ]
        if holders:
            self.places[parameter.type].append((type_, code))
            self.holders[type_, code] = holders
        if parameter.type == "reference":
            pairs = [(one, target) for one in holders for target in self._targets(one, code)]
            if pairs:
                self.links[type_, code] = pairs
                for one, target in pairs:
                    self.outgoing[id(one)].append((code, target))
                    self.referrers[id(target)].append((one, code))

    def _targets(self, one: Node, code: str) -> list[Node]:
        """Those that a chain may follow, but for those `without`."""
        if "canonical chain" in self.without and any(node.type != "Reference" for node in self.world.select(one, code)):
            return []
        inside = "contained chain" not in self.without
        return [target for target in self.world.targets(one, code) if inside or target.root is target.value]

    def __iter__(self) -> Iterator[Query]:
        while True:
            yield self.query()

    def query(self) -> Query:
        roll = self.random.random()
        if roll < 0.12 and self.links:
            one, _ = self.random.choice(self.links[self.random.choice(list(self.links))])
            criteria = [self.chain(one, 1)]
        elif roll < 0.2 and self.links:
            one = self.world.nodes[self.random.choice(self.referred)]
            criteria = [self.has(one, 1)]
        elif roll < 0.24:
            criteria = [
                self.special(
                    one := self.random.choice(self.world.by_type[self.random.choice(list(self.world.by_type))])
                )
            ]
        else:
            type_, code = self.random.choice(self.places[self.random.choice(self.types)])
            one = self.random.choice(self.holders[type_, code])
            criteria = [self.simple(one, code)]
        while self.random.random() < 0.25 and len(criteria) < 4:
            criteria.append(self.criterion(one, 1))
        names = tuple((name, value) for name, value, _ in criteria)
        return Query(one.type, names, tuple(cover for *_, cover in criteria))

    def criterion(self, one: Node, depth: int) -> Any:
        """A parameter that `one` has a value for."""
        roll = self.random.random()
        if depth < DEEPEST and roll < 0.2 and (found := self.chain(one, depth)):
            return found
        if depth < DEEPEST and roll < 0.3 and (found := self.has(one, depth)):
            return found
        mine = [code for code in parameters(one.type) if self._held(one, code)]
        if not mine or roll > 0.95:
            return self.special(one)
        return self.simple(one, self.random.choice(mine))

    def _held(self, one: Node, code: str) -> bool:
        parameter = parameters(one.type)[code]
        return (
            (one.type, code) in self.holders
            and parameter.type not in self.without
            and any(has_value(n, parameter.type, self.world.base) for n in self.world.select(one, code))
        )

    def special(self, one: Node) -> Any:
        if self.random.random() < 0.1:
            code = self.random.choice(["_id"] if "contained _lastUpdated" in self.without else ["_id", "_lastUpdated"])
            return f"{code}:missing", self.random.choice(["true", "false", "false"]), (code, "missing", "", "")
        if self.random.random() < 0.5:
            ids = [
                one.value.get("id", "x"),
                *(self.random.choice(self.world.by_type.get(one.type, [one])).value.get("id", "x") for _ in range(2)),
            ]
            self.random.shuffle(ids)
            return "_id", ",".join(ids[: self.random.randint(1, 3)]), ("_id", "", "", "")
        updated = one.root.get("meta", {}).get("lastUpdated", "2026-01-01T00:00:00Z")
        prefix, text = draw.date(self.random, updated)
        if prefix == "ap":  # a tenth of next to nothing: the two ask at different moments
            prefix, text = "ge", f"ge{text[2:]}"
        return "_lastUpdated", text, ("_lastUpdated", "", prefix, "")

    def chain(self, one: Node, depth: int) -> Any:
        if not self.outgoing[id(one)]:
            return None
        code, target = self.random.choice(self.outgoing[id(one)])
        name, value, cover = self.criterion(target, depth + 1)
        typed = self.random.random() < 0.5 or len(parameters(one.type)[code].targets) > 3
        head = f"{code}:{target.type}" if typed else code
        return f"{head}.{name}", value, (*cover[:3], f"{'typed' if typed else 'untyped'} chain" + _then(cover[3]))

    def has(self, one: Node, depth: int) -> Any:
        referrers = [] if one.root is not one.value else self.referrers[id(one)]
        if not referrers:
            return None
        other, code = self.random.choice(referrers)
        name, value, cover = self.criterion(other, depth + 1)
        return f"_has:{other.type}:{code}:{name}", value, (*cover[:3], "_has" + _then(cover[3]))

    def simple(self, one: Node, code: str) -> Any:
        """`code[:modifier]=value[,value…]`, the first value being near what `one` has."""
        parameter = parameters(one.type)[code]
        modifier = self.random.choice([each for each in MODIFIERS[parameter.type] if each not in self.without])
        if modifier == "missing":
            return (
                f"{code}:missing",
                self.random.choice(["true", "false", "false"]),
                (parameter.type, "missing", "", ""),
            )
        several = self.random.choice([1, 1, 1, 1, 2, 3])
        others = [self.random.choice(self.holders[one.type, code]) for _ in range(several - 1)]
        found = [each for each in (self.value(holder, parameter, modifier) for holder in [one, *others]) if each]
        if not found:
            modifier = ""
            plainest = self.value(one, parameter, "")
            if plainest is None:
                return self.special(one)
            found = [plainest]
        kept = [each for each in found if each[0] == found[0][0]]
        self.random.shuffle(kept)
        name = f"{code}:{kept[0][0]}" if kept[0][0] else code
        prefixes = " ".join(sorted({each[2] for each in kept if each[2]}))
        return (
            name,
            ",".join(each[1] for each in kept),
            (parameter.type, modifier, prefixes, "or" if len(kept) > 1 else ""),
        )

    def value(self, one: Node, parameter: Parameter, modifier: str) -> tuple[str, str, str] | None:
        """(modifier as it is written, value, prefix); None where `one` has nothing to draw it from."""
        nodes = self.world.select(one, parameter.code)
        if parameter.type == "composite":
            return self.composite(one, parameter, self.random.choice(nodes)) if nodes else None
        nodes = [node for node in nodes if has_value(node, parameter.type, self.world.base)]
        return (
            draw.value(self.random, self.random.choice(nodes), parameter, modifier, self.world.base, self.without)
            if nodes
            else None
        )

    def composite(self, one: Node, parameter: Parameter, base: Node) -> tuple[str, str, str] | None:
        texts, prefixes = [], []
        for url, expression in parameter.components:
            part = defined(url, one.type)
            nodes = [node for node in evaluate(expression, base) if has_value(node, part.type, self.world.base)]
            drawn = (
                draw.value(self.random, self.random.choice(nodes), part, "", self.world.base, self.without)
                if nodes
                else None
            )
            if drawn is None:
                return None
            texts.append(drawn[1])
            prefixes.append(drawn[2])
        return "", "$".join(texts), " ".join(filter(None, prefixes))


def _then(shape: str) -> str:
    return f" > {shape}" if shape not in {"", "or"} else ""
