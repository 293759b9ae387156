"""Terminology: memberOf, subsumes, subsumedBy, answered by whom the caller brings.

http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, Node
from fhir_server.fhirpath.scope import Evaluate, Scope, single, text


@function("memberOf", 1)
def member_of(scope: Scope, items: list[Item], value_set: Evaluate) -> list[Item]:
    """Whether a code, Coding or CodeableConcept is in the value set; empty where that cannot be told."""
    url, item = text(value_set(scope), "memberOf()"), single(items, "memberOf()")
    if url is None or item is None:
        return []
    ask = scope.run.environment.member_of
    if ask is None or not isinstance(item, Node):
        raise FhirPathError("memberOf() is not available here" if ask is None else "memberOf() needs a coded element")
    try:
        found = ask(item, url)
    except KeyError:
        raise FhirPathError(f"memberOf(): the value set {url} is not known here") from None
    return [] if found is None else [found]


@function("subsumes", 1)
def subsumes(scope: Scope, items: list[Item], code: Evaluate) -> list[Item]:
    return _subsumes(scope, items, code(scope), "subsumes()")


@function("subsumedBy", 1)
def subsumed_by(scope: Scope, items: list[Item], code: Evaluate) -> list[Item]:
    return _subsumes(scope, code(scope), items, "subsumedBy()")


def _subsumes(scope: Scope, wider: list[Item], narrower: list[Item], name: str) -> list[Item]:
    left, right = single(wider, name), single(narrower, name)
    if left is None or right is None:
        return []
    ask = scope.run.environment.subsumes
    if ask is None or not isinstance(left, Node) or not isinstance(right, Node):
        raise FhirPathError(f"{name} is not available here" if ask is None else f"{name} needs two coded elements")
    found = ask(left, right)
    return [] if found is None else [found]
