"""JSON: the one strict parser and the one serializer; what goes in comes out with every digit.

http://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import orjson

from fhir_server.formats.numbers import Exact, NumberRefused, decimal, integer
from fhir_server.outcome import Invalid

MAX_DEPTH: Final = 100
"""Objects and arrays within each other, the resource itself counted."""

_DEEP: Final = b"\n" + b"  " * MAX_DEPTH
_SUSPICIOUS_ESCAPE: Final = re.compile(rb"\\(?:[bf]|u00[01]|u[fF]{3}[eEfF])")
_FORBIDDEN_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EXACT: Final = msgspec.json.Decoder(float_hook=decimal)
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


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document in two readings, one object where they do not differ (99 of 100 resources).

    `tree` holds every number exactly (`Exact` where a float would lose digits): for writing, indexing, FHIRPath.
    `plain` holds nothing but dict, list, str, int, float, bool and None: for jsonschema-rs, which refuses subclasses.
    Neither may be changed in place.
    """

    tree: dict[str, Any]
    plain: dict[str, Any]

    @property
    def exact(self) -> bool:
        """`tree` holds numbers that a float would spoil."""
        return self.tree is not self.plain


def parse(raw: bytes) -> Parsed:
    """The JSON object `raw`, all that it says and nothing twice; Invalid with a place and an advice for anything else.

    Refused: what is not UTF-8, NaN and Infinity, duplicate keys, lone surrogates, characters that FHIR strings or XML
    cannot hold, trailing data, more than 100 levels, numbers longer than 100 characters or beyond a double's range.
    """
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _not_json(raw, error) from None
    if type(plain) is not dict:
        raise Invalid('The document is not a JSON object; a resource is sent as {"resourceType": …}')
    many = raw.count(b"{") >= MAX_DEPTH // 2 or raw.count(b"[") >= MAX_DEPTH // 2
    layout = _SPREAD if many else _COMPACT
    again = _laid_out(plain, layout)
    if many and _DEEP in again and _levels(plain) > MAX_DEPTH:
        raise _too_deep()
    if (b"\\" in raw and _SUSPICIOUS_ESCAPE.search(raw)) or (not raw.isascii() and b"\xef\xbf" in raw):
        _refuse_characters(plain)
    if again == raw or again == (sent := msgspec.json.format(raw, indent=layout.indent)):
        return Parsed(plain, plain)
    return _parse_exactly(raw, sent, plain, layout)


def dumps(tree: Mapping[str, Any]) -> bytes:
    """The compact JSON of `tree`, numbers in the digits they came with; Decimals as they print."""
    return orjson.dumps(tree, default=_written)


def pretty(raw: bytes) -> bytes:
    """The same JSON with line breaks and two spaces per level (`_pretty`), no digit changed."""
    return msgspec.json.format(raw, indent=2)


