"""From XML to the JSON tree: every element is looked up in the definitions, every fault is told with line and FHIRPath.

http://hl7.org/fhir/R4/xml.html
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from lxml import etree

from fhir_server.definitions import Element, definitions
from fhir_server.formats import json, narrative
from fhir_server.formats.numbers import NumberRefused, decimal, integer
from fhir_server.formats.strict import MAX_DEPTH
from fhir_server.formats.xml.document import FHIR, XHTML, document
from fhir_server.outcome import Invalid, Issue

MAX_ISSUES: Final = 100

_PREFIX: Final = f"{{{FHIR}}}"
_SCHEMA_LOCATION: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_TRUTH: Final = {"true": True, "false": False}

Json = dict[str, Any]


def from_xml(raw: bytes) -> Json:
    """The resource `raw` as the tree that `json.parse` gives; Invalid with all problems, each with its line and FHIRPath.

    Comments and xsi:schemaLocation are left out, decimals keep their digits, a div its source. Refused: what is not
    UTF-8, DOCTYPE, processing instructions, other namespaces, unknown or misplaced elements, attributes and text.
    """
    root, source = document(raw)
    reading = _Reading(source)
    tree = reading.resource(root, "", at_root=True)
    if reading.issues:
        raise Invalid(issues=reading.issues[:MAX_ISSUES])
    return json.parse(json.dumps(tree)).tree  # the very refusals of JSON: depth, characters, numbers


@cache
def _positions(type: str) -> Mapping[str, tuple[int, Element]]:  # noqa: A002
    """XML name → place in R4's order (one for all types of a choice) and Element, of the child elements of `type`."""
    positions: dict[str, tuple[int, Element]] = {}
    choices: dict[str, int] = {}
    for place, element in enumerate(definitions().elements(type).values()):
        shared = choices.setdefault(element.choice, place) if element.choice else place
        positions[element.name] = (shared, element)
    return positions


