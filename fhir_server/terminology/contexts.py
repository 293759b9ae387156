"""The value set that an element is bound to, as $expand and $validate-code take it: [profile]#[element].

http://hl7.org/fhir/R4/valueset-operation-expand.html (context)
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.terminology.sources import Sources, shown

Json = Mapping[str, Any]
CORE = "http://hl7.org/fhir/StructureDefinition/"


async def bound(sources: Sources, context: str) -> str:
    """The canonical of the value set. Raises BadRequest where the element is not known, or not bound."""
    url, _, element = context.partition("#")
    found = await sources.stored("StructureDefinition", url) if element else None
    canonical = _in_profile(found.resource, element) if found is not None else _in_core(url, element)
    if canonical is None:
        raise BadRequest(
            f"{shown(context)} names no element with a value set that is known here: [profile]#[element] is expected",
            code="not-found",
            expression="http.context",
        )
    return canonical


def _in_profile(resource: Json, element: str) -> str | None:
    for view in ("snapshot", "differential"):
        for each in resource.get(view, {}).get("element", ()):
            if element in (each.get("id"), each.get("path")) and "valueSet" in each.get("binding", {}):
                return str(each["binding"]["valueSet"])
    return _in_core(str(resource.get("baseDefinition", "")), element)


def _in_core(url: str, path: str) -> str | None:
    """Of R4's own types, the element being a path as in Patient.contact.gender."""
    type_ = url.partition("|")[0].removeprefix(CORE)
    parent = path.rpartition(".")[0]
    if path.partition(".")[0] != type_ or not parent or not url.startswith(CORE):
        return None
    known = definitions()
    if parent != type_ and parent not in known.inline_types and not known.is_resource(type_):
        return None
    try:
        elements = known.elements(parent)
    except KeyError:
        return None
    return next((e.binding.value_set for e in elements.values() if e.path == path and e.binding is not None), None)
