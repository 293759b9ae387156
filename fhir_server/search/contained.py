"""_contained: searches for resources that lie within others, as searches for those that contain them.

http://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Mapping
from functools import cache

from fhir_server.definitions import definitions
from fhir_server.search.query import EVERYTHING, NOTHING, Contains, Node, Or
from fhir_server.search.tree import simple


def containers(where: Mapping[str, Node], *, both: bool) -> dict[str, Node]:
    """The trees of what contains a resource that `where` holds for; `both`: or for which it holds itself."""
    inner: Node = Or(tuple(Contains(type_, tree) for type_, tree in where.items() if tree != NOTHING))
    types = dict.fromkeys((*where, *_containers())) if both else dict.fromkeys(_containers())
    return {type_: _tree(type_, inner, where.get(type_, NOTHING) if both else NOTHING) for type_ in types}


def _tree(type_: str, inner: Node, own: Node) -> Node:
    if type_ not in _containers():
        return own
    return EVERYTHING if own == EVERYTHING else simple(Or((own, inner)))


@cache
def _containers() -> tuple[str, ...]:
    """The types that can contain others."""
    return tuple(type_ for type_ in definitions().resource_types if definitions().is_a(type_, "DomainResource"))
