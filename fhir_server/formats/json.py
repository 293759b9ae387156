"""JSON: the one strict parser and the one serializer; what goes in comes out with every digit.

http://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from fhir_server.formats import strict
from fhir_server.formats.numbers import Exact, NumberRefused, decimal, integer
from fhir_server.outcome import Invalid

_DEEP: Final = b"\n" + b"  " * strict.MAX_DEPTH
_SUSPICIOUS_ESCAPE: Final = re.compile(rb"\\(?:[bf]|u00[01]|u[fF]{3}[eEfF])")
_EXACT: Final = msgspec.json.Decoder(float_hook=decimal)


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
        raise strict.not_json(raw, error) from None
    if type(plain) is not dict:
        raise Invalid('The document is not a JSON object; a resource is sent as {"resourceType": …}')
    many = raw.count(b"{") >= strict.MAX_DEPTH // 2 or raw.count(b"[") >= strict.MAX_DEPTH // 2
    layout = _SPREAD if many else _COMPACT
    again = _laid_out(plain, layout)
    if many and _DEEP in again and strict.levels(plain) > strict.MAX_DEPTH:
        raise strict.too_deep()
    if (b"\\" in raw and _SUSPICIOUS_ESCAPE.search(raw)) or (not raw.isascii() and b"\xef\xbf" in raw):
        strict.refuse_characters(plain)
    if again == raw or again == (sent := msgspec.json.format(raw, indent=layout.indent)):
        return Parsed(plain, plain)
    return _parse_exactly(raw, sent, plain, layout)


def dumps(tree: Mapping[str, Any]) -> bytes:
    """The compact JSON of `tree`, numbers in the digits they came with; Decimals as they print."""
    return orjson.dumps(tree, default=_written)


def pretty(raw: bytes) -> bytes:
    """The same JSON with line breaks and two spaces per level (`_pretty`), no digit changed."""
    return msgspec.json.format(raw, indent=2)


@lru_cache(64)  # the versions of a transaction carry one instant
def instant(moment: datetime) -> str:
    """`moment` (with a zone) as a FHIR instant in UTC with milliseconds: 2026-01-31T23:59:59.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def stamp(tree: Mapping[str, Any], id: str, version_id: str, last_updated: datetime) -> bytes:  # noqa: A002
    """The body of a version: `resourceType`, `id`, `meta` with this version and instant, the rest as sent.

    A client's own id, versionId and lastUpdated are replaced, the other members of meta kept; `tree` is not changed.
    """
    meta = {"versionId": "", "lastUpdated": "", **(tree.get("meta") or {})}
    meta["versionId"], meta["lastUpdated"] = version_id, instant(last_updated)
    meta.pop("_versionId", None)
    meta.pop("_lastUpdated", None)
    body = {"resourceType": "", "id": "", "meta": meta, **tree}
    body["id"], body["meta"] = id, meta
    return orjson.dumps(body, default=_written)


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Exact):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError


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
        raise strict.too_deep() from None


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
        raise Invalid(
            f"{refused.reason} ({strict.place(raw, raw.find(refused.text.encode()))})", code="value"
        ) from None
    except _DuplicateKey:
        raise strict.duplicate(raw) from None
    return Parsed(tree, plain) if exact else Parsed(plain, plain)


class _DuplicateKey(Exception):  # never leaves this file
    """An object says the same key twice."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKey
    return members
