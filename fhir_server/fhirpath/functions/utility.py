"""Utility: iif, trace, now, today, timeOfDay.

http://hl7.org/fhirpath/N1/#utility-functions
"""

from datetime import datetime

from fhir_server.fhirpath import temporal
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, system
from fhir_server.fhirpath.scope import Evaluate, Scope, single, truth


@function("iif", 2, 3)
def iif(
    scope: Scope, items: list[Item], criterion: Evaluate, then: Evaluate, other: Evaluate | None = None
) -> list[Item]:
    """Only the branch that is taken is evaluated; a collection before the dot is `$this` in all three."""
    inner = scope
    if items is not scope.this and items:
        item = single(items, "iif()")
        inner = Scope(scope.run, [] if item is None else [item], 0, scope.total)
    found = criterion(inner)
    if scope.run.strict and any(not isinstance(system(item), bool) for item in found):
        raise FhirPathError("iif() needs a Boolean criterion")
    if truth(found, "iif()"):
        return then(inner)
    return other(inner) if other else []


@function("trace", 1, 2)
def trace(scope: Scope, items: list[Item], name: Evaluate, projection: Evaluate | None = None) -> list[Item]:
    """The collection itself; nothing is logged, for values are patient data."""
    name(scope)
    if projection:
        for at, item in enumerate(items):
            projection(scope.inner(item, at))
    return items


def _moment(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")


@function("now")
def now(scope: Scope, _: list[Item]) -> list[Item]:
    return _parsed(_moment(scope.run.now), "DateTime")


@function("today")
def today(scope: Scope, _: list[Item]) -> list[Item]:
    return _parsed(_moment(scope.run.now)[:10], "Date")


@function("timeOfDay")
def time_of_day(scope: Scope, _: list[Item]) -> list[Item]:
    return _parsed(_moment(scope.run.now)[11:23], "Time")


def _parsed(text: str, kind: temporal.Kind) -> list[Item]:
    value = temporal.parse(text, kind)
    assert value is not None
    return [value]
