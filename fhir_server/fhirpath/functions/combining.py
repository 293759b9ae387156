"""Collections made of two: union, combine, intersect, exclude; and what is in one only once.

http://hl7.org/fhirpath/N1/#combining
"""

from collections.abc import Hashable

from fhir_server.fhirpath.equality import identity
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item
from fhir_server.fhirpath.scope import Evaluate, Scope


def unique(scope: Scope, items: list[Item]) -> list[Item]:
    """The items without those equal to an earlier one."""
    seen: dict[Hashable, Item] = {}
    for item in items:
        seen.setdefault(identity(item, scope.run.budget), item)
    return list(seen.values())


def union(scope: Scope, left: list[Item], right: list[Item]) -> list[Item]:
    return unique(scope, left + right)


@function("distinct")
def distinct(scope: Scope, items: list[Item]) -> list[Item]:
    return unique(scope, items)


@function("isDistinct")
def is_distinct(scope: Scope, items: list[Item]) -> list[Item]:
    return [len(unique(scope, items)) == len(items)]


@function("union", 1)
def union_function(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    return union(scope, items, other(scope))


@function("combine", 1, 2)
def combine(scope: Scope, items: list[Item], other: Evaluate, _preserve_order: Evaluate | None = None) -> list[Item]:
    """The order is always preserved."""
    others = other(scope)
    scope.run.budget.spend(len(items) + len(others))
    return items + others


@function("intersect", 1)
def intersect(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    wanted = {identity(item, scope.run.budget) for item in other(scope)}
    return unique(scope, [item for item in items if identity(item, scope.run.budget) in wanted])


@function("exclude", 1)
def exclude(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    unwanted = {identity(item, scope.run.budget) for item in other(scope)}
    return [item for item in items if identity(item, scope.run.budget) not in unwanted]


@function("subsetOf", 1)
def subset_of(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    there = {identity(item, scope.run.budget) for item in other(scope)}
    return [all(identity(item, scope.run.budget) in there for item in items)]


@function("supersetOf", 1)
def superset_of(scope: Scope, items: list[Item], other: Evaluate) -> list[Item]:
    here = {identity(item, scope.run.budget) for item in items}
    return [all(identity(item, scope.run.budget) in here for item in other(scope))]
