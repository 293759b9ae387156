"""From the JSON tree to XML: elements in R4's order, values in attributes, narrative as it stands.

http://hl7.org/fhir/R4/xml.html
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

import orjson

from fhir_server.definitions import Element, definitions
from fhir_server.formats import json, narrative
from fhir_server.formats.numbers import Exact
from fhir_server.formats.strict import MAX_DEPTH
from fhir_server.formats.xml.document import FHIR
from fhir_server.outcome import Invalid

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_TO_ESCAPE: Final = re.compile('[\x00-\x1f&<>"\ud800-\udfff\ufffe\uffff]')
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def to_xml(resource: Mapping[str, Any] | bytes, *, pretty: bool = False) -> bytes:
    """The XML of a resource, given as tree or as the JSON bytes of a version; valid against fhir-single.xsd where it is.

    Invalid with the FHIRPath for what R4 does not know; `pretty` puts each element on its own line, narrative excepted.
    """
    tree = json.parse(resource).tree if isinstance(resource, bytes) else resource
    writing = _Writing(pretty=pretty)
    writing.resource(tree, "", 0)
    return (_DECLARATION + "".join(writing.pieces).lstrip("\n") + ("\n" if pretty else "")).encode()


@cache
def _plan(type: str) -> tuple[tuple[Element, ...], tuple[Element, ...], frozenset[str]]:  # noqa: A002
    """Of a type: the elements that XML writes as attributes, those it writes as elements, all JSON names."""
    elements = tuple(definitions().elements(type).values())
    attributes = () if definitions().is_resource(type) else tuple(e for e in elements if e.bare)
    children = tuple(e for e in elements if e not in attributes)
    names = {e.name for e in elements} | {e.sibling for e in elements if e.sibling}
    if definitions().is_resource(type):
        names.add("resourceType")
    return attributes, children, frozenset(names)


class _Writing:
    """One document being written: `pieces` joined are its text."""

    def __init__(self, *, pretty: bool) -> None:
        self.pieces: list[str] = []
        self._pretty = pretty

    def _start(self, depth: int) -> str:
        if depth > MAX_DEPTH + 1:
            raise Invalid(f"The resource is nested deeper than {MAX_DEPTH} levels; no resource needs that")
        return "\n" + "  " * depth if self._pretty else ""

    def resource(self, tree: object, path: str, depth: int) -> None:
        type_ = tree.get("resourceType") if isinstance(tree, Mapping) else None
        if not isinstance(tree, Mapping) or not isinstance(type_, str) or not definitions().is_resource(type_):
            raise Invalid(f"{type_!r} is not an R4 resource type", expression=path or ())
        namespace = "" if path else f' xmlns="{FHIR}"'
        start = self._start(depth)
        self.pieces.append(f"{start}<{type_}{namespace}>")
        self._members(tree, type_, path or type_, depth + 1)
        self.pieces.append(f"{start}</{type_}>")

    def _members(self, tree: Mapping[str, Any], type: str, path: str, depth: int) -> None:  # noqa: A002
        _, children, names = _plan(type)
        if not names.issuperset(tree):
            unknown = next(str(name) for name in tree if name not in names)
            raise Invalid(f"{type} has no element {unknown}", expression=f"{path}.{unknown}")
        for element in children:
            value = tree.get(element.name)
            sibling = tree.get(element.sibling) if element.sibling else None
            if value is None and sibling is None:
                continue
            label = f"{path}.{element.choice or element.name}"
            if not element.repeats:
                self._member(element, value, sibling, label, depth)
                continue
            values, siblings = _array(value, label), _array(sibling, label)
            for position in range(max(len(values), len(siblings))):
                one = values[position] if position < len(values) else None
                beside = siblings[position] if position < len(siblings) else None
                self._member(element, one, beside, f"{label}[{position}]", depth)

    def _member(self, element: Element, value: Any, sibling: Any, path: str, depth: int) -> None:
        if element.type == "xhtml":
            self._div(value, path, depth)
        elif element.primitive:
            self._primitive(element.name, value, sibling, path, depth)
        elif element.type == "Resource":
            start = self._start(depth)
            self.pieces.append(f"{start}<{element.name}>")
            self.resource(value, path, depth + 1)
            self.pieces.append(f"{start}</{element.name}>")
        elif isinstance(value, Mapping):
            self._complex(element, value, path, depth)
        else:
            raise Invalid(f"{element.name} is an object in JSON", expression=path)

    def _complex(self, element: Element, tree: Mapping[str, Any], path: str, depth: int) -> None:
        attributes, _, _ = _plan(element.type)
        present = [a.name for a in attributes if a.name in tree]
        written = "".join(f' {name}="{_text(tree[name], path)}"' for name in present)
        start = self._start(depth)
        if len(present) == len(tree):
            self.pieces.append(f"{start}<{element.name}{written}/>")
            return
        self.pieces.append(f"{start}<{element.name}{written}>")
        self._members(tree, element.type, path, depth + 1)
        self.pieces.append(f"{start}</{element.name}>")

    def _primitive(self, name: str, value: Any, sibling: Any, path: str, depth: int) -> None:
        if sibling is not None and not isinstance(sibling, Mapping):
            raise Invalid(f"_{name} is an object in JSON", expression=path)
        beside = sibling or {}
        written = f' id="{_text(beside["id"], path)}"' if "id" in beside else ""
        if value is not None:
            written += f' value="{_text(value, path)}"'
        elif not beside:
            raise Invalid(f"{name} has neither a value nor an extension", code="required", expression=path)
        start = self._start(depth)
        if beside.keys() <= {"id"}:
            self.pieces.append(f"{start}<{name}{written}/>")
            return
        self.pieces.append(f"{start}<{name}{written}>")
        self._members(beside, "Element", path, depth + 1)
        self.pieces.append(f"{start}</{name}>")

    def _div(self, value: Any, path: str, depth: int) -> None:
        if not isinstance(value, str):
            raise Invalid("The div is a string in JSON", expression=path)
        try:
            narrative.parsed(value)
        except Invalid as error:
            raise Invalid(str(error), expression=path) from None
        self.pieces.append(self._start(depth) + value)


def _array(value: object, path: str) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, list):
        return value
    raise Invalid("An element that may repeat is an array in JSON", expression=path)


def _text(value: object, path: str) -> str:
    """A value as the text of an attribute."""
    if isinstance(value, str):
        if not _TO_ESCAPE.search(value):
            return value
        return _TO_ESCAPE.sub(lambda found: _escaped(found[0], path), value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Exact):
        return value.text
    if isinstance(value, float):
        return orjson.dumps(value).decode()
    if isinstance(value, int | Decimal):
        return str(value)
    raise Invalid("A primitive is a string, a number or a boolean in JSON", expression=path)


def _escaped(character: str, path: str) -> str:
    escape = _ESCAPES.get(character)
    if escape is None:
        raise Invalid(f"The character U+{ord(character):04X} cannot stand in XML", code="value", expression=path)
    return escape
