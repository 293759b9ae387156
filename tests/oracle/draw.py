"""Search values drawn from a value of a resource: itself, in another spelling, less precise, or a near miss.

http://hl7.org/fhir/R4/search.html#ptypes
"""

import re
from decimal import Decimal
from random import Random

from tests.oracle import terminology, texts, values
from tests.oracle.definitions import UCUM, Parameter, codes
from tests.oracle.meaning import PREFIXES, metres_between
from tests.oracle.paths import Node
from tests.oracle.texts import folded
from tests.oracle.values import Amount

Drawn = tuple[str, str, str]
"""The modifier as it is written, the value, its prefix."""


def escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def value(
    random: Random, node: Node, parameter: Parameter, modifier: str, base: str, without: frozenset[str] = frozenset()
) -> Drawn | None:
    """None where the node has nothing that fits the modifier."""
    match parameter.type:
        case "string":
            return _string(random, node, modifier)
        case "token":
            return _token(random, node, modifier)
        case "uri":
            return _uri(random, node, modifier)
        case "reference":
            return _reference(random, node, parameter, modifier, base)
        case "date":
            found = random.choice(values.times(node))
            known = [moment for moment in found if abs(moment) != float("inf")]
            prefix, text = date(random, _written(random.choice(known)))
            return "", text, prefix
        case "number":
            prefix, text = _number(random, random.choice(values.amounts(node)), without)
            return "", text, prefix
        case "quantity":
            return _quantity(random, node, without)
    return None


def _string(random: Random, node: Node, modifier: str) -> Drawn | None:
    known = [text for text in texts.strings(node) if text.strip()]
    if not known:
        return None
    text = random.choice(known)[:200]
    if modifier == "exact":
        return modifier, escaped(random.choice([text, text, text, text.swapcase(), text[:-1] or text])), ""
    start = random.randrange(len(text)) if modifier == "contains" else 0
    if modifier == "" and " " in text and random.random() < 0.2:
        start = text.index(" ") + 1
    piece = text[start : start + random.randint(1, 12)].strip() or text
    piece = random.choice([piece, piece, piece, piece.upper(), piece.lower(), folded(piece), f"{piece}q", text])
    return modifier, escaped(piece) if piece.strip() else "a", ""


