"""The meaning of a search tree in plain Python, by brute force over all resources: what every store must agree with."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fhir_server.dates import micros
from fhir_server.model import Key
from fhir_server.search.index import extract
from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    Has,
    Ids,
    IndexEntry,
    LastUpdated,
    Match,
    Missing,
    Node,
    Not,
    Op,
    Or,
    Quantity,
    Reference,
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
                return any(
                    key.type == target and key in self.stored and self.holds(where, self.stored[key])
                    for key in _referred(one, param)
                )
            case Has(source, param, where):
                return any(
                    other.key.type == source and one.key in _referred(other, param) and self.holds(where, other)
                    for other in self.stored.values()
                )
            case _:
                raise NotImplementedError(node)


def _alike(entry: IndexEntry, tests: tuple[Compare, ...]) -> bool:
    if isinstance(entry.value, Quantity):
        return fulfils(entry.value, tests)
    return all(
        type(entry.value) is test.kind and TESTS[test.op](getattr(entry.value, test.field), test.value)
        for test in tests
    )


def _referred(one: Stored, param: str) -> set[Key]:
    values = [e.value for e in one.entries if e.param == param]
    return {Key(v.type, v.id) for v in values if isinstance(v, Reference) and v.type}


def _updated(resource: Mapping[str, Any]) -> datetime | None:
    text = resource.get("meta", {}).get("lastUpdated")
    return datetime.fromisoformat(text) if text else None
