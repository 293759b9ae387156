"""R4's definitions: all that is known about types, search parameters, compartments and operations comes from here.

http://hl7.org/fhir/R4/resourcelist.html
"""

from fhir_server.definitions.load import Definitions, definitions
from fhir_server.definitions.model import (
    Binding,
    CodeSystem,
    Compartment,
    Component,
    Concept,
    Constraint,
    Element,
    OperationDefinition,
    OperationParameter,
    Primitive,
    SearchParameter,
)

__all__ = [
    "Binding",
    "CodeSystem",
    "Compartment",
    "Component",
    "Concept",
    "Constraint",
    "Definitions",
    "Element",
    "OperationDefinition",
    "OperationParameter",
    "Primitive",
    "SearchParameter",
    "definitions",
]
