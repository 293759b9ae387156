"""What one search value means for one value of a resource: prefixes, modifiers, precision.

http://hl7.org/fhir/R4/search.html#prefix and http://hl7.org/fhir/R4/search.html#modifiers
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache

from tests.oracle import terminology, texts, values
from tests.oracle.definitions import UCUM
from tests.oracle.paths import Node, children
from tests.oracle.texts import folded
from tests.oracle.ucum import factor
from tests.oracle.values import Amount, Pointer, Range, Token

PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
NUMBER = re.compile(r"([+-]?\d+(?:\.(\d+))?)(?:[eE]([+-]?\d+))?")


class Refused(ValueError):
    """R4 gives this search no meaning: the server must say 400."""


def split(text: str, separator: str) -> list[str]:
    """The pieces between separators that no backslash stands before; escapes stay."""
    pieces, escaped = [""], False
    for letter in text:
        if letter == separator and not escaped:
            pieces.append("")
        else:
            pieces[-1] += letter
        escaped = letter == "\\" and not escaped
    return pieces


def plain(text: str) -> str:
    """Without the escapes of `,` `|` `$` and the backslash."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


def prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


# ---- string, uri


def string(node: Node, modifier: str, text: str) -> bool:
    text = plain(text)
    if modifier == "exact":
        return text in texts.strings(node)
    wanted = folded(text)
    if modifier == "contains":
        return any(wanted in folded(part) for part in texts.strings(node))
    return any(part.startswith(wanted) for part in [*map(folded, texts.strings(node)), *texts.family_words(node)])


def uri(node: Node, modifier: str, text: str) -> bool:
    text = plain(text)
    return any(_uri(found, modifier, text, canonical=node.type == "canonical") for found in values.uris(node))


def _uri(found: str, modifier: str, text: str, *, canonical: bool) -> bool:
    url, bar, _ = found.partition("|") if canonical else (found, "", "")
    if modifier == "below":
        return url == text or url.startswith(_folder(text))
    if modifier == "above":
        return url == text or text.startswith(_folder(url))
    return text in ({found, url} if bar else {url})


def _folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


# ---- token


def token(node: Node, modifier: str, text: str) -> bool:
    if modifier == "text":
        words = folded(plain(text)).split()
        return any(_words(words, folded(found)) for found in values.token_texts(node))
    if modifier == "of-type":
        return of_type(node, text)
    if modifier == "in":
        return in_value_set(node, plain(text))
    parts = [plain(part) for part in split(text, "|")]
    if len(parts) > 2:
        raise Refused(text)
    if modifier in {"below", "above"}:
        related = (terminology.below if modifier == "below" else terminology.above)(*parts)
        return any(_token(found, [parts[0], code]) for found in values.tokens(node) for code in related)
    return any(_token(found, parts) for found in values.tokens(node))


def in_value_set(node: Node, url: str) -> bool:
    """One of the node's codes is a member, by its system and code."""
    among = terminology.members(url)
    if among is None:
        raise Refused(url)
    return any(_token(found, list(pair)) for found in values.tokens(node) if found.system for pair in among)


def _words(words: list[str], text: str) -> bool:
    """Each of the words begins one of the text."""
    return all(f" {word}" in f" {text}" for word in words)


def _token(found: Token, parts: list[str]) -> bool:
    if len(parts) == 2 and found.system != parts[0]:
        return False
    code = parts[-1]
    if code == "":
        return len(parts) == 2
    return found.code == code if found.sensitive else found.code.casefold() == code.casefold()


def of_type(node: Node, text: str) -> bool:
    """`system|code|value`: the identifier's type has the Coding, and its value is the value."""
    parts = [plain(part) for part in split(text, "|")]
    if len(parts) != 3 or "" in parts[1:]:
        raise Refused(text)
    if node.type != "Identifier":
        return False
    typed = [found for kind in children(node, "type") for found in values.tokens(kind)]
    value = str(node.value.get("value", ""))
    return value.casefold() == parts[2].casefold() and any(_token(found, parts[:2]) for found in typed)


# ---- reference


def reference(node: Node, modifier: str, text: str, base: str, targets: tuple[str, ...]) -> bool:
    pointers = values.pointers(node, base)
    if modifier == "identifier":
        parts = [plain(part) for part in split(text, "|")]
        known = [Token(*one.identifier, sensitive=False) for one in pointers if one.identifier]
        return any(_token(found, parts) for found in known)
    text = plain(text)
    if modifier:
        if "/" in text and not text.startswith(f"{modifier}/"):
            raise Refused(text)
        text = text if "/" in text else f"{modifier}/{text}"
    wanted = values.pointer(text, base)
    return any(_reference(found, wanted, text) for found in pointers)


