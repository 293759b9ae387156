"""What the CapabilityStatement says of the search parameters of each type.

http://hl7.org/fhir/R4/capabilitystatement.html
"""

from typing import Any

from fhir_server.definitions import definitions
from fhir_server.search.condition import modifiers
from fhir_server.search.parameters import Parameter, parameters
from fhir_server.search.registry import registry

EXPRESSIONS = ("_filter",)
"""Parameters that are made of others; they have no values of their own."""


def described(type_: str) -> list[dict[str, Any]]:
    """CapabilityStatement.rest.resource.searchParam of this type: name, definition, type, documentation."""
    known = registry().defined(type_)
    found = [(p.definition, _modifiers(p)) for p in parameters(type_).values()]
    found += [(known[code], "") for code in EXPRESSIONS if code in known]
    return [
        {
            "name": definition.code,
            "definition": definition.url,
            "type": definition.type,
            "documentation": _documentation(definition.description, type_) + more,
        }
        for definition, more in found
    ]


def _modifiers(parameter: Parameter) -> str:
    """R4's CapabilityStatement has no place for them but the documentation. A reference's types are said in one."""
    found = modifiers(parameter)
    own = [modifier for modifier in found if not definitions().is_resource(modifier)]
    if len(own) < len(found):
        own.append("[type]")
    return f" (modifiers: {', '.join(f':{modifier}' for modifier in own)})" if own else ""


def _documentation(description: str, type_: str) -> str:
    """R4's sentence; of a description with one line per type, that of this type."""
    for line in description.splitlines():
        mark, found, text = line.partition(f"[{type_}]")
        if found and mark.strip() == "*":
            return text.partition(": ")[2].strip()
    return description.strip()
