"""Narrative: the xhtml `div` of a resource, text in JSON and elements in XML, and what may stand in it.

http://hl7.org/fhir/R4/narrative.html
"""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from fhir_server.formats.strict import MAX_DEPTH
from fhir_server.formats.xml.document import XHTML, element
from fhir_server.outcome import Invalid

_ELEMENTS: Final = (
    "a abbr acronym address area b big blockquote br bdo caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 "
    "h4 h5 h6 hr i img ins kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
ELEMENTS: Final = frozenset(_ELEMENTS.split())
"""HTML 4.0 chapters 7 to 11 (without 9.4) and 15, links and images."""

_ATTRIBUTES: Final = (
    "abbr accesskey align alt axis border bgcolor cellpadding cellspacing char charoff cite class clear color colspan "
    "coords datetime dir frame headers height href hreflang hspace id lang longdesc name noshade nowrap rel rev rowspan "
    "rules scope shape size span src start style summary tabindex title type usemap valign value vspace width "
    "{http://www.w3.org/XML/1998/namespace}lang {http://www.w3.org/XML/1998/namespace}space"
)
ATTRIBUTES: Final = frozenset(_ATTRIBUTES.split())

_LINKS: Final = frozenset({"href", "src", "cite", "longdesc", "usemap"})
_IGNORED_IN_LINKS: Final = re.compile("[\x00-\x20\x7f-\xa0]")
_SCHEME: Final = re.compile("([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel", "ftp"})
_SAFE_DATA: Final = re.compile("data:image/(?:png|jpeg|gif)[;,]", re.IGNORECASE)
_SECOND_READING: Final = re.compile(r"<!\[CDATA\[|<!-->|<!--->")
"""What an XML parser and an HTML parser read differently: a way to smuggle a script past one of them."""

_EDGE: Final = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(/?)(?:[^\s<>/:]+:)?div(?=[\s/>])[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""",
    re.DOTALL,
)
_OWN_NAMESPACE: Final = re.compile(rf"""<div[^>]*?\sxmlns\s*=\s*["']{re.escape(XHTML)}["']""")


def problems(div: str) -> tuple[str, ...]:
    """What keeps `div` from being R4 narrative, as sentences; empty for a good one.

    Whoever accepts a resource asks this for each Narrative.div: malformed xhtml, elements and attributes outside R4's list
    (invariant txt-1), scripts, links of unknown schemes. A div without content (txt-2) passes: R4's own examples have it.
    """
    try:
        root = parsed(div)
    except Invalid as error:
        return (str(error),)
    return tuple(dict.fromkeys(_faults(root)))


def parsed(div: str) -> etree._Element:
    """The xhtml div that `div` says; Invalid where that is not one well-formed element in the xhtml namespace."""
    if "<!DOCTYPE" in div or "<?" in div:
        raise Invalid("The div has a DOCTYPE or a processing instruction; narrative has neither")
    refuse_second_reading(div)
    if not div.lstrip().startswith("<") or div.lstrip().startswith("<!"):
        raise Invalid(f'The div is not xhtml; it begins with <div xmlns="{XHTML}">')
    try:
        root = element(div.encode())
    except UnicodeEncodeError:
        raise Invalid("The div holds a lone surrogate") from None
    if root.tag != f"{{{XHTML}}}div":
        raise Invalid(f'The narrative is not a div in the xhtml namespace; it begins with <div xmlns="{XHTML}">')
    _refuse_foreign(root, 1)
    return root


def refuse_second_reading(source: str) -> None:
    """Invalid when XML and HTML parsers would read the source of a div differently."""
    if _SECOND_READING.search(source):
        raise Invalid("The div has a CDATA section or a comment that HTML reads otherwise; write the text escaped")


def _refuse_foreign(node: etree._Element, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(f"The div is nested deeper than {MAX_DEPTH} levels")
    for child in node:
        name = etree.QName(child)
        if name.namespace != XHTML:
            raise Invalid(f"The div holds the element {name.localname} of another namespace than xhtml")
        _refuse_foreign(child, depth + 1)


def _faults(root: etree._Element) -> Iterator[str]:
    for node in root.iter():
        name = etree.QName(node).localname
        if name not in ELEMENTS:
            yield f"The element {name} is not allowed in narrative"
        for attribute, value in [(str(key), str(text)) for key, text in node.attrib.items()]:
            if attribute not in ATTRIBUTES:
                yield f"The attribute {attribute} is not allowed on {name} in narrative"
            elif attribute in _LINKS and not _safe_link(value, image=name == "img"):
                yield f"The {attribute} of {name} is of a kind that is not allowed in narrative"


def _safe_link(link: str, *, image: bool) -> bool:
    link = _IGNORED_IN_LINKS.sub("", link)
    scheme = _SCHEME.match(link)
    return not scheme or scheme[1].lower() in _SAFE_SCHEMES or (image and bool(_SAFE_DATA.match(link)))


def sources(document: str) -> list[str]:
    """The source text of each outermost div of a well-formed XML document, in order."""
    found: list[str] = []
    start, open_divs = 0, 0
    for edge in _EDGE.finditer(document):
        token = edge[0]
        if token.startswith("<!"):
            continue
        if open_divs == 0:
            start = edge.start()
        open_divs += -1 if edge[1] else 0 if token.endswith("/>") else 1
        if open_divs == 0:
            found.append(document[start : edge.end()])
    return found


def verbatim(source: str, div: etree._Element) -> str:
    """`div` as the string that JSON holds: its own source where that can stand alone, else written anew."""
    if all(node.prefix is None for node in div.iter()) and _OWN_NAMESPACE.match(source):
        return source
    return etree.tostring(_bare(div), encoding="unicode", with_tail=False)


def _bare(div: etree._Element) -> etree._Element:
    """A copy that declares the xhtml namespace and no other, without prefixes."""
    copy = etree.Element(div.tag, nsmap={None: XHTML})  # type: ignore[dict-item]  # None is the default namespace
    stack = [(div, copy)]
    while stack:
        node, twin = stack.pop()
        twin.text = node.text
        for name, value in node.attrib.items():
            twin.set(name, value)
        for child in node:
            below = etree.SubElement(twin, child.tag)
            below.tail = child.tail
            stack.append((child, below))
    return copy
