"""Nodes of an XML document as XML Patch needs them, and changes that leave the text around them in place.

https://www.rfc-editor.org/rfc/rfc5261#section-4
"""

from dataclasses import dataclass
from typing import Any, cast

from lxml import etree


@dataclass(frozen=True, slots=True)
class Element:
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Comment:
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Attribute:
    """The attribute `name` of `element`."""

    element: etree._Element
    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """The text behind `element` where `tail`, else the first text in it."""

    element: etree._Element
    tail: bool

    def store(self, text: str) -> None:
        if self.tail:
            self.element.tail = text or None
        else:
            self.element.text = text or None


Node = Element | Comment | Attribute | Text


def of(found: Any) -> Node:
    """What lxml's XPath found: an element, a comment, or a string that knows where it stands."""
    if etree.iselement(found):
        return Comment(found) if is_comment(found) else Element(found)
    parent = found.getparent()
    return Attribute(parent, found.attrname) if found.is_attribute else Text(parent, found.is_tail)


def is_comment(node: etree._Element) -> bool:
    return isinstance(node, etree._Comment)  # noqa: SLF001  # lxml's only name for it


def append(element: etree._Element, text: str, children: list[etree._Element]) -> None:
    """`text` and then `children` are the last content of `element`."""
    _join_before(element, len(element), text)
    element.extend(children)


def prepend(element: etree._Element, text: str, children: list[etree._Element]) -> None:
    """`text` and then `children` are the first content of `element`."""
    rest, element.text = element.text or "", text or None
    for at, child in enumerate(children):
        element.insert(at, child)
    if rest:
        _join_before(element, len(children), rest)


def beside(element: etree._Element, text: str, children: list[etree._Element], *, before: bool) -> None:
    """`text` and then `children` stand right before or right behind `element`."""
    parent = element.getparent()
    assert parent is not None
    if before:
        place = parent.index(element)
        _join_before(parent, place, text)
        for at, child in enumerate(children):
            parent.insert(place + at, child)
        return
    rest, element.tail = element.tail or "", text or None
    place = parent.index(element) + 1
    for at, child in enumerate(children):
        parent.insert(place + at, child)
    if rest:
        _join_before(parent, place + len(children), rest)


def _join_before(parent: etree._Element, place: int, text: str) -> None:
    """`text` stands behind whatever is before the child at `place`."""
    if not text:
        return
    if place == 0:
        parent.text = (parent.text or "") + text
    else:
        previous = parent[place - 1]
        previous.tail = (previous.tail or "") + text


def remove(element: etree._Element, *, before: bool, after: bool) -> bool:
    """`element` is gone, the text behind it stays, and so do the texts around it unless `before` or `after` says otherwise.

    False, and nothing changed, where such a text is more than white space.
    """
    parent = element.getparent()
    assert parent is not None
    place = parent.index(element)
    preceding = (parent.text if place == 0 else parent[place - 1].tail) or ""
    following = element.tail or ""
    if (before and preceding.strip()) or (after and following.strip()):
        return False
    left = ("" if before else preceding) + ("" if after else following)
    parent.remove(element)
    if place == 0:
        parent.text = left or None
    else:
        parent[place - 1].tail = left or None
    return True


def swap(document: Any, old: etree._Element, new: etree._Element) -> None:
    """`new` stands where `old` stood, with the text that was behind `old`."""
    new.tail = old.tail
    parent = old.getparent()
    if parent is None:
        new.tail = None
        document._setroot(new)  # noqa: SLF001  # lxml's documented name
    else:
        parent.replace(old, new)


def declare(document: Any, element: etree._Element, prefix: str, uri: str) -> None:
    """`element` declares `prefix`: lxml fixes declarations when an element is made, so it is made again."""
    nsmap = dict(cast("dict[str, str]", element.nsmap))
    nsmap[prefix] = uri
    again = etree.Element(element.tag, nsmap=nsmap)
    for name, value in element.attrib.items():
        again.set(name, value)
    again.text = element.text
    again.extend(list(element))
    swap(document, element, again)
