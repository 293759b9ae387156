"""Code systems that nobody lists, because a grammar makes their codes: units, languages, media types.

http://hl7.org/fhir/R4/terminologies-systems.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from fhir_server.search.types.ucum import scale

_LANGUAGE: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
_NAME: Final = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE: Final = re.compile(rf"{_NAME}/{_NAME}(?:\s*;\s*{_NAME}=(?:{_NAME}|\"[^\"]*\"))*", re.ASCII | re.IGNORECASE)
MOST: Final = 256
"""Characters of a code."""


def _unit(code: str) -> bool | None:
    return True if scale(code) is not None else None


GRAMMARS: Final[Mapping[str, Callable[[str], bool | None]]] = {
    "http://unitsofmeasure.org": _unit,
    "urn:ietf:bcp:47": lambda code: _LANGUAGE.fullmatch(code) is not None,
    "urn:ietf:bcp:13": lambda code: _MEDIA_TYPE.fullmatch(code) is not None,
}


def formed(system: str, code: str) -> bool | None:
    """Whether the code is well formed in a system that has a grammar; None where that cannot be told."""
    grammar = GRAMMARS.get(system)
    if grammar is None:
        return None
    return grammar(code) if len(code) <= MOST else False
