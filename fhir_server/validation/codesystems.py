"""Properties of a CodeSystem's concepts: each is defined once, and values are of the type that the definition says.

http://hl7.org/fhir/R4/codesystem.html#properties and http://hl7.org/fhir/R4/codesystem-concept-properties.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue

STANDARD: Final = "http://hl7.org/fhir/concept-properties#"
TYPES: Final = {
    "inactive": "boolean",
    "deprecated": "dateTime",
    "notSelectable": "boolean",
    "parent": "code",
    "child": "code",
}
"""R4's own concept properties and their types."""


def check(node: Node) -> Iterator[Issue]:
    """The issues of a code system's properties."""
    defined: dict[str, str] = {}
    uris: set[str] = set()
    for one in node.child("property"):
        code, uri, type_ = (one.value.get(name) for name in ("code", "uri", "type"))
        right = TYPES.get(str(uri).removeprefix(STANDARD)) if str(uri).startswith(STANDARD) else None
        if right is not None and type_ != right:
            yield Issue("business-rule", f"{uri} is of type {right}, not {type_}", (f"{one.path}.type",))
        if code in defined:
            yield Issue("business-rule", f"the property {code!r} is defined twice", (f"{one.path}.code",))
        if uri is not None and uri in uris:
            yield Issue("business-rule", f"another property has the URI {uri} already", (f"{one.path}.uri",))
        defined.setdefault(str(code), str(type_))
        uris.add(str(uri))
    yield from _concepts(node, defined)
    count = node.value.get("count")
    if count is not None and node.value.get("content") == "complete" and (there := _number(node.value)) != count:
        text = f"{there} concepts are here, and the code system is complete; count says {count}"
        yield Issue("business-rule", text, (f"{node.path}.count",))


def _number(value: Mapping[str, Any]) -> int:
    """How many concepts there are, one within another."""
    return sum(1 + _number(concept) for concept in value.get("concept", ()))


def _concepts(node: Node, defined: Mapping[str, str]) -> Iterator[Issue]:
    for concept in node.child("concept"):
        for one in concept.child("property"):
            code, right = one.value.get("code"), defined.get(str(one.value.get("code")))
            given = _type(one.value)
            if right is not None and given is not None and given != right:
                text = f"the property {code!r} is defined to be of type {right}; here it is a {given}"
                yield Issue("business-rule", text, (f"{one.path}.value",))
        yield from _concepts(concept, defined)


def _type(value: Mapping[str, Any]) -> str | None:
    name = next((key for key in value if key.startswith("value")), None)
    return None if name is None else name[5:6].lower() + name[6:]
