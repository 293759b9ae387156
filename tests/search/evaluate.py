"""The meaning of a search tree in plain Python, by brute force over all resources: what every store must agree with."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import asin, cos, radians, sin, sqrt
from typing import Any

from fhir_server.dates import micros
from fhir_server.model import Key
from fhir_server.search.index import extract
from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    Contained,
    Contains,
    Has,
    Ids,
    IndexEntry,
    LastUpdated,
    Match,
    Missing,
    Near,
    Node,
    Not,
    Op,
    Or,
    Point,
    Prose,
    Quantity,
    Reference,
    Together,
)
from tests.storage.contract.model import fulfils

TESTS: Mapping[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.STARTS: lambda field, value: field.startswith(value),
    Op.ENDS: lambda field, value: field.endswith(value),
    Op.CONTAINS: lambda field, value: value in field,
    Op.ONE: lambda field, value: field in value.split("\n"),
    Op.NONE: lambda field, value: field not in value.split("\n"),
    Op.WORDS: lambda field, value: all(f" {word}" in f" {field}" for word in value.split()),
}


@dataclass(frozen=True)
class Stored:
    key: Key
    entries: list[IndexEntry]
    updated: int


class World:
    """Resources that refer to one another."""

    def __init__(self, resources: Iterable[Mapping[str, Any]], base: str = "") -> None:
        now = datetime.now(UTC)
        self.stored = {
            key: Stored(key, extract(resource, base), micros(_updated(resource) or now))
            for resource in resources
            for key in [Key(resource["resourceType"], resource["id"])]
        }

    def matches(self, where: Mapping[str, Node]) -> set[Key]:
        return {key for key, one in self.stored.items() if key.type in where and self.holds(where[key.type], one)}

    def holds(self, node: Node, one: Stored) -> bool:
        match node:
            case And(of):
                return all(self.holds(each, one) for each in of)
            case Or(of):
                return any(self.holds(each, one) for each in of)
            case Not(of):
                return not self.holds(of, one)
            case Ids(anyof):
                return one.key.id in anyof
            case LastUpdated(tests):
                return all(TESTS[op](one.updated, value) for op, value in tests)
            case Missing(param, kinds):
                return not any(e.param == param and isinstance(e.value, kinds) for e in one.entries)
            case Match(param, anyof):
                return any(e.param == param and any(_alike(e, tests) for tests in anyof) for e in one.entries)
            case Chain(param, target, where):
                own = {e.value.url for e in one.entries if e.param == param and isinstance(e.value, Reference)}
                inside = [i for i in _contained(one) if i.key.type == target and f"#{i.key.id}" in own]
                others = [self.stored[k] for k in _referred(one, param) if k.type == target and k in self.stored]
                return any(self.holds(where, other) for other in (*inside, *others))
            case Has(source, param, where):
                return any(
                    other.key.type == source and one.key in _referred(other, param) and self.holds(where, other)
                    for other in self.stored.values()
                )
            case Together(of):
                groups = {e.group for e in one.entries if e.group}
                return any(all(self._matches(match, one, group) for match in of) for group in groups)
            case Near(param, latitude, longitude, metres):
                points = [e.value for e in one.entries if e.param == param]
                return any(isinstance(p, Point) and distance(p, latitude, longitude) <= metres for p in points)
            case Contains(type_, where):
                return any(inner.key.type == type_ and self.holds(where, inner) for inner in _contained(one))
            case _:
                raise NotImplementedError(node)

    def _matches(self, match: Match, one: Stored, group: int) -> bool:
        entries = [e for e in one.entries if e.param == match.param and e.group == group]
        return any(_alike(e, tests) for e in entries for tests in match.anyof)


def distance(point: Point, latitude: float, longitude: float) -> float:
    """Metres along the great circle."""
    a, b = radians(point.latitude), radians(latitude)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(longitude - point.longitude) / 2) ** 2
    return 2 * 6_371_008.8 * asin(min(1.0, sqrt(half)))


def _contained(one: Stored) -> list[Stored]:
    """What lies within the resource; it says the same of time as its container."""
    inside = [e.value for e in one.entries if isinstance(e.value, Contained)]
    return [Stored(Key(v.type, v.id), list(v.entries), one.updated) for v in inside]


def _alike(entry: IndexEntry, tests: tuple[Compare, ...]) -> bool:
    if isinstance(entry.value, Prose):
        return all(test.kind is Prose and _says(entry.value.words, test) for test in tests)
    if isinstance(entry.value, Quantity):
        return fulfils(entry.value, tests)
    return all(
        type(entry.value) is test.kind and TESTS[test.op](getattr(entry.value, test.field), test.value)
        for test in tests
    )


def _says(words: str, test: Compare) -> bool:
    """The words stand in the prose; of a phrase one after another; one that ends in * begins one of its words."""
    text, sought = f" {words} ", str(test.value)
    if test.op is Op.CONTAINS:
        return f" {sought} " in text
    return all(f" {word[:-1]}" in text if word.endswith("*") else f" {word} " in text for word in sought.split())


def _referred(one: Stored, param: str) -> set[Key]:
    values = [e.value for e in one.entries if e.param == param]
    return {Key(v.type, v.id) for v in values if isinstance(v, Reference) and v.type}


def _updated(resource: Mapping[str, Any]) -> datetime | None:
    text = resource.get("meta", {}).get("lastUpdated")
    return datetime.fromisoformat(text) if text else None
