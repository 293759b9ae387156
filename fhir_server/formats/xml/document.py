"""An XML document as an element tree: UTF-8, no DOCTYPE, no processing instructions, nothing fetched or expanded.

http://hl7.org/fhir/R4/security.html#narrative and http://hl7.org/fhir/R4/xml.html
"""

import re
from typing import Final

from lxml import etree

from fhir_server.outcome import Invalid

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"

LONGEST: Final = 10_000_000
"""Bytes of one value that libxml2 takes of itself. A longer document may hold a longer value; how long it may be, the limit on
bodies says, and how deep, `MAX_DEPTH` says: nothing is expanded.
"""

_DECLARATION: Final = re.compile(r"<\?xml\s[^>]*>")
_DECLARED: Final = re.compile(r"""(version|encoding)\s*=\s*(["'])(.*?)\2""")


def document(raw: bytes) -> tuple[etree._Element, str]:
    """The root element, comments left out, and the source; Invalid with line and column for what is not safe XML."""
    source = _decoded(raw)
    if "<!DOCTYPE" in source:
        raise Invalid(f"The document has a DOCTYPE (line {line_of(source, '<!DOCTYPE')}); a resource has none")
    declaration = _DECLARATION.match(source)
    instruction = source.find("<?", declaration.end() if declaration else 0)
    if instruction >= 0:
        raise Invalid(
            f"The document has a processing instruction (line {line_of(source, '<?', instruction)}); remove it"
        )
    if declaration:
        _refuse_declaration(declaration[0])
    return element(raw), source


def _refuse_declaration(declaration: str) -> None:
    said = {name: value for name, _, value in _DECLARED.findall(declaration)}
    version, encoding = said.get("version", "1.0"), said.get("encoding", "UTF-8")
    if version != "1.0" or encoding.upper() != "UTF-8":
        raise Invalid(f"The document declares XML {version} in {encoding}; declare XML 1.0 in UTF-8")


def element(raw: bytes) -> etree._Element:
    """The root of well-formed XML without comments; Invalid where it is not well-formed."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=len(raw) > LONGEST,
        remove_comments=True,
        collect_ids=False,
    )
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        (line, column), message = error.position, _message(error.msg or "")
        raise Invalid(f"The document is not well-formed XML at line {line}, column {column}: {message}") from None
    except (LookupError, ValueError) as error:
        raise Invalid(f"The document is not XML in UTF-8: {error}") from None


def _message(text: str) -> str:
    """libxml2's words, without its advice to lift its limits (256 levels)."""
    if "depth" in text:
        return "it is nested too deeply"
    return text.partition(", line ")[0]


def line_of(source: str, text: str, start: int = 0) -> int:
    """The line on which `text` first stands from `start` on."""
    return source.count("\n", 0, source.find(text, start)) + 1


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Invalid("The document begins with the byte order mark of UTF-16; send UTF-8")
    raw = raw.removeprefix(b"\xef\xbb\xbf")  # XML allows it (https://www.w3.org/TR/xml/#charencoding)
    try:
        return raw.decode()
    except UnicodeDecodeError as broken:
        line = raw.count(b"\n", 0, broken.start) + 1
        raise Invalid(f"The document is not UTF-8 (line {line}); XML is sent as UTF-8") from None
