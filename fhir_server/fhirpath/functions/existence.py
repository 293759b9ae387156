"""Existence: empty, exists, all, allTrue and their kin, not, count.

http://hl7.org/fhirpath/N1/#existence
"""

from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, system
from fhir_server.fhirpath.scope import Evaluate, Scope, truth


@function("empty")
def empty(_: Scope, items: list[Item]) -> list[Item]:
    return [not items]


@function("exists", 0, 1)
def exists(scope: Scope, items: list[Item], criteria: Evaluate | None = None) -> list[Item]:
    if criteria is None:
        return [bool(items)]
    return [any(holds(scope, criteria, item, at) for at, item in enumerate(items))]


@function("all", 1)
def all_(scope: Scope, items: list[Item], criteria: Evaluate) -> list[Item]:
    return [all(holds(scope, criteria, item, at) for at, item in enumerate(items))]


def holds(scope: Scope, criteria: Evaluate, item: Item, index: int) -> bool:
    """Whether `criteria` is true for `item`; empty is not."""
    scope.run.budget.spend()
    return truth(criteria(scope.inner(item, index)), "A criterion") is True


def _booleans(items: list[Item], name: str) -> list[bool]:
    values = [system(item) for item in items]
    if not all(isinstance(value, bool) for value in values):
        raise FhirPathError(f"{name}() needs Booleans only")
    return [value is True for value in values]


@function("allTrue")
def all_true(_: Scope, items: list[Item]) -> list[Item]:
    return [all(_booleans(items, "allTrue"))]


@function("anyTrue")
def any_true(_: Scope, items: list[Item]) -> list[Item]:
    return [any(_booleans(items, "anyTrue"))]


@function("allFalse")
def all_false(_: Scope, items: list[Item]) -> list[Item]:
    return [not any(_booleans(items, "allFalse"))]


@function("anyFalse")
def any_false(_: Scope, items: list[Item]) -> list[Item]:
    return [not all(_booleans(items, "anyFalse"))]


@function("not")
def not_(_: Scope, items: list[Item]) -> list[Item]:
    value = truth(items, "not()")
    return [] if value is None else [not value]


@function("count")
def count(_: Scope, items: list[Item]) -> list[Item]:
    return [len(items)]
