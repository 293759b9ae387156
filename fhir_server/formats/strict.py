"""What the JSON parser refuses, told with its place and what would be right.

http://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from fhir_server.formats.numbers import Exact
from fhir_server.outcome import Invalid

MAX_DEPTH: Final = 100
"""Objects and arrays within each other, the resource itself counted."""

_FORBIDDEN_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ADVICE: Final = {
    "number is infinity": "numbers must have an exponent from -300 to 300",
    "surrogate": "characters outside the basic plane are written as they are or as a pair of surrogates",
    "byte order mark": "send the resource without a byte order mark",
    "control character": "write control characters as \\t, \\r or \\n",
    "zero-length": "send a resource",
    "after document": "send one resource and nothing behind it",
    "depth": f"at most {MAX_DEPTH} levels are accepted",
    "not valid UTF-8": "JSON is sent as UTF-8",
}


def not_json(raw: bytes, error: orjson.JSONDecodeError) -> Invalid:
    """Where `raw` stops being JSON in UTF-8, and what would be right there."""
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        return Invalid(
            f"The document is not UTF-8 at {place(raw, broken.start)}; JSON is sent as UTF-8 without a byte order mark"
        )
    advice = next((text for word, text in _ADVICE.items() if word in error.msg), "see http://hl7.org/fhir/R4/json.html")
    return Invalid(f"The document is not JSON at line {error.lineno}, column {error.colno}: {error.msg}; {advice}")


def place(raw: bytes, offset: int) -> str:
    """Line and column of a byte, both from 1."""
    start, lines = raw.rfind(b"\n", 0, offset) + 1, raw.count(b"\n", 0, offset)
    return f"line {lines + 1}, column {offset - start + 1}"


def levels(node: object) -> int:
    """Objects and arrays within each other; `node` has been written, so there are less than 255."""
    if isinstance(node, dict):
        return 1 + max(map(levels, node.values()), default=0)
    return 1 + max(map(levels, node), default=0) if isinstance(node, list) else 0


def too_deep() -> Invalid:
    return Invalid(f"The document is nested deeper than {MAX_DEPTH} levels; no resource needs that")


def refuse_characters(plain: dict[str, Any]) -> None:
    """Invalid when a string or a key holds what neither FHIR nor XML can: U+0000 to U+001F but tab, LF, CR; U+FFFE, U+FFFF."""
    for path, text in _strings(plain, root(plain)):
        found = _FORBIDDEN_CHARACTER.search(text)
        if found:
            raise Invalid(
                f"A string holds the character U+{ord(found[0]):04X}, which FHIR cannot carry; "
                "below U+0020 only tab, line feed and carriage return are allowed",
                code="value",
                expression=path or (),
            )


def root(tree: Mapping[str, Any]) -> str:
    """Where FHIRPaths into this resource start: its type."""
    name = tree.get("resourceType")
    return name if isinstance(name, str) and name.isalpha() else ""


def _strings(node: object, path: str) -> Iterator[tuple[str, str]]:
    """Every string below `node` with its FHIRPath, keys included."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield path, name
            yield from _strings(value, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from _strings(value, f"{path}[{position}]")


class _Pairs(list[tuple[str, Any]]):
    """An object as its members in order, duplicates and all."""


def duplicate(raw: bytes) -> Invalid:
    """The first key that stands twice in an object of `raw`, a document that has one."""
    pairs = json.loads(raw, parse_int=Exact, object_pairs_hook=_Pairs)
    start = next((value for key, value in pairs if key == "resourceType" and isinstance(value, str)), "")
    path = next(_duplicates(pairs, start if start.isalpha() else ""))
    return Invalid(f"{path} is there more than once; every key may stand once in an object", expression=path)


def _duplicates(node: object, path: str) -> Iterator[str]:
    if isinstance(node, _Pairs):
        seen = set()
        for key, value in node:
            below = f"{path}.{key}" if path else key
            if key in seen:
                yield below
            seen.add(key)
            yield from _duplicates(value, below)
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from _duplicates(value, f"{path}[{position}]")
