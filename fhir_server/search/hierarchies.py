"""Hierarchies of resources: the parameter by which a type says what it is part of.

http://hl7.org/fhir/R4/search.html#recursive
"""

from fhir_server.search.parameters import parameters
from fhir_server.search.registry import remembered

CODES = ("partof", "part-of", "parent")
"""R4's parameters for what a resource is a part of, or (of devices and specimens) comes from."""


@remembered
def hierarchy(type_: str) -> str:
    """The code under which resources of this type keep their references to the larger one of the same type; "" where they
    stand in no hierarchy.
    """
    for code in CODES:
        parameter = parameters(type_).get(code)
        if parameter is not None and parameter.type == "reference" and type_ in parameter.targets:
            return parameter.stored[0]
    return ""
