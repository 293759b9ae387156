"""Types: is, as, ofType, type.

http://hl7.org/fhirpath/N1/#types
"""

from fhir_server.fhirpath import scope as scopes
from fhir_server.fhirpath import types
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, Node
from fhir_server.fhirpath.scope import Scope
from fhir_server.fhirpath.types import Type
from fhir_server.fhirpath.values import Quantity, type_of


def _is(item: Item, wanted: Type) -> bool:
    if isinstance(item, Node):
        return wanted.namespace == "FHIR" and types.is_subtype(item.type, wanted.name)
    if isinstance(item, Quantity) and wanted == Type("FHIR", "Quantity"):
        return True
    return wanted.namespace == "System" and wanted.name in {type_of(item), "Any"}


def _selected(item: Item, wanted: Type) -> bool:
    """As is, but a primitive is selected by its own type only: as(uri) leaves a canonical out (R4's dom-3 counts on it)."""
    if isinstance(item, Node) and types.is_primitive(item.type):
        return wanted == Type("FHIR", item.type)
    return _is(item, wanted)


@function("is", 1, takes_type=True)
def is_(_: Scope, items: list[Item], wanted: Type) -> list[Item]:
    item = scopes.single(items, "is")
    return [] if item is None else [_is(item, wanted)]


@function("as", 1, takes_type=True)
def as_(scope: Scope, items: list[Item], wanted: Type) -> list[Item]:
    """Of several items those of the type, as R4's own expressions need it (dom-3); an error in strict evaluation."""
    if scope.run.strict:
        scopes.single(items, "as")
    return [item for item in items if _selected(item, wanted)]


@function("ofType", 1, takes_type=True)
def of_type(_: Scope, items: list[Item], wanted: Type) -> list[Item]:
    return [item for item in items if _selected(item, wanted)]


@function("type")
def type_(_: Scope, items: list[Item]) -> list[Item]:
    return [Type("FHIR", item.type) if isinstance(item, Node) else Type("System", type_of(item)) for item in items]
