"""Results of FHIRPath as parts of a Parameters resource, each with its type.

http://hl7.org/fhir/R4/parameters.html; the extensions are those that FHIRPath tools for developers agree upon.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from fhir_server.fhirpath import Item, Node, Quantity, Temporal, types
from fhir_server.formats import json

JSON: Final = "http://fhir.forms-lab.com/StructureDefinition/json-value"
"""The value as JSON, where no value[x] can hold it."""
PATH: Final = "http://fhir.forms-lab.com/StructureDefinition/resource-path"
"""Where it stands in the resource."""

_OPEN: Final = {element.type: element.name for element in types.members("Parameters.parameter", "value")}
"""Type → the value[x] of it."""
_SYSTEM_KINDS: Final = {"Date": "date", "DateTime": "dateTime", "Time": "time"}
_WHOLE: Final = {"date": (1, 2, 3), "dateTime": (1, 2, 3, 6), "time": (3,)}
"""How many parts R4 allows."""
_DATE: Final = 3


def part(item: Item) -> dict[str, Any]:
    """The part: `name` is the type, FHIR's for elements and values of the language alike (`string`, `HumanName`, `Patient`)."""
    if not isinstance(item, Node):
        return _value(item)
    found: dict[str, Any] = {"name": item.type}
    if isinstance(item.value, Mapping) and types.is_resource(item.type):
        return {**found, "resource": item.value}
    held = _held(item.type, item.value)
    if item.sibling is not None and item.type in _OPEN:
        held[f"_{_OPEN[item.type]}"] = item.sibling
    extensions = [{"url": PATH, "valueString": item.path}, *held.pop("extension", ())]
    return {**found, "extension": extensions, **held}


def _held(type_: str, value: Any) -> dict[str, Any]:
    name = _OPEN.get(type_)
    if value is None:
        return {}
    if name is not None and value != "":
        return {name: value}
    text = json.dumps({"": value}).decode()[4:-1]
    return {"extension": [{"url": JSON, "valueString": text}]}


def _value(value: Any) -> dict[str, Any]:
    """A value of the language."""
    match value:
        case bool():
            return _typed("boolean", value)
        case int():
            return _typed("integer", value)
        case Decimal():
            return _typed("decimal", value)
        case Quantity():
            coded = {} if value.word else {"system": "http://unitsofmeasure.org", "code": value.unit}
            return _typed("Quantity", {"value": value.value, "unit": value.unit, **coded})
        case Temporal():
            type_, parts = _SYSTEM_KINDS[value.kind], len(value.parts)
            whole = parts in _WHOLE[type_] and (type_ != "dateTime" or value.offset is not None or parts <= _DATE)
            return _typed(type_, str(value), whole=whole)
        case _:
            return _typed("string", str(value))


def _typed(type_: str, value: Any, *, whole: bool = True) -> dict[str, Any]:
    """`whole` False: R4's type cannot hold it (T10)."""
    return {"name": type_, **_held(type_ if whole else "", value)}
