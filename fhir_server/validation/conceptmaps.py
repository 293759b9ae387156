"""A ConceptMap maps concepts of the value set that it names as its source.

http://hl7.org/fhir/R4/conceptmap-definitions.html#ConceptMap.source_x_
"""

from collections.abc import Iterator

from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue
from fhir_server.validation.codes import Codes


def check(codes: Codes, node: Node) -> Iterator[Issue]:
    """The issues of mapped concepts that the source value set does not have; where that cannot be told there is none.

    A warning: R4 says that the source value set contains them, but its own maps of status codes do not keep to that; the
    target value set, it says, is context alone.
    """
    source = node.value.get("sourceCanonical", node.value.get("sourceUri"))
    if not isinstance(source, str):
        return
    for group in node.child("group"):
        system = group.value.get("source")
        for element in group.child("element") if isinstance(system, str) else ():
            code = element.value.get("code")
            if isinstance(code, str) and codes.member(source, system, code) is False:
                text = f"{system}|{code} is not in the source value set {source}"
                yield Issue("code-invalid", text, (f"{element.path}.code",), "warning")
