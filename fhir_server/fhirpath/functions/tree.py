"""Tree navigation: children, descendants.

http://hl7.org/fhirpath/N1/#tree-navigation
"""

from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, Node
from fhir_server.fhirpath.scope import Scope


@function("children")
def children(scope: Scope, items: list[Item]) -> list[Item]:
    found: list[Item] = []
    for item in items:
        if isinstance(item, Node):
            found.extend(item.children())
    scope.run.budget.spend(len(found))
    return found


@function("descendants")
def descendants(scope: Scope, items: list[Item]) -> list[Item]:
    """All elements below, level by level: no element comes twice, so no comparison is needed."""
    found: list[Item] = []
    level = children(scope, items)
    while level:
        found += level
        level = children(scope, level)
    return found