def _token(random: Random, node: Node, modifier: str) -> Drawn | None:
    if modifier == "text":
        words = [word for text in values.token_texts(node) for word in text.split() if folded(word)]
        if not words:
            return None
        chosen = random.sample(words, min(len(words), random.randint(1, 2)))
        return modifier, escaped(" ".join(random.choice([w, w.lower(), w[: len(w) // 2 + 1]]) for w in chosen)), ""
    if modifier == "of-type":
        return _of_type(random, node)
    if modifier in {"in", "not-in"}:
        return _in(random, node, modifier)
    if modifier in {"above", "below"}:
        return _related(random, node, modifier)
    known = [token for token in values.tokens(node) if token.code]
    if not known:
        return None
    token = random.choice(known)
    code, system = escaped(token.code), escaped(token.system)
    if node.type == "boolean":
        return modifier, random.choice(["true", "false"]), ""
    if node.type == "code" and not system:
        return modifier, random.choice([code, f"{code}x"]), ""
    other = f"{code}x" if node.type == "uri" else code.swapcase()  # beside Codings without a system case is not told
    fitting = [code, code, code, other]
    if node.type in {"Coding", "CodeableConcept", "Identifier", "code"}:
        fitting += [f"{system}|{code}"] * 3 + [f"{system}|", f"{system}|{other}"] if system else []
        fitting += [f"http://example.org/other|{code}", *([f"|{code}"] if node.type != "code" else [])]
    return modifier, random.choice([*fitting, *fitting, f"{code}x"]), ""


def _in(random: Random, node: Node, modifier: str) -> Drawn | None:
    """A value set that has the code, or another one."""
    systems = [token.system for token in values.tokens(node) if token.system]
    fitting = [url for system in systems for url in terminology.sets_of(system)]
    if not fitting:
        return None
    url = random.choice([random.choice(fitting), random.choice(fitting), random.choice(terminology.bound())])
    return modifier, escaped(url), ""


def _related(random: Random, node: Node, modifier: str) -> Drawn | None:
    """A code above or below, the code itself, or one beside it."""
    known = [token for token in values.tokens(node) if terminology.parents(token.system)]
    known = [token for token in known if token.code in codes(token.system)]
    if not known:
        return None
    token = random.choice(known)
    relatives = (terminology.above if modifier == "below" else terminology.below)(token.system, token.code)
    code = random.choice([*([random.choice(sorted(relatives))] * 3), random.choice(sorted(codes(token.system)))])
    return modifier, f"{escaped(token.system)}|{escaped(code)}", ""


def near(random: Random, node: Node) -> str:
    """A place not far away, with a distance that is clearly more or less."""
    place = [float(node.value[name]) + random.uniform(-0.5, 0.5) for name in ("latitude", "longitude")]
    latitude, longitude = round(max(-90.0, min(90.0, place[0])), 6), round(place[1], 6)
    metres = metres_between(node, (latitude, longitude)) * random.choice([0.5, 0.9, 1.1, 1.5])
    unit, size = random.choice([("km", 1000), ("m", 1), ("[mi_i]", 1609.344)])
    return f"{latitude}|{longitude}|{metres / size:.6f}|{unit}"


def _of_type(random: Random, node: Node) -> Drawn | None:
    if node.type != "Identifier" or "value" not in node.value:
        return None
    codings = [c for c in node.value.get("type", {}).get("coding", ()) if "code" in c]
    if not codings:
        return None
    coding = random.choice(codings)
    end = random.choice(["", "", "x"])
    parts = [coding.get("system", ""), coding["code"], node.value["value"] + end]
    return "of-type", "|".join(map(escaped, parts)), ""


def _uri(random: Random, node: Node, modifier: str) -> Drawn | None:
    text = random.choice(list(values.uris(node)))
    bare = text.partition("|")[0] if node.type == "canonical" else text
    if modifier in {"below", "above"}:
        if not bare.startswith(("http://", "https://")):
            return None
        parts = bare.split("/")
        if modifier == "below":
            bare = "/".join(parts[: random.randint(3, len(parts))])
        else:
            bare += random.choice(["", "/x", "/x/y", "x"])
        return modifier, escaped(bare), ""
    canonical = node.type == "canonical"
    spelt = random.choice([text, bare, bare, bare.upper(), bare[:-1]])
    return "", spelt.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$") if canonical else escaped(spelt), ""


def _reference(random: Random, node: Node, parameter: Parameter, modifier: str, base: str) -> Drawn | None:
    found = random.choice(values.pointers(node, base))
    if modifier == "identifier":
        if not found.identifier:
            return None
        system, code = map(escaped, found.identifier)
        return modifier, random.choice([code, f"{system}|{code}", f"{system}|", f"{code}x"]), ""
    if modifier == "[type]":
        if found.type not in parameter.targets:
            return None
        return found.type, random.choice([found.id, found.id, f"{found.type}/{found.id}"]), ""
    if found.type:
        whole = f"{found.type}/{found.id}"
        spelt = [whole, whole, found.id, f"{base}/{whole}", f"{whole}x"]
        return "", random.choice([*spelt, f"{whole}/_history/{found.version}"] if found.version else spelt), ""
    if found.url and re.match(r"https?://|urn:", found.url):
        bare = found.url.partition("|")[0]
        return "", random.choice([found.url, bare]).replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$"), ""
    return None


def _written(moment: float) -> str:
    return (values.EPOCH + moment * values.MICROSECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def date(random: Random, text: str) -> tuple[str, str]:
    """A prefix, and about the time of an instant (UTC) with it."""
    prefix = random.choice(["", "", *PREFIXES])
    found = values.moment(text)
    assert found
    shift = random.choice([0, 0, 0, 0, 1, -1]) * random.choice(
        [1_000_000, 60_000_000, 86_400_000_000, 31 * 86_400_000_000]
    )
    text = _written(min(max(found[0] + shift, -60_000_000_000_000_000), 250_000_000_000_000_000))
    zone = random.choice(["Z", "Z", "+00:00", ""])
    spelt = [text[:4], text[:7], text[:10], text[:10], f"{text[:16]}{zone}", f"{text[:19]}{zone}", text]
    return prefix or "eq", prefix + random.choice(spelt)


def _number(random: Random, amount: Amount, without: frozenset[str]) -> tuple[str, str]:
    known = [number for number, _ in (amount.low, amount.high) if number.is_finite()]
    number = random.choice(known)
    if "digits" in without and len(number.as_tuple().digits) > 14:
        number = Decimal(1)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    change = random.choice([0, 0, 0, 0, 1, -1]) * Decimal(1).scaleb(exponent)
    if random.random() < 0.2 and -20 < exponent < 20:
        number = number.quantize(Decimal(1).scaleb(min(exponent + 1, 0)))
    prefix = random.choice(["", "", *PREFIXES])
    text = format(number + change, random.choice(["f", "f", "f", "e"]) if -20 < exponent < 20 else "e")
    return prefix or "eq", prefix + text.replace("e+", "e")


def _quantity(random: Random, node: Node, without: frozenset[str]) -> Drawn:
    amount = random.choice(values.amounts(node))
    prefix, text = _number(random, amount, without)
    ways = [text]
    system, code, unit = map(escaped, (amount.system, amount.code, amount.unit))
    if code and not ("ucum" in without and system == UCUM):
        ways += [f"{text}|{system}|{code}"] * 2 + [f"{text}||{code}", f"{text}|http://example.org/units|{code}"]
    if unit:
        ways += [f"{text}||{unit}"]
    return "", random.choice(ways), prefix
