"""Subsetting: first, last, tail, skip, take, single.

http://hl7.org/fhirpath/N1/#subsetting
"""

from fhir_server.fhirpath import scope as scopes
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item
from fhir_server.fhirpath.scope import Evaluate, Scope, integer


@function("first")
def first(_: Scope, items: list[Item]) -> list[Item]:
    return items[:1]


@function("last")
def last(_: Scope, items: list[Item]) -> list[Item]:
    return items[-1:]


@function("tail")
def tail(_: Scope, items: list[Item]) -> list[Item]:
    return items[1:]


@function("skip", 1)
def skip(scope: Scope, items: list[Item], number: Evaluate) -> list[Item]:
    wanted = integer(number(scope), "skip()")
    return [] if wanted is None else items[max(wanted, 0) :]


@function("take", 1)
def take(scope: Scope, items: list[Item], number: Evaluate) -> list[Item]:
    wanted = integer(number(scope), "take()")
    return [] if wanted is None else items[: max(wanted, 0)]


@function("single")
def single(_: Scope, items: list[Item]) -> list[Item]:
    scopes.single(items, "single()")
    return items
