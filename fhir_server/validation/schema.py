"""One JSON Schema (draft 4) for all R4 resource types, generated from the definitions.

http://hl7.org/fhir/R4/json.html and http://hl7.org/fhir/R4/validation.html

The schema describes `{"Patient": <the resource>}`, so that one validator with shared definitions serves every type.
What it accepts is structurally valid, but for narrative, and for resources inside the resource, which are checked one by
one. What it refuses may still be valid in rare ways that JSON Schema cannot state (nulls that align with a `_name` array,
an id or extension in place of a required value); `explain` decides about those. Draft 4, because there 1.0 is no integer.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from fhir_server.definitions import Element, definitions
from fhir_server.validation import primitives

Json = dict[str, Any]

DRAFT: Final = "http://json-schema.org/draft-04/schema#"
FEW: Final = 15


def generate() -> Json:
    """The schema of all resource types."""
    return _Schema().document()


def reference_pattern(targets: tuple[str, ...]) -> str:
    """A Reference.reference to one of `targets` (any type if empty): relative, conditional, contained, or absolute.

    With targets, an absolute URL that ends neither like a RESTful one of them nor like none at all is left to `explain`.
    """
    types = "|".join(targets or definitions().resource_types)
    named = rf"(?:{types})/[A-Za-z0-9\-.]{{1,64}}(?:/_history/[A-Za-z0-9\-.]{{1,64}})?"
    relative = rf"{named}|(?:{types})\?[^\x00-\x20]+"
    scheme = r"[A-Za-z][A-Za-z0-9+.\-]*:"
    absolute = rf"{scheme}[^\x00-\x20]+"
    if targets:
        plain = r"[^\x00-\x20]*/[^\x00-\x20/A-Z_][^\x00-\x20/]*/[^\x00-\x20/]*"
        absolute = rf"{scheme}[^\x00-\x20/][^\x00-\x20]*|{scheme}//[^\x00-\x20]+/{named}|{scheme}{plain}"
    return rf"#[^\x00-\x20]*|{absolute}|{relative}"


class _Schema:
    """Builds the definitions as they are needed, each once."""

    def __init__(self) -> None:
        self._definitions: dict[str, Json] = {}
        self._r4 = definitions()

    def document(self) -> Json:
        properties = {t: self._type(t) for t in self._r4.resource_types}
        return {
            "$schema": DRAFT,
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "definitions": self._definitions,
        }

    def _ref(self, name: str, build: Callable[[], Json]) -> Json:
        """A reference to the definition called `name`, which `build` makes if it is new (it may refer to itself)."""
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name].update(build())
        return {"$ref": f"#/definitions/{name}"}

    def _type(self, name: str) -> Json:
        return self._ref(name, partial(self._object_of, name))

    def _object_of(self, type_name: str) -> Json:
        elements = self._r4.elements(type_name)
        properties: Json = {}
        if self._r4.is_resource(type_name):
            properties["resourceType"] = {"enum": [type_name]}
        choices = _choices(elements)
        for element in elements.values():
            properties[element.name] = self._property(element)
            if element.sibling and (element.choice is None or len(choices[element.choice]) <= FEW):
                sibling = self._ref("_", self._sibling)
                properties[element.sibling] = _array(sibling) if element.repeats else sibling
        required = [e.name for e in elements.values() if e.min and e.choice is None]
        resource = ["resourceType"] if self._r4.is_resource(type_name) else []
        schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        if resource or required:
            schema["required"] = [*resource, *required]
        else:
            schema["minProperties"] = 1
        if not resource:
            schema["dependencies"] = {"id": {"minProperties": 2}}
        if type_name == "Extension":
            return schema | _value_or_extensions(choices["value"])
        return schema | self._exclusive(schema, choices)

    def _exclusive(self, schema: Json, choices: Mapping[str, list[Element]]) -> Json:
        """At most one type of each choice, exactly one of a required choice."""
        dependencies: Json = dict(schema.get("dependencies", {}))
        exactly: list[Json] = []
        for group in choices.values():
            names = [e.name for e in group]
            if group[0].min:
                exactly.append({"oneOf": [{"required": [n]} for n in names]})
            elif len(names) > FEW:
                none = {"not": {"anyOf": [{"required": [n]} for n in names]}}
                exactly.append({"oneOf": [none, *({"required": [n]} for n in names)]})
            siblings = [e.sibling for e in group if e.sibling and e.sibling in schema["properties"]]
            if len(names) <= FEW and len(names) > 1:
                for element in group:
                    own = {element.name, element.sibling}
                    others = [n for n in (*names, *siblings) if n not in own]
                    lock = {"not": {"anyOf": [{"required": [n]} for n in others]}}
                    dependencies |= {n: lock for n in own if n is not None}
        added: Json = {"dependencies": dependencies} if dependencies else {}
        return added | ({"allOf": exactly} if exactly else {})

    def _property(self, element: Element) -> Json:
        value = self._value(element)
        return _array(value) if element.repeats else value

    def _value(self, element: Element) -> Json:
        if element.type == "Resource":
            return {"type": "object", "required": ["resourceType"]}
        bound = self._bound(element)
        if element.primitive:
            if bound is not None:
                return self._ref(_name(element), lambda: {"enum": sorted({c for _, c in bound})})
            return self._ref(element.type, partial(self._primitive, element.type))
        if element.type == "Reference":
            return self._ref("-".join(("Reference", *element.targets)), partial(self._reference, element.targets))
        if bound is not None and element.type in ("Coding", "CodeableConcept"):
            coding = _coding_in(bound)
            rule = (
                coding
                if element.type == "Coding"
                else {
                    "required": ["coding"],
                    "properties": {"coding": {"not": {"items": {"not": coding}}}},
                }
            )
            plain = self._type(element.type)
            return self._ref(f"{element.type}-{_name(element)}", lambda: {"allOf": [plain, rule]})
        return self._type(element.type)

    def _bound(self, element: Element) -> frozenset[tuple[str, str]] | None:
        if element.binding is None or element.binding.strength != "required":
            return None
        return self._r4.value_set_codes(element.binding.value_set)

    def _primitive(self, type_name: str) -> Json:
        kind = self._r4.primitive(type_name).json
        if kind == "string":
            rule = primitives.rule(type_name)
            longest = {} if rule.max_length is None else {"maxLength": rule.max_length}
            return {"type": "string", "pattern": rule.anchored, **longest}
        if kind == "integer":
            low, high = primitives.BOUNDS[type_name]
            return {"type": "integer", "minimum": low, "maximum": high}
        return {"type": "boolean" if kind == "boolean" else "number"}

    def _reference(self, targets: tuple[str, ...]) -> Json:
        schema = self._object_of("Reference")
        longest = {"maxLength": primitives.MAX_STRING}
        schema["properties"]["reference"] = {
            "type": "string",
            "pattern": f"^(?:{reference_pattern(targets)})$",
            **longest,
        }
        return schema

    def _sibling(self) -> Json:
        """`_name` next to a primitive: its extensions; an id alone needs the value, which `explain` looks for."""
        table = self._r4.elements("Element")
        return {
            "type": "object",
            "properties": {e.name: self._property(e) for e in table.values()},
            "required": ["extension"],
            "additionalProperties": False,
        }


def _array(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _choices(elements: Mapping[str, Element]) -> dict[str, list[Element]]:
    groups: dict[str, list[Element]] = {}
    for element in elements.values():
        if element.choice is not None:
            groups.setdefault(element.choice, []).append(element)
    return groups


def _value_or_extensions(values: list[Element]) -> Json:
    """ext-1: extensions or a value. Nearly every extension has two members, and is settled by counting them."""
    return {
        "anyOf": [
            {"minProperties": 2, "maxProperties": 2, "not": {"required": ["id"]}},
            {"oneOf": [{"required": ["extension"]}, *({"required": [e.name]} for e in values)]},
        ]
    }


def _coding_in(codes: frozenset[tuple[str, str]]) -> Json:
    """A Coding whose system and code are among `codes`."""
    by_system = {s: sorted(c for t, c in codes if t == s) for s in sorted({s for s, _ in codes})}
    return {
        "required": ["system", "code"],
        "anyOf": [
            {"properties": {"system": {"enum": [s]}, "code": {"enum": listed}}} for s, listed in by_system.items()
        ],
    }


def _name(element: Element) -> str:
    """The value set of a bound element, fit for a JSON pointer."""
    assert element.binding is not None
    return element.binding.value_set.split("|", maxsplit=1)[0].rpartition("/ValueSet/")[2].replace("/", ".")