class _Reading:
    """One document being read; `issues` fill up on the way."""

    def __init__(self, source: str) -> None:
        self.issues: list[Issue] = []
        self._source = source
        self._divs: list[str] | None = None
        self._divs_met = 0
        self._depth = 0

    def resource(self, node: etree._Element, path: str, *, at_root: bool = False) -> Json:
        """The resource that `node` is, at `path` ("" for the document itself)."""
        name = self._name(node)
        if name is None or not definitions().is_resource(name):
            self._refuse(node, path, f"{node.tag!s} is not an R4 resource type in the namespace {FHIR}")
            return {}
        for attribute in map(str, node.attrib):
            if not (at_root and attribute == _SCHEMA_LOCATION):
                self._refuse(node, path or name, f"{name} has the attribute {attribute}; resources have none")
        tree: Json = {"resourceType": name}
        self._members(node, name, path or name, tree)
        return tree

    def _name(self, node: etree._Element) -> str | None:
        """The local name of a FHIR element, None for other namespaces."""
        tag = str(node.tag)
        return tag[len(_PREFIX) :] if tag.startswith(_PREFIX) else None

    def _refuse(self, node: etree._Element, path: str, text: str, code: str = "structure") -> None:
        self.issues.append(Issue(code, f"{text} (line {node.sourceline})", (path,) if path else ()))

    def _complex(self, node: etree._Element, type: str, path: str) -> Json:  # noqa: A002
        tree: Json = {}
        positions = _positions(type)
        for attribute, value in _attributes(node):
            known = positions.get(attribute)
            if known and known[1].bare:
                tree[attribute] = value
            else:
                self._refuse(node, path, f"The attribute {attribute} is not allowed here")
        self._members(node, type, path, tree)
        return tree

    def _members(self, node: etree._Element, type: str, path: str, tree: Json) -> None:  # noqa: A002
        self._depth += 1
        if self._depth <= MAX_DEPTH:
            self._children(node, type, path, tree)
        else:
            self._refuse(node, path, f"The document is nested deeper than {MAX_DEPTH} levels; no resource needs that")
        self._depth -= 1

    def _children(self, node: etree._Element, type: str, path: str, tree: Json) -> None:  # noqa: A002
        positions, last, counts = _positions(type), 0, dict[str, int]()
        attributes_only = not definitions().is_resource(type)
        self._refuse_text(node, node.text, path)
        for child in node:
            self._refuse_text(node, child.tail, path)
            name = self._name(child)
            if name is None and child.tag == f"{{{XHTML}}}div":
                name = "div"
            elif name == "div":
                name = None
            known = positions.get(name) if name else None
            if known is None or (known[1].bare and attributes_only):
                self._refuse(child, f"{path}.{name or etree.QName(child).localname}", _unknown(child, type))
                continue
            place, element = known
            nth = counts.get(element.name, 0)
            counts[element.name] = nth + 1
            label = element.choice or element.name
            below = f"{path}.{label}[{nth}]" if element.repeats else f"{path}.{label}"
            if place < last:
                self._refuse(
                    child, below, f"{name} comes too late; R4 puts it before the elements that precede it here"
                )
            elif nth and not element.repeats:
                self._refuse(child, below, f"{name} is there more than once; it may be there once")
            else:
                last = place
                self._member(child, element, below, tree)
        _drop_empty(tree, counts, positions)

    def _refuse_text(self, node: etree._Element, text: str | None, path: str) -> None:
        if text and text.strip(" \t\r\n"):
            self._refuse(node, path, "Text stands between the elements; values stand in value attributes", "invalid")

    def _member(self, node: etree._Element, element: Element, path: str, tree: Json) -> None:
        sibling: Json | None = None
        value: Any
        if element.type == "xhtml":
            value = self._div(node, path)
        elif element.primitive:
            value, sibling = self._primitive(node, element, path)
        elif element.type == "Resource":
            value = self._nested(node, path)
        else:
            value = self._complex(node, element.type, path)
        if element.repeats:
            tree.setdefault(element.name, []).append(value)
            if element.sibling:
                tree.setdefault(element.sibling, []).append(sibling)
        else:
            if value is not None:
                tree[element.name] = value
            if sibling is not None and element.sibling:
                tree[element.sibling] = sibling

    def _nested(self, node: etree._Element, path: str) -> Json:
        """The one resource in `contained`, Bundle.entry.resource or Parameters.parameter.resource."""
        self._refuse_text(node, node.text, path)
        for attribute in map(str, node.attrib):
            self._refuse(node, path, f"The attribute {attribute} is not allowed here")
        if len(node) != 1:
            self._refuse(node, path, f"{len(node)} resources stand here; exactly one may")
            return {}
        self._refuse_text(node, node[0].tail, path)
        return self.resource(node[0], path)

    def _primitive(self, node: etree._Element, element: Element, path: str) -> tuple[Any, Json | None]:
        """The JSON value and what stands beside it under `_name`; None for what is not there."""
        value, sibling = None, dict[str, Any]()
        for attribute, text in _attributes(node):
            if attribute == "value":
                value = self._value(node, element.type, text, path)
            elif attribute == "id" and not element.bare:
                sibling["id"] = text
            else:
                self._refuse(node, path, f"The attribute {attribute} is not allowed here")
        if len(node) and element.bare:
            self._refuse(node, path, f"{element.name} holds no elements")
        elif len(node) or node.text:
            self._members(node, "Element", path, sibling)
        if "value" not in node.attrib and not sibling:
            self._refuse(node, path, f"{element.name} has neither a value nor an extension", "required")
        return value, sibling or None

    def _value(self, node: etree._Element, type: str, text: str, path: str) -> Any:  # noqa: A002
        kind = definitions().primitive(type).json
        try:
            if kind == "boolean" and text in _TRUTH:
                return _TRUTH[text]
            if kind == "integer" and _INTEGER.fullmatch(text):
                return integer(text)
            if kind == "decimal" and _NUMBER.fullmatch(text):
                return integer(text) if _INTEGER.fullmatch(text) else decimal(text)
        except NumberRefused as refused:
            self._refuse(node, path, refused.reason, "value")
            return None
        if kind == "string":
            return text
        self._refuse(node, path, f"{text[:100]!r} is not of type {type}", "value")
        return None

    def _div(self, node: etree._Element, path: str) -> str:
        if self._divs is None:
            self._divs = narrative.sources(self._source)
        source = self._divs[self._divs_met] if self._divs_met < len(self._divs) else ""
        self._divs_met += 1
        div = narrative.verbatim(source, node)
        try:
            narrative.refuse_second_reading(source)
            narrative.parsed(div)
        except Invalid as error:
            self._refuse(node, path, str(error))
        return div


def _attributes(node: etree._Element) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in node.attrib.items()]


def _unknown(node: etree._Element, type: str) -> str:  # noqa: A002
    name = etree.QName(node)
    if name.namespace != FHIR and name.localname != "div":
        return f"The element {name.localname} is in the namespace {name.namespace or '(none)'}; FHIR's is {FHIR}"
    if name.localname == "div" and name.namespace == FHIR:
        return f"The element div is in the namespace {FHIR}; narrative is in {XHTML}"
    return f"{type} has no element {name.localname}"


def _drop_empty(tree: Json, counts: Mapping[str, int], positions: Mapping[str, tuple[int, Element]]) -> None:
    """Arrays of nothing but nulls go: all values absent, or no value has an id or extension."""
    for name in counts:
        element = positions[name][1]
        for key in (name, element.sibling):
            if key and element.repeats and element.primitive and all(value is None for value in tree.get(key, ())):
                tree.pop(key, None)
