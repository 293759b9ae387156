"""What the search parameter types share when a search value is read: escapes, prefixes, errors.

http://hl7.org/fhir/R4/search.html#escaping and http://hl7.org/fhir/R4/search.html#prefix
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fhir_server.outcome import BadRequest
from fhir_server.search.query import Compare, Op

Alternatives = tuple[tuple[Compare, ...], ...]

PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
MAX_VALUES = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value is read for: `types` are the FHIR types of the parameter's elements, `targets` the types that it may
    refer to, `name` the parameter as it was written, `base` this server's base URL, `now` what `ap` hangs on; `exact`: case
    matters to all its codes; `place`: the parameter in the URL, with what leads to this one.
    """

    name: str
    types: frozenset[str]
    targets: tuple[str, ...]
    base: str
    now: datetime
    exact: bool = False
    place: str = ""

    def wrong(self, text: str, code: str | None = None) -> BadRequest:
        """The error to raise for a value of this parameter."""
        return BadRequest(f"{self.name}: {text}", code=code or "value", expression=f"http.{self.name}")


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The pieces between separators that no backslash escapes; their escapes stay. `limit`: most separators that count."""
    if "\\" not in text:
        return text.split(separator, limit)
    pieces, start, at = [], 0, 0
    while at < len(text) and limit != 0:
        if text[at] == "\\":
            at += 1
        elif text[at] == separator:
            pieces.append(text[start:at])
            start = at + 1
            limit -= 1
        at += 1
    return [*pieces, text[start:]]


def unescape(text: str) -> str:
    r"""The text that `\,`, `\|`, `\$` and `\\` stand for; a backslash before anything else is itself."""
    if "\\" not in text:
        return text
    pieces, at = [], 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in tuple(",|$\\"):
            at += 1
        pieces.append(text[at])
        at += 1
    return "".join(pieces)


def prefixed(text: str) -> tuple[str, str]:
    """(prefix, rest): `eq` where none is written."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def all_of(*tests: tuple[type, str, Op, str | int | float]) -> tuple[Compare, ...]:
    """One alternative: comparisons that hold on one entry."""
    return tuple(Compare(*test) for test in tests)


def spread(alternatives: Sequence[tuple[Compare, ...]], more: Alternatives) -> Alternatives:
    """Each alternative together with each of `more`."""
    return tuple(a + m for a in alternatives for m in more)
