"""FHIRPath (N1 as R4 uses it): find, test and calculate with elements of a resource.

http://hl7.org/fhir/R4/fhirpath.html
"""

from fhir_server.fhirpath.budget import Budget
from fhir_server.fhirpath.errors import FhirPathError, TooCostly
from fhir_server.fhirpath.expression import Expression, compile  # noqa: A004  # the language's word
from fhir_server.fhirpath.node import Item, Node, quantity, root, system
from fhir_server.fhirpath.scope import Environment
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import Quantity

__all__ = [
    "Budget",
    "Environment",
    "Expression",
    "FhirPathError",
    "Item",
    "Node",
    "Quantity",
    "Temporal",
    "TooCostly",
    "compile",
    "quantity",
    "root",
    "system",
]
