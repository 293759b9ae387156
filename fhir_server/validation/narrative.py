"""XHTML of a narrative: what R4 allows there (txt-1), nothing active.

http://hl7.org/fhir/R4/narrative.html#xhtml
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.fhirpath.node import Node
from fhir_server.formats.narrative import problems
from fhir_server.formats.xml.document import XHTML
from fhir_server.outcome import Issue

_TEXT: Final = r"[^<>&\x00-\x08\x0B\x0C\x0E-\x1F\ud800-\udfff\ufffe\uffff]*"
_FLAT: Final = "|".join(f"<{name}>{_TEXT}</{name}>" for name in ("p", "b", "i", "em", "strong", "span"))
_LINK: Final = f'<a href="https?://[A-Za-z0-9./_~%?=#-]*">{_TEXT}</a>'
_PLAIN: Final = re.compile(f'<div xmlns="{XHTML}">{_TEXT}(?:(?:<br ?/>|{_FLAT}|{_LINK}){_TEXT})*</div>')
"""What generators of short narratives write: accepted without a parser. Linear: `<` begins a step and is in no text."""


def faults(div: str) -> tuple[str, ...]:
    """What is wrong with the XHTML of Narrative.div, each fault once, in words; () when it may be shown."""
    return () if _PLAIN.fullmatch(div) else problems(div)


_CONTENT: Final = re.compile(r">\s*[^<\s]|<(?:[a-z]+:)?img\b")


def check(node: Node) -> Iterator[Issue]:
    """The issue of a narrative without text or image (txt-2)."""
    div = node.value.get("div")
    if isinstance(div, str) and _CONTENT.search(div) is None:
        yield Issue("invariant", "txt-2: the narrative has no text and no image", (f"{node.path}.div",))


def glance(value: Mapping[str, Any]) -> bool:
    """Whether `check` finds nothing."""
    return _CONTENT.search(value["div"]) is not None if "div" in value else True
