"""XML Patch: add, replace, remove on the XML form of a resource.

https://www.rfc-editor.org/rfc/rfc5261 and http://hl7.org/fhir/R4/http.html#patch
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.patch import nodes
from fhir_server.patch.nodes import Attribute, Comment, Element, Text
from fhir_server.patch.selector import xpath
from fhir_server.patch.tree import MAX_DEPTH

MAX_OPERATIONS: Final = 1_000

_FHIR: Final = "http://hl7.org/fhir"
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_PREFIXES: Final[dict[str | None, str]] = {"f": _FHIR, "h": _XHTML, "xhtml": _XHTML}
_NAME: Final = re.compile(r"(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)")


@dataclass(frozen=True, slots=True)
class _Operation:
    given: etree._Element
    kind: str
    selector: str
    place: str

    def malformed(self, text: str) -> BadRequest:
        return BadRequest(f"{self.kind}: {text}", expression=self.place)

    def impossible(self, text: str) -> Unprocessable:
        return Unprocessable(f"{self.kind} at {self.selector[:200]}: {text}", code="processing", expression=self.place)

    @property
    def namespaces(self) -> dict[str | None, str]:
        return {**_PREFIXES, **self.given.nsmap}


def apply(target: bytes, patch: bytes) -> bytes:
    """The patched XML of `target`.

    BadRequest (400) for a malformed patch or for XML that is not safe, Unprocessable (422) where a selector does not
    name exactly one node or the operation does not fit it; `expression` names the operation ("patch.add[2]").
    """
    document = etree.ElementTree(parse(target, "target"))
    operations = list(_operations(parse(patch, "patch")))
    if not operations:
        raise BadRequest("The XML Patch has no operation: add, replace or remove", expression="patch")
    if len(operations) > MAX_OPERATIONS:
        raise BadRequest(f"A patch may have {MAX_OPERATIONS} operations, not {len(operations)}", code="too-costly")
    kept: list[str] = []
    for operation in operations:
        _APPLY[operation.kind](document, operation)
        kept += _declared(operation)
    etree.cleanup_namespaces(document, keep_ns_prefixes=kept)
    return etree.tostring(document, encoding="UTF-8", xml_declaration=True)


def parse(raw: bytes, what: str) -> etree._Element:
    """The root of `raw`, comments kept; BadRequest for what is not well formed, has a DOCTYPE, entities or instructions."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise BadRequest(f"The {what} has a DOCTYPE; XML is accepted without one")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, collect_ids=False
    )
    try:
        raw.decode()
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise BadRequest(f"The {what} is not well-formed XML at line {line}, column {column}: {error.msg}") from None
    except (LookupError, ValueError):
        raise BadRequest(f"The {what} is not XML in UTF-8") from None
    encoding = root.getroottree().docinfo.encoding or "UTF-8"
    if encoding.upper() not in {"UTF-8", "ASCII", "US-ASCII"}:
        raise BadRequest(f"The {what} is declared to be {encoding}; declare UTF-8")
    around = (*root.itersiblings(etree.PI, preceding=True), *root.itersiblings(etree.PI), *root.iter(etree.PI))
    if around:
        raise BadRequest(f"The {what} has a processing instruction; remove it")
    _measure(root, what)
    return root


def _measure(root: etree._Element, what: str) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The {what} is nested deeper than {MAX_DEPTH} levels", code="too-costly")


def _operations(patch: etree._Element) -> Iterator[_Operation]:
    numbers: dict[str, int] = {}
    for given in patch.iterchildren(etree.Element):
        kind = etree.QName(given).localname
        number = numbers[kind] = numbers.get(kind, -1) + 1
        place = f"patch.{kind}[{number}]"
        selector = given.get("sel")
        if kind not in _APPLY or selector is None:
            raise BadRequest("An operation is add, replace or remove, and has the attribute sel", expression=place)
        yield _Operation(given, kind, selector, place)


def _selected(document: Any, operation: _Operation) -> nodes.Node:
    """The one node that the selector names."""
    path, namespaces = xpath(operation.selector, operation.namespaces, f"{operation.place}.sel")
    try:
        found = etree.XPath(path, namespaces=namespaces, regexp=False, smart_strings=True)(document)
    except etree.XPathError as error:
        raise BadRequest(f"The selector is no XPath: {error}", expression=f"{operation.place}.sel") from None
    if not isinstance(found, list) or len(found) != 1:
        count = len(found) if isinstance(found, list) else 0
        raise operation.impossible(f"the selector must name one node; it names {count or 'none'}")
    return nodes.of(found[0])


