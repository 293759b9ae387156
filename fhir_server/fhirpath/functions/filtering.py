"""Filtering and projection: where, select, repeat, ofType, sort, aggregate.

http://hl7.org/fhirpath/N1/#filtering-and-projection
"""

from collections.abc import Hashable
from functools import cmp_to_key

from fhir_server.fhirpath.equality import compare, identity
from fhir_server.fhirpath.functions.existence import holds
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item
from fhir_server.fhirpath.scope import Evaluate, Scope, single


@function("where", 1)
def where(scope: Scope, items: list[Item], criteria: Evaluate) -> list[Item]:
    return [item for at, item in enumerate(items) if holds(scope, criteria, item, at)]


@function("select", 1)
def select(scope: Scope, items: list[Item], projection: Evaluate) -> list[Item]:
    found: list[Item] = []
    for at, item in enumerate(items):
        found += projection(scope.inner(item, at))
        scope.run.budget.spend(1 + len(found) // 64)
    return found


@function("repeat", 1)
def repeat(scope: Scope, items: list[Item], projection: Evaluate) -> list[Item]:
    """What the projection gives, and again from there, until nothing new (by equality) comes."""
    found: dict[Hashable, Item] = {}
    todo = list(items)
    while todo:
        following: list[Item] = []
        for at, item in enumerate(todo):
            scope.run.budget.spend()
            for new in projection(scope.inner(item, at)):
                key = identity(new, scope.run.budget)
                if key not in found:
                    found[key] = new
                    following.append(new)
        todo = following
    return list(found.values())


@function("aggregate", 1, 2)
def aggregate(scope: Scope, items: list[Item], aggregator: Evaluate, initial: Evaluate | None = None) -> list[Item]:
    total = initial(scope) if initial else []
    for at, item in enumerate(items):
        inner = scope.inner(item, at)
        inner.total = total
        total = aggregator(inner)
        scope.run.budget.spend(1 + len(total))
    return total


@function("sort", 0, 10)
def sort(scope: Scope, items: list[Item], *keys: tuple[Evaluate, bool]) -> list[Item]:
    """By the keys in turn (with True: descending), items without a key first either way; without keys by the items themselves."""
    values: list[list[Item | None]] = []
    for at, item in enumerate(items):
        found = [single(key(scope.inner(item, at)), "A sort key") for key, _ in keys]
        values.append(found if keys else [item])
    turned = [descending for _, descending in keys] or [False]

    def order(left: int, right: int) -> int:
        scope.run.budget.spend()
        for mine, other, descending in zip(values[left], values[right], turned, strict=True):
            if mine is None or other is None:
                if mine is not other:
                    return -1 if mine is None else 1
            elif found := compare(mine, other):
                return -found if descending else found
        return 0

    return [items[at] for at in sorted(range(len(items)), key=cmp_to_key(order))]
