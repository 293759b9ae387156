"""Local references (`#id`) lead to a resource that is contained beside them: invariant ref-1.

http://hl7.org/fhir/R4/references.html#contained

In code and not by its expression, which looks through all contained resources at each reference.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from fhir_server.definitions import Constraint, definitions
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import container, nearest
from fhir_server.outcome import Issue


class LocalReferences:
    """Those of one resource, and of the resources in it."""

    def __init__(self) -> None:
        self._ids: dict[int, frozenset[str]] = {}

    def check(self, node: Node) -> Iterator[Issue]:
        """The issue of a Reference that leads to nothing; `#` alone is the container, which is there."""
        literal = node.value.get("reference") if isinstance(node.value, Mapping) else None
        if not isinstance(literal, str) or not literal.startswith("#") or literal == "#":
            return
        holder = container(nearest(node)).value
        ids = self._ids.get(id(holder))
        if ids is None:
            ids = self._ids[id(holder)] = frozenset(
                one["id"] for one in holder.get("contained", ()) if isinstance(one.get("id"), str)
            )
        if literal[1:] not in ids:
            rule = _rule()
            yield Issue("invariant", f"ref-1: {rule.human}", (node.path,), "error", rule.expression)


def glance(value: Mapping[str, Any]) -> bool:
    """Whether nothing can be wrong: the reference is not local."""
    literal = value.get("reference")
    return not isinstance(literal, str) or not literal.startswith("#")


@cache
def _rule() -> Constraint:
    return next(rule for rule in definitions().constraints["Reference"] if rule.key == "ref-1")