def _add(document: Any, operation: _Operation) -> None:
    node = _selected(document, operation)
    kind, position = operation.given.get("type", ""), operation.given.get("pos")
    if kind:
        if not isinstance(node, Element):
            raise operation.impossible("only an element takes an attribute or namespace")
        _add_attribute(document, node.element, kind, operation)
        return
    if position in {"before", "after"}:
        _add_beside(node, operation, before=position == "before")
        return
    if position not in {None, "prepend"}:
        raise operation.malformed("pos is before, after or prepend")
    if not isinstance(node, Element):
        raise operation.impossible("only an element takes content")
    text, children = _content(operation)
    if position == "prepend":
        nodes.prepend(node.element, text, children)
    else:
        nodes.append(node.element, text, children)


def _add_beside(node: nodes.Node, operation: _Operation, *, before: bool) -> None:
    if isinstance(node, Attribute | Text):
        raise operation.impossible("nothing stands before or after an attribute or a text")
    text, children = _content(operation)
    if node.element.getparent() is None:
        raise operation.impossible("nothing but the resource stands at the top")
    nodes.beside(node.element, text, children, before=before)


def _add_attribute(document: Any, element: etree._Element, kind: str, operation: _Operation) -> None:
    """type="@name" is an attribute, type="namespace::prefix" a declaration."""
    if len(operation.given):
        raise operation.malformed("an attribute or namespace is text")
    text = operation.given.text or ""
    if kind.startswith("namespace::"):
        prefix = kind.removeprefix("namespace::")
        if not _NAME.fullmatch(prefix) or ":" in prefix or prefix.lower().startswith("xml") or not text.strip():
            raise operation.malformed("type is @name or namespace::prefix")
        nodes.declare(document, element, prefix, text.strip())
        return
    found = _NAME.fullmatch(kind.removeprefix("@").removeprefix("attribute::"))
    if not found or not kind.startswith(("@", "attribute::")):
        raise operation.malformed("type is @name or namespace::prefix")
    uri = operation.namespaces.get(found[1]) if found[1] else None
    if found[1] and not uri:
        raise operation.malformed(f"the prefix {found[1]} is not declared")
    name = f"{{{uri}}}{found[2]}" if uri else found[2]
    if name in element.attrib:
        raise operation.impossible(f"the attribute {kind} is there already; use replace")
    element.set(name, text)


def _declared(operation: _Operation) -> list[str]:
    kind = operation.given.get("type", "")
    return [kind.removeprefix("namespace::")] if kind.startswith("namespace::") else []


def _content(operation: _Operation) -> tuple[str, list[etree._Element]]:
    """The text before the first node, and copies of the nodes with the text behind each; white space alone is no text."""
    text = operation.given.text or ""
    children = [deepcopy(child) for child in operation.given]
    return (text if text.strip() or not children else ""), children


def _replace(document: Any, operation: _Operation) -> None:
    node = _selected(document, operation)
    text, children = _content(operation)
    match node:
        case Attribute():
            if children:
                raise operation.malformed("an attribute's value is text")
            node.element.set(node.name, operation.given.text or "")
        case Text():
            if children:
                raise operation.malformed("a text is replaced by text")
            node.store(operation.given.text or "")
        case Comment() | Element():
            if text.strip() or len(children) != 1 or nodes.is_comment(children[0]) != isinstance(node, Comment):
                raise operation.malformed("an element is replaced by one element, a comment by one comment")
            nodes.swap(document, node.element, children[0])


def _remove(document: Any, operation: _Operation) -> None:
    node = _selected(document, operation)
    white = operation.given.get("ws", "")
    if white not in {"", "before", "after", "both"}:
        raise operation.malformed("ws is before, after or both")
    match node:
        case Attribute():
            del node.element.attrib[node.name]
        case Text():
            node.store("")
        case Comment() | Element():
            if node.element.getparent() is None:
                raise operation.impossible("the resource itself is removed by delete, not by a patch")
            if not nodes.remove(node.element, before=white in {"before", "both"}, after=white in {"after", "both"}):
                raise operation.impossible("there is other text than white space where ws says white space is")


_APPLY: Final[dict[str, Callable[[Any, _Operation], None]]] = {"add": _add, "replace": _replace, "remove": _remove}