def instant(moment: datetime) -> str:
    """`moment` (with a zone) as a FHIR instant in UTC with milliseconds: 2026-01-31T23:59:59.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def stamp(tree: Mapping[str, Any], id: str, version_id: str, last_updated: datetime) -> bytes:  # noqa: A002
    """The body of a version: `resourceType`, `id`, `meta` with this version and instant, the rest as sent.

    A client's own id, versionId and lastUpdated are replaced, the other members of meta kept; `tree` is not changed.
    """
    meta = {"versionId": version_id, "lastUpdated": instant(last_updated)}
    sent = tree.get("meta")
    if sent:
        meta.update((name, value) for name, value in sent.items() if name not in _SERVER_META)
    body = {"resourceType": tree["resourceType"], "id": id, "meta": meta}
    body.update((name, value) for name, value in tree.items() if name not in body)
    return orjson.dumps(body, default=_written)


_SERVER_META: Final = frozenset({"versionId", "lastUpdated", "_versionId", "_lastUpdated"})


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Exact):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError


def _not_json(raw: bytes, error: orjson.JSONDecodeError) -> Invalid:
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        return Invalid(
            f"The document is not UTF-8 at {_place(raw, broken.start)}; JSON is sent as UTF-8 without a byte order mark"
        )
    advice = next((text for word, text in _ADVICE.items() if word in error.msg), "see http://hl7.org/fhir/R4/json.html")
    return Invalid(f"The document is not JSON at line {error.lineno}, column {error.colno}: {error.msg}; {advice}")


def _place(raw: bytes, offset: int) -> str:
    start, lines = raw.rfind(b"\n", 0, offset) + 1, raw.count(b"\n", 0, offset)
    return f"line {lines + 1}, column {offset - start + 1}"


@dataclass(frozen=True, slots=True)
class _Layout:
    """A way to lay out JSON that orjson and msgspec share to the byte."""

    option: int
    indent: int


_COMPACT: Final = _Layout(0, -1)
_SPREAD: Final = _Layout(orjson.OPT_INDENT_2, 2)


def _laid_out(plain: dict[str, Any], layout: _Layout) -> bytes:
    try:
        return orjson.dumps(plain, option=layout.option)
    except orjson.JSONEncodeError:  # orjson reads 1,024 levels and writes 254
        raise _too_deep() from None


def _levels(node: object) -> int:
    """Objects and arrays within each other; `node` has been written, so there are less than 255."""
    if isinstance(node, dict):
        return 1 + max(map(_levels, node.values()), default=0)
    return 1 + max(map(_levels, node), default=0) if isinstance(node, list) else 0


def _too_deep() -> Invalid:
    return Invalid(f"The document is nested deeper than {MAX_DEPTH} levels; no resource needs that")


def _refuse_characters(plain: dict[str, Any]) -> None:
    for path, text in _strings(plain, root(plain)):
        found = _FORBIDDEN_CHARACTER.search(text)
        if found:
            raise Invalid(
                f"A string holds the character U+{ord(found[0]):04X}, which FHIR cannot carry; "
                "below U+0020 only tab, line feed and carriage return are allowed",
                code="value",
                expression=path,
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
            yield from _strings(value, f"{path}.{name}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from _strings(value, f"{path}[{position}]")


def _parse_exactly(raw: bytes, sent: bytes, plain: dict[str, Any], layout: _Layout) -> Parsed:
    """The second reading: something differs, the spelling of a string, a digit, or a key that is there twice."""
    if b"\\" in raw and _SPELT_OTHERWISE.search(raw):
        sent = _ESCAPES.sub(_respelled, sent)
        if sent == orjson.dumps(plain, option=layout.option):
            return Parsed(plain, plain)
    try:
        tree = _EXACT.decode(raw)
        if sent == orjson.dumps(tree, default=_written, option=layout.option):
            return Parsed(tree, plain)
    except (msgspec.DecodeError, NumberRefused, orjson.JSONEncodeError):
        pass  # a number that is refused, or an integer that orjson cannot write: the third reading knows
    return _parse_slowly(raw, plain)


_SPELT_OTHERWISE: Final = re.compile(rb"\\[u/]")
_ESCAPES: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)(?:\\(?:u[0-9a-fA-F]{4}|.))*")


def _respelled(escapes: re.Match[bytes]) -> bytes:
    """The same characters as orjson writes them."""
    run = escapes[0]
    return b"/" if run == b"\\/" else orjson.dumps(orjson.loads(b'"%b"' % run))[1:-1]


def _parse_slowly(raw: bytes, plain: dict[str, Any]) -> Parsed:
    """The third reading, object by object: finds duplicate keys, refused numbers and their places."""
    exact: list[Exact] = []

    def number(text: str) -> Exact:
        exact.append(decimal(text))
        return exact[-1]

    def whole(text: str) -> int | Exact:
        value = integer(text)
        if isinstance(value, Exact):
            exact.append(value)
        return value

    try:
        tree = json.loads(raw, parse_float=number, parse_int=whole, object_pairs_hook=_without_duplicates)
    except NumberRefused as refused:
        raise Invalid(f"{refused.reason} ({_place(raw, raw.find(refused.text.encode()))})", code="value") from None
    except _DuplicateKey:
        raise _duplicate(raw) from None
    return Parsed(tree, plain) if exact else Parsed(plain, plain)


class _DuplicateKey(Exception):  # never leaves this file
    """An object says the same key twice."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKey
    return members


class _Pairs(list[tuple[str, Any]]):
    """An object as its members in order, duplicates and all."""


def _duplicate(raw: bytes) -> Invalid:
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