def _reference(found: Pointer, wanted: Pointer, text: str) -> bool:
    if wanted.type:
        return (found.type, found.id) == (wanted.type, wanted.id) and wanted.version in {"", found.version}
    if re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", text) and found.type:
        return found.id == text
    return bool(found.url) and (text in {found.url, found.url.partition("|")[0]})


# ---- near


def near(node: Node, text: str) -> bool:
    """`latitude|longitude|distance|unit`: along the great circle of a sphere."""
    latitude, longitude, distance, unit = text.split("|")
    place = (float(latitude), float(longitude))
    return metres_between(node, place) <= float(distance) * {"km": 1000, "m": 1, "[mi_i]": 1609.344}[unit]


def metres_between(node: Node, place: tuple[float, float]) -> float:
    """By the law of cosines (the server has the haversine)."""
    south, west = map(math.radians, place)
    north, east = (math.radians(float(node.value[name])) for name in ("latitude", "longitude"))
    cosine = math.sin(south) * math.sin(north) + math.cos(south) * math.cos(north) * math.cos(east - west)
    return 6_371_008.8 * math.acos(max(-1.0, min(1.0, cosine)))


# ---- date


def date(node: Node, text: str, now: float) -> bool:
    prefix, rest = prefixed(text)
    wanted = values.moment(rest)
    if wanted is None:
        raise Refused(text)
    return any(compare_times(prefix, wanted, found, now) for found in values.times(node))


def compare_times(prefix: str, wanted: Range, found: Range, now: float) -> bool:
    """R4's table: `found` is the resource's range, `wanted` the search value's; both [low, high)."""
    low, high = wanted
    contained = low <= found[0] and found[1] <= high
    below, above = found[0] < low, found[1] > high
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "lt":
            return below
        case "gt":
            return above
        case "le":
            return below or contained
        case "ge":
            return above or contained
        case "sa":
            return found[0] >= high
        case "eb":
            return found[1] <= low
        case _:
            gap = max(low - now, now - high, 0) / 10
            return found[0] < high + gap and found[1] > low - gap


# ---- number, quantity


def number(node: Node, text: str) -> bool:
    test = amount_test(text)
    return any(test(found) for found in values.amounts(node))


def quantity(node: Node, text: str) -> bool:
    """`[prefix]number`, `|system|code` after it, or `||code` for a code or a unit."""
    value, *unit = split(text, "|")
    if len(unit) not in {0, 2}:
        raise Refused(text)
    system, code = [plain(part) for part in unit] or ["", ""]
    return any(_quantity(found, value, system, code) for found in values.amounts(node))


def _quantity(found: Amount, value: str, system: str, code: str) -> bool:
    if system == UCUM and code and found.system == UCUM and found.code:
        if found.code == code:
            return amount_test(value)(found)
        scale = factor(found.code, code)
        return scale is not None and amount_test(value)(_scaled(found, scale))
    if system and system != found.system:
        return False
    if code and code != found.code and (system or code != found.unit):
        return False
    return amount_test(value)(found)


def _scaled(found: Amount, scale: Fraction) -> Amount:
    low, high = ((n * scale.numerator / scale.denominator, beyond) for n, beyond in (found.low, found.high))
    return Amount(low, high, found.system, found.code, found.unit)


@cache
def amount_test(text: str) -> Callable[[Amount], bool]:
    """What a number or a range must be to `[prefix]number`. Precision matters to eq and ne alone (R4 §3.1.1.4.6), and to ap
    where it is coarser than a tenth.
    """
    prefix, rest = prefixed(text)
    found = NUMBER.fullmatch(rest)
    if not found:
        raise Refused(text)
    exponent = int(found[3] or 0)
    value = Decimal(found[1]).scaleb(exponent)
    digits = len(found[2] or "") + (found[2] is None and found[3] is not None)
    half = Decimal(5).scaleb(exponent - digits - 1)
    exact, low, high = (value, 0), (value - half, 0), (value + half, 0)
    near = max(abs(value) / 10, half)
    return {
        "eq": lambda a: low <= a.low and a.high < high,
        "ne": lambda a: not (low <= a.low and a.high < high),
        "lt": lambda a: a.low < exact,
        "gt": lambda a: a.high > exact,
        "le": lambda a: a.low <= exact,
        "ge": lambda a: a.high >= exact,
        "sa": lambda a: a.low > exact,
        "eb": lambda a: a.high < exact,
        "ap": lambda a: a.low <= (value + near, 0) and a.high >= (value - near, 0),
    }[prefix]
