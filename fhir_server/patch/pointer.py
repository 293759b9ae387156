"""A JSON Pointer into a resource said as a FHIRPath.

https://www.rfc-editor.org/rfc/rfc6901 and http://hl7.org/fhir/R4/fhirpath.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from fhir_server.definitions import Element, definitions

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_MEMBER: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)


def fhirpath(type_: str, pointer: Sequence[str]) -> str:
    """`/name/0/_family` of a Patient is `Patient.name[0].family`, `/deceasedBoolean` is `Patient.deceased`; as far as
    elements are named that there may be.
    """
    found, current = type_, type_
    for part in pointer:
        if part == "-":
            continue
        if _INDEX.fullmatch(part) is not None:
            found += f"[{part}]"
            continue
        name = part.removeprefix("_")
        if _MEMBER.fullmatch(name) is None:
            break
        element = _elements(current).get(name)
        found += f".{(element.choice if element else None) or name}"
        current = element.type if element else ""
    return found


def _elements(type_: str) -> Mapping[str, Element]:
    try:
        return definitions().elements(type_)
    except KeyError:
        return {}
