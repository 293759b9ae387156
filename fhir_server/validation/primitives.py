"""The values of R4's primitive types: one linear-time pattern each, the same for the schema and for the explanation.

http://hl7.org/fhir/R4/datatypes.html#primitive

R4's own regular expressions are the start. They differ here where R4's text says more (days exist, base64 is whole) or
where they depend on what an engine takes for white space. No look-around, no back-references: RE2 and the Rust engine
run them in linear time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import re2  # type: ignore[import-untyped]

from fhir_server.definitions import definitions

MAX_STRING: Final = 1024 * 1024

_YEAR: Final = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_FOURS: Final = "(?:0[48]|[2468][048]|[13579][26])"
_LEAP: Final = f"(?:[0-9]{{2}}{_FOURS}|{_FOURS}00)"
_DAY: Final = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE: Final = r"(?:Z|[+\-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH: Final = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"
_NO_XML: Final = "\ufffe\uffff"
"""no control characters, but no characters of XML either: refused, or a resource could not be sent as XML"""
_TEXT: Final = rf"[^\x00-\x08\x0B\x0C\x0E-\x1F{_NO_XML}]+"
_NO_SPACE: Final = rf"[^\x00-\x20{_NO_XML}]+"
_WHITE: Final = r"[ \t\r\n]*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a string of a primitive type looks like; `wanted` says it to a person."""

    pattern: str
    wanted: str
    max_length: int | None = None

    @property
    def anchored(self) -> str:
        return f"^(?:{self.pattern})$"


_RULES: Final = {
    "string": Rule(
        _TEXT, "text that is not empty, without control characters other than tab and line ends", MAX_STRING
    ),
    "uri": Rule(_NO_SPACE, "a URI that is not empty, without white space"),
    "code": Rule(f"{_NO_SPACE}(?: {_NO_SPACE})*", "a code: no white space but single spaces inside"),
    "date": Rule(f"{_MONTH}|{_DAY}", "a date that exists: YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": Rule(
        f"{_MONTH}|{_DAY}(?:T{_TIME}{_ZONE})?",
        "a date that exists (YYYY, YYYY-MM or YYYY-MM-DD), or date and time with seconds and zone: YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "instant": Rule(
        f"{_DAY}T{_TIME}{_ZONE}", "a date that exists and a time with seconds and zone: YYYY-MM-DDThh:mm:ss+zz:zz"
    ),
    "time": Rule(_TIME, "a time without zone: hh:mm:ss"),
    "base64Binary": Rule(
        f"{_WHITE}(?:[A-Za-z0-9+/]{{4}}{_WHITE})*(?:[A-Za-z0-9+/]{{4}}|[A-Za-z0-9+/]{{3}}=|[A-Za-z0-9+/]{{2}}==){_WHITE}",
        "whole base64 (RFC 4648), white space only between groups of four",
    ),
    "id": Rule(r"[A-Za-z0-9\-.]{1,64}", "an id: 1 to 64 letters, digits, '-' and '.'"),
    "oid": Rule(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "an OID as urn:oid:1.2.3"),
    "uuid": Rule("urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case as urn:uuid:…"),
    "xhtml": Rule(_TEXT, "an XHTML div"),
}
BOUNDS: Final = {"integer": (-(2**31), 2**31 - 1), "unsignedInt": (0, 2**31 - 1), "positiveInt": (1, 2**31 - 1)}


@cache
def rule(type: str) -> Rule:  # noqa: A002 - FHIR's word
    """The rule of a primitive type that is a JSON string, or that of the type it specializes."""
    return _RULES[type] if type in _RULES else rule(definitions().primitive(type).base)


@cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole string matches a pattern, in time linear in the string's length; half a surrogate pair never does."""
    fullmatch = re2.compile(pattern).fullmatch

    def matches(value: str) -> bool:
        try:
            return fullmatch(value) is not None
        except UnicodeEncodeError:
            return False

    return matches


def fault(type: str, value: object) -> tuple[str, str] | None:  # noqa: A002
    """(issue code, what is wanted) where `value`, which is not null, is no value of the primitive type; else None."""
    kind = definitions().primitive(type).json
    if kind == "boolean":
        return None if isinstance(value, bool) else ("structure", "true or false, not in quotes")
    if kind == "decimal":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number else ("structure", "a number, not in quotes")
    if kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            return ("structure", "a whole number, not in quotes, without decimal point or exponent")
        low, high = BOUNDS[type]
        return None if low <= value <= high else ("value", f"a whole number from {low} to {high}")
    return _string_fault(type, value)


def _string_fault(type: str, value: object) -> tuple[str, str] | None:  # noqa: A002
    wanted = rule(type)
    if not isinstance(value, str):
        return ("structure", f"a JSON string holding {wanted.wanted}")
    if wanted.max_length is not None and len(value) > wanted.max_length:
        return ("too-long", f"at most {wanted.max_length} characters long")
    return None if matcher(wanted.pattern)(value) else ("value", wanted.wanted)
