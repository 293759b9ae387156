"""Index entries of parameters whose expression is FHIRPath beyond simple paths: evaluated for each resource.

http://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import Budget, FhirPathError, Node, Quantity, Temporal
from fhir_server.fhirpath import compile as compiled
from fhir_server.fhirpath.node import Item
from fhir_server.outcome import Unprocessable
from fhir_server.search.query import IndexEntry
from fhir_server.search.types import CONVERTERS

UCUM = "http://unitsofmeasure.org"
MAX_STEPS = 50_000
MAX_SECONDS = 0.05
"""What one expression may cost at a write."""

Add = Callable[[IndexEntry], None]


def computed(code: str, kind: str, expression: str) -> Callable[[Add, Mapping[str, Any], str], None]:
    """What adds the entries of one parameter: (add, resource, base URL).

    Raises Unprocessable where the expression cannot be evaluated on the resource: it would be missing from searches.
    """
    parsed, converters = compiled(expression), CONVERTERS[kind]

    def entries(add: Add, resource: Mapping[str, Any], base: str) -> None:
        try:
            found = parsed.evaluate(resource, budget=Budget(MAX_STEPS, MAX_SECONDS))
        except FhirPathError as error:
            raise Unprocessable(
                f"The search parameter {code} cannot be worked out: {error}", code="processing"
            ) from error
        for item in found:
            type_, value = _plain(item)
            converter = converters.get(type_)
            if converter is None or value is None:
                continue
            if kind == "reference":
                converter(add, code, value, 0, base)
            else:
                converter(add, code, value, 0)

    return entries


def _plain(item: Item) -> tuple[str, Any]:
    """FHIR type and JSON value of a result."""
    match item:
        case Node():
            return item.type, item.value
        case bool():
            return "boolean", item
        case str():
            return "string", item
        case int():
            return "integer", item
        case Decimal():
            return "decimal", float(item)
        case Temporal():
            return {"Date": "date", "DateTime": "dateTime"}.get(item.kind, "time"), str(item)
        case Quantity():
            return "Quantity", {"value": float(item.value), "system": UCUM, "code": item.unit}
        case _:
            return "", None
