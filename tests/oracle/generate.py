"""Queries drawn from the data: most find the resource that they were drawn from, some miss it narrowly.

http://hl7.org/fhir/R4/search.html
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.oracle import draw
from tests.oracle.definitions import Parameter, defined, parameters
from tests.oracle.meaning import plain, prefixed, split
from tests.oracle.paths import Node, evaluate
from tests.oracle.world import Filter, World, has_value, part_of

MODIFIERS: dict[str, Sequence[str]] = {
    "string": ("", "", "", "contains", "exact", "missing"),
    "token": ("", "", "", "", "not", "text", "missing", "of-type", "in", "not-in", "above", "below"),
    "uri": ("", "", "below", "above", "missing"),
    "reference": ("", "", "", "identifier", "[type]", "missing", "above", "below"),
    "date": ("", "", "", "", "", "missing"),
    "number": ("", "", "", "", "missing"),
    "quantity": ("", "", "", "", "", "missing"),
    "composite": ("",),
    "special": ("",),
}
DEEPEST = 3
TRIES = 400


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
        self.lists: dict[tuple[str, str], list[str]] = defaultdict(list)
        for each in world.by_type.get("List", ()):
            for target in world.targets(each, "item"):
                if target.root is target.value:
                    self.lists[target.type, target.value["id"]].append(each.value["id"])
        self.all_lists = sorted({id_ for ids in self.lists.values() for id_ in ids})
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
        if roll < 0.03:
            return self.filtered()
        if roll < 0.04 and self.lists:
            one = self.world.nodes[self.random.choice(sorted(self.lists))]
            return Query(one.type, (("_list", self.listed(one)),), (("_list", "", "", ""),))
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
        elif roll < 0.36:
            one, cell = self.cell()
            criteria = [cell]
        else:
            type_, code = self.random.choice(self.places[self.random.choice(self.types)])
            one = self.random.choice(self.holders[type_, code])
            criteria = [self.simple(one, code)]
        while self.random.random() < 0.25 and len(criteria) < 4:
            criteria.append(self.criterion(one, 1))
        names = tuple((name, value) for name, value, _ in criteria)
        return Query(one.type, names, tuple(cover for *_, cover in criteria))

    def cell(self) -> tuple[Node, Any]:
        """A parameter type with one of its modifiers, each as likely as any other, on a resource that has what it takes."""
        kind = self.random.choice(self.types)
        modifier = self.random.choice(sorted({each for each in MODIFIERS[kind] if each not in self.without}))
        for _ in range(TRIES):
            type_, code = self.random.choice(self.places[kind])
            one = self.random.choice(self.holders[type_, code])
            found = self.simple(one, code, modifier)
            if found[2][:2] == (kind, modifier):
                break
        return one, found

    def filtered(self) -> Query:
        """A search by `_filter`: one to three tests, joined and negated."""
        one = self.random.choice(self.world.by_type[self.random.choice(list(self.world.by_type))])
        drawn = [self.criterion(one, DEEPEST) for _ in range(self.random.randint(1, 3))]
        tests = [test for test in (self.test(one, *each[:2]) for each in drawn) if test]
        if not tests:
            return self.query()
        text, tree = tests[0]
        for other, beside in tests[1:]:
            word = self.random.choice(["and", "or"])
            text, tree = f"({text}) {word} {other}", (word, (tree, beside))
        if self.random.random() < 0.3:
            text, tree = f"not ({text})", ("not", (tree,))
        self.world.filters[text] = tree
        return Query(one.type, (("_filter", text),), (("_filter", "", "", "and, or" if len(tests) > 1 else ""),))

    def test(self, one: Node, name: str, value: str) -> tuple[str, Filter] | None:
        """A search parameter with one value as a test of `_filter`; None for what it has no operator for."""
        code, _, modifier = name.partition(":")
        parameter = parameters(one.type).get(code)
        if parameter is None or len(split(value, ",")) > 1 or code in self.without:
            return None
        tree: Filter = ("", ((name, value),))
        if modifier == "missing":
            return f"{code} pr {'false' if value == 'true' else 'true'}", tree
        operator = {("string", "contains"): "co", ("token", ""): "eq", ("token", "in"): "in"}.get(
            (parameter.type, modifier)
        )
        if parameter.type == "string":
            value = plain(value)
        if parameter.type in {"date", "number", "quantity"} and not modifier:
            prefix, value = prefixed(value)
            operator = prefix
        if parameter.type == "reference" and not modifier and "/" in value:
            operator = "re"
        return (f"{code} {operator} {json.dumps(value)}", tree) if operator else None

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

    def listed(self, one: Node) -> str:
        """A List that `one` stands on, and perhaps another."""
        lists = {self.random.choice(self.lists[one.type, one.value["id"]]), self.random.choice(self.all_lists)}
        return ",".join(sorted(lists))

    def special(self, one: Node) -> Any:
        on_lists = one.root is one.value and (one.type, one.value["id"]) in self.lists
        if on_lists and self.random.random() < 0.5:
            return "_list", self.listed(one), ("_list", "", "", "")
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

    def simple(self, one: Node, code: str, modifier: str | None = None) -> Any:
        """`code[:modifier]=value[,value…]`, the first value being near what `one` has; with the modifier if that can be."""
        parameter = parameters(one.type)[code]
        if code == "near":
            return (
                code,
                draw.near(self.random, self.random.choice(self.world.select(one, code))),
                ("special", "", "", ""),
            )
        if modifier is None:
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
        if parameter.type == "reference" and modifier in {"above", "below"}:
            return self.related(one, parameter, modifier)
        nodes = [node for node in nodes if has_value(node, parameter.type, self.world.base)]
        return (
            draw.value(self.random, self.random.choice(nodes), parameter, modifier, self.world.base, self.without)
            if nodes
            else None
        )

    def related(self, one: Node, parameter: Parameter, modifier: str) -> tuple[str, str, str] | None:
        """What is above or below something that `one` refers to, or that itself."""
        found = [p for p in self.world.pointers(one, parameter.code) if part_of(p.type) and p.type in parameter.targets]
        if not found:
            return None
        pointer = self.random.choice(found)
        keys = self.world.lineage((pointer.type, pointer.id))
        if modifier == "above":
            own = (node.value["id"] for node in self.world.by_type.get(pointer.type, ()))
            keys = {key for id_ in own if (pointer.type, pointer.id) in self.world.lineage(key := (pointer.type, id_))}
        type_, id_ = self.random.choice([*sorted(keys), (pointer.type, pointer.id)])
        return modifier, f"{type_}/{id_}", ""

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
