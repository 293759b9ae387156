"""What a resource has for a search parameter: values of the parameter's type, from raw JSON.

http://hl7.org/fhir/R4/search.html#ptypes
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.definitions import Tree, minds_case, package, system_of
from tests.oracle.paths import Node, children

INFINITY = Decimal("Infinity")
CURRENCIES = "urn:iso:std:iso:4217"

# ---- tokens


@dataclass(frozen=True)
class Token:
    """A code or the like; `system` "" where there is none. `sensitive`: case matters."""

    system: str
    code: str
    sensitive: bool


def tokens(node: Node) -> list[Token]:
    value = node.value
    match node.type:
        case "CodeableConcept":
            return [token for coding in children(node, "coding") for token in tokens(coding)]
        case "Coding":
            return _token(value.get("system"), value.get("code"))
        case "Identifier":
            return _token(value.get("system"), value.get("value"))
        case "ContactPoint":
            return _token(None, value.get("value"))
        case "Extension":
            return [token for child in children(node, "value") for token in tokens(child)]
        case "boolean":
            return [Token("", "true" if value else "false", sensitive=False)]
        case "code":
            system = system_of(node.binding, value) if node.binding else ""
            return [Token(system, value, minds_case(system))]
        case "string" | "markdown":
            return [Token("", value, sensitive=False)]
        case "id" | "uri" | "url" | "canonical" | "oid" | "uuid":
            return [Token("", value, sensitive=True)]
    return []


def _token(system: Any, code: Any) -> list[Token]:
    """A Coding or Identifier without a code has a system still: `system|` finds it."""
    if code is None and system is None:
        return []
    return [Token(system or "", code or "", minds_case(system or ""))]


def token_texts(node: Node) -> list[str]:
    """CodeableConcept.text, Coding.display, Identifier.type.text: what `:text` searches."""
    value = node.value
    match node.type:
        case "CodeableConcept":
            texts = [value.get("text"), *(coding.get("display") for coding in value.get("coding", ()))]
        case "Coding":
            texts = [value.get("display")]
        case "Identifier":
            texts = [value.get("type", {}).get("text")]
        case "Extension":
            return [text for child in children(node, "value") for text in token_texts(child)]
        case _:
            texts = []
    return [text for text in texts if text]


# ---- times, as [low, high) in microseconds since 1970

Range = tuple[float, float]
MOMENT = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def moment(text: str) -> Range | None:
    """The time that a date, dateTime or instant speaks of, by its precision; without a zone it is UTC. None for no date."""
    found = MOMENT.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        low = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    start = (low - EPOCH) // MICROSECOND
    if day is None:
        start_year, start_month = (int(year) + 1, 1) if month in {None, "12"} else (int(year), int(month) + 1)
        if start_year > 9999:
            return start, (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // MICROSECOND + 86_400_000_000
        return start, (datetime(start_year, start_month, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
    if zone and zone != "Z":
        hours, minutes = zone[1:].split(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes)) // MICROSECOND
        start -= offset if zone[0] == "+" else -offset
    if second == "60":
        start += 1_000_000
    if hour is None:
        return start, start + 86_400_000_000
    if second is None:
        return start, start + 60_000_000
    if fraction is None:
        return start, start + 1_000_000
    digits = fraction[:6]
    step = 10 ** (6 - len(digits))
    start += int(digits) * step
    return start, start + step


def times(node: Node) -> list[Range]:
    value = node.value
    match node.type:
        case "date" | "dateTime" | "instant":
            found = moment(value)
            return [found] if found else []
        case "Period":
            return _period(value)
        case "Timing":
            events = [found for text in value.get("event", ()) for found in [moment(text)] if found]
            events += _period(value.get("repeat", {}).get("boundsPeriod", {}))
            return [(min(low for low, _ in events), max(high for _, high in events))] if events else []
        case "Extension":
            return [found for child in children(node, "value") for found in times(child)]
    return []


def _period(value: Tree) -> list[Range]:
    """From the beginning of `start` to the end of `end`; a missing end is open. Neither: nothing is known."""
    start, end = moment(value.get("start", "")), moment(value.get("end", ""))
    if not start and not end:
        return []
    return [(start[0] if start else -float("inf"), end[1] if end else float("inf"))]


# ---- numbers and quantities


Bound = tuple[Decimal, int]
"""A number, and whether it is meant itself (0), or all up to it (-1: `<5`) or from it (1: `>5`) but not it."""


@dataclass(frozen=True)
class Amount:
    """A number or a range of numbers, with its unit."""

    low: Bound
    high: Bound
    system: str = ""
    code: str = ""
    unit: str = ""


def amounts(node: Node) -> list[Amount]:
    """Numbers, quantities, ranges and money."""
    value = node.value
    match node.type:
        case "decimal" | "integer" | "positiveInt" | "unsignedInt":
            return [Amount(_bound(value), _bound(value))]
        case "Quantity" | "Age" | "Duration" | "Count" | "Distance" | "MoneyQuantity" | "SimpleQuantity":
            return _quantity(value)
        case "Money" if "value" in value:
            number = _bound(value["value"])
            return [Amount(number, number, CURRENCIES if value.get("currency") else "", value.get("currency", ""))]
        case "Range":
            return _range(value)
        case "Extension":
            return [found for child in children(node, "value") for found in amounts(child)]
    return []


def _bound(value: Any, beyond: int = 0) -> Bound:
    return Decimal(str(value)), beyond


def _unit(value: Tree) -> tuple[str, str, str]:
    return value.get("system", ""), value.get("code", ""), value.get("unit", "")


def _quantity(value: Tree) -> list[Amount]:
    if "value" not in value:
        return []
    number, comparator = value["value"], value.get("comparator", "")
    low = _bound(-INFINITY) if comparator.startswith("<") else _bound(number, int(comparator == ">"))
    high = _bound(INFINITY) if comparator.startswith(">") else _bound(number, -int(comparator == "<"))
    return [Amount(low, high, *_unit(value))]


def _range(value: Tree) -> list[Amount]:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" not in low and "value" not in high:
        return []
    numbers = (_bound(low.get("value", -INFINITY)), _bound(high.get("value", INFINITY)))
    return [Amount(*numbers, *_unit(low if "value" in low else high))]


# ---- references and URIs


@dataclass(frozen=True)
class Pointer:
    """A reference: to a resource here (type, id), in the same resource (`inside`), or to elsewhere (url); its identifier."""

    type: str = ""
    id: str = ""
    version: str = ""
    url: str = ""
    inside: str = ""
    identifier: tuple[str, str] | None = None


LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/([A-Za-z0-9.\-]{1,64}))?")


def pointers(node: Node, base: str) -> list[Pointer]:
    value = node.value
    match node.type:
        case "canonical" | "uri" | "url" | "oid" | "uuid":
            literal, identifier = value, None
        case "Reference":
            literal = value.get("reference", "")
            known = value.get("identifier", {})
            identifier = (known.get("system", ""), known["value"]) if "value" in known else None
        case "Extension":
            return [found for child in children(node, "value") for found in pointers(child, base)]
        case inside if inside in package().resource_types and "id" in value:  # the first of a Bundle
            return [Pointer(inside, value["id"])]
        case _:
            return []
    return [found for found in [pointer(literal, base, identifier)] if found != Pointer()]


def pointer(literal: str, base: str, identifier: tuple[str, str] | None = None) -> Pointer:
    if literal.startswith("#"):
        return Pointer(inside=literal[1:], identifier=identifier)
    local = LOCAL.fullmatch(literal.removeprefix(f"{base}/"))
    if local:
        return Pointer(local[1], local[2], local[3] or "", identifier=identifier)
    return Pointer(url=literal, identifier=identifier)


def uris(node: Node) -> Iterator[str]:
    if node.type == "Extension":
        for child in children(node, "value"):
            yield from uris(child)
    elif isinstance(node.value, str):
        yield node.value
