"""One search parameter with its modifier and values as a tree: what `name:modifier=value,value` asks of one resource.

http://hl7.org/fhir/R4/search.html#modifiers and http://hl7.org/fhir/R4/search.html#combining
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fhir_server import references
from fhir_server.outcome import BadRequest
from fhir_server.search.hierarchies import hierarchy
from fhir_server.search.nested import leads, led_by
from fhir_server.search.parameters import Parameter, Part, Way
from fhir_server.search.phrase import prose
from fhir_server.search.query import (
    EVERYTHING,
    Chain,
    Compare,
    Ids,
    InValueSet,
    LastUpdated,
    Lineage,
    Match,
    Missing,
    Node,
    Not,
    Op,
    Or,
    Reference,
    Subsumed,
    Together,
    Token,
    conjunction,
)
from fhir_server.search.restrictions import check_values, permitted
from fhir_server.search.types import ALTERNATIVES, MODIFIERS, date, nearby, phonetic, reference, token
from fhir_server.search.types.reading import Reading, split, unescape

MAX_CHAIN = 8
MAX_STEPS = 1000
"""Most types that the chains of one search are tried on, in all."""
TYPES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What criteria are read under: this server's base URL, the moment that `ap` hangs on, and how deep chains may go.

    `steps` counts the types that chains have been tried on; `given` holds the parameters that may come but once (None: it
    is not counted), and `path` is the chain that leads to where the criteria hold. `place` is the parameter in the URL.
    """

    base: str
    now: datetime
    depth: int = MAX_CHAIN
    steps: list[None] = field(default_factory=list, compare=False)
    given: set[str] | None = field(default_factory=set, compare=False)
    path: str = ""
    place: str = ""


def bad(name: str, text: str, code: str = "value") -> BadRequest:
    """The error about a parameter."""
    return BadRequest(text, code=code, expression=f"http.{name}")


def condition(parameter: Parameter, modifier: str, values: Sequence[str], name: str, terms: Terms) -> Node:
    """What the parameter asks for: any of `values` (escaped as they came) holds. `name` is the parameter as it was written.

    Raises BadRequest for a modifier that the parameter does not have, and for values that it cannot have.
    """
    _check_modifier(parameter, modifier, name)
    check_values(parameter, modifier, values, name)
    if modifier == "missing":
        return _missing(parameter, values, name)
    if parameter.code == "_id":
        ids = Ids(tuple(unescape(value) for value in values))
        return Not(ids) if modifier == "not" else ids
    reading = _reading(parameter, name, terms)
    if parameter.code == "_lastUpdated":
        return Or(tuple(LastUpdated(tests) for value in values for tests in date.instant_tests(value, reading)))
    if parameter.usage in SPECIAL:
        return Or(tuple(SPECIAL[parameter.usage](parameter, value, reading) for value in values))
    if (parameter.usage, modifier) in PLACED:
        found = Or(tuple(PLACED[parameter.usage, modifier](parameter, modifier, value, reading) for value in values))
        return Not(found) if modifier == "not-in" else found
    return _match(parameter, modifier, values, reading)


def modifiers(parameter: Parameter) -> tuple[str, ...]:
    """The modifiers that the parameter has, those of a reference's types last."""
    return permitted(parameter, _modifiers(parameter))


def _modifiers(parameter: Parameter) -> tuple[str, ...]:
    if parameter.usage not in MODIFIERS:
        own = parameter.targets if parameter.usage == "nested" else ()
        return ("missing", *own) if parameter.usage in ("nearby", "nested") else ()
    if not parameter.stored:
        return ("missing", "not") if parameter.code == "_id" else ("missing",)
    found = set(MODIFIERS[parameter.usage])
    if parameter.usage == "token" and "Identifier" in parameter.types:
        found.add("of-type")
    if parameter.usage == "reference":
        found -= _without(parameter)
    types = target_types(parameter) if parameter.usage == "reference" else ()
    return ("missing", *sorted(found), *types)


def target_types(parameter: Parameter) -> tuple[str, ...]:
    """The resource types that a reference parameter may point to."""
    return (parameter.target,) if parameter.target else parameter.targets


def _without(parameter: Parameter) -> set[str]:
    """Modifiers of references that this one does not have: canonicals have no identifier, other references no versions."""
    missing = set() if "Reference" in parameter.types else {"identifier"}
    if not any(hierarchy(type_) for type_ in target_types(parameter)):
        missing |= {"above"} if "canonical" in parameter.types else {"above", "below"}
    return missing


def _check_modifier(parameter: Parameter, modifier: str, name: str) -> None:
    if not modifier:
        return
    known = modifiers(parameter)
    if modifier in known:
        return
    types = target_types(parameter)
    shown = [*(m for m in known if m not in types), *[m for m in known if m in types][:TYPES_SHOWN]]
    right = f"it has {', '.join(f':{m}' for m in shown)}" if shown else "it has none"
    raise bad(name, f"{name}: {parameter.code} has no modifier :{modifier[:64]}; {right}", "not-supported")


def _reading(parameter: Parameter, name: str, terms: Terms) -> Reading:
    return Reading(
        name, parameter.types, target_types(parameter), terms.base, terms.now, parameter.exact, terms.place or name
    )


def _missing(parameter: Parameter, values: Sequence[str], name: str) -> Node:
    value = ",".join(values)
    if value not in ("true", "false"):
        raise bad(name, f"{name}={value[:64]}: expected true or false")
    absent: Node
    if parameter.usage == "nested":
        absent = Not(leads(parameter))
    elif not parameter.stored:
        absent = Or(())
    elif parameter.target:
        of_type = ((Compare(Reference, "type", Op.EQ, parameter.target),),)
        away = ((Compare(Token, "code", Op.EQ, parameter.target),),)
        found: list[Node] = []
        for code in parameter.stored:
            found += (Match(code, of_type), Match(code + reference.ELSEWHERE, away))
            found.append(Chain(code, parameter.target, EVERYTHING))  # what it contains
        absent = Not(Or(tuple(found)))
    else:
        absent = Not(Or(tuple(Not(Missing(code, parameter.kinds)) for code in parameter.stored)))
    return absent if value == "true" else Not(absent)


def _match(parameter: Parameter, modifier: str, values: Sequence[str], reading: Reading) -> Node:
    """The alternatives of all values on all codes under which the parameter's entries are kept."""
    if modifier == "of-type":
        typed = tuple(dict.fromkeys(token.of_type(value, reading) for value in values))
        return Or(tuple(Match(code + token.OF_TYPE, typed) for code in parameter.stored))
    asked = "" if modifier == "not" else modifier
    if parameter.target and not asked:
        asked = parameter.target
    alternatives = ALTERNATIVES[parameter.usage]
    anyof = tuple(dict.fromkeys(a for value in values for a in alternatives(value, asked, reading)))
    found = Or(tuple(Match(code, anyof) for code in parameter.stored))
    return Not(found) if modifier == "not" else found


# ---- what a terminology or a hierarchy decides


def _in_value_set(parameter: Parameter, _modifier: str, value: str, reading: Reading) -> Node:
    """`:in` and `:not-in`: a canonical, or the address of a ValueSet."""
    url = unescape(value).strip()
    return Or(tuple(InValueSet(code, url, reading.place) for code in parameter.stored))


def _subsumed(parameter: Parameter, modifier: str, value: str, reading: Reading) -> Node:
    """`:below` and `:above` of tokens; of MIME types, whose system is implied, by the part before their parameters."""
    if parameter.media_types:
        return _media_type(parameter, modifier, token.concept(value, reading)[1])
    system, code = token.concept(value, reading)
    system = system or parameter.implied_system
    above = modifier == "above"
    return Or(tuple(Subsumed(stored, system, code, above, reading.place) for stored in parameter.stored))


def _media_type(parameter: Parameter, modifier: str, value: str) -> Node:
    whole = value.strip().lower()
    base, mark, _ = whole.partition(";")
    texts = dict.fromkeys((whole, base.strip())) if modifier == "above" else dict.fromkeys((whole,))
    anyof = tuple((Compare(Token, "code", Op.EQ, text),) for text in texts)
    found = [Match(code, anyof) for code in parameter.stored]
    if modifier == "below" and not mark:
        found += [Match(code + token.BELOW, anyof) for code in parameter.stored]
    return Or(tuple(found))


def _lineage(parameter: Parameter, modifier: str, value: str, reading: Reading) -> Node:
    """`:below` and `:above` of references: along the hierarchy of the resource referred to; of canonicals by version."""
    text = unescape(value)
    target = references.parse(text, reading.base)
    if "Reference" not in parameter.types or (target is not None and not target.local):
        return _match(parameter, modifier, (value,), reading)
    types: tuple[str, ...]
    if target is not None:
        if target.type not in reading.targets:
            raise reading.wrong(f"{text[:64]!r} is none of {', '.join(reading.targets[:10])}")
        types, id_ = (target.type,), target.id
    else:
        types, id_ = tuple(type_ for type_ in reading.targets if hierarchy(type_)), text
        if references.ID.fullmatch(text) is None:
            raise reading.wrong(f"{text[:64]!r} is no reference: expected [id], [type]/[id] or an absolute URL")
    above = modifier == "above"
    nodes: list[Node] = []
    for type_, code in itertools.product(types, parameter.stored):
        by = hierarchy(type_)
        same = ((Compare(Reference, "type", Op.EQ, type_), Compare(Reference, "id", Op.EQ, id_)),)
        nodes.append(Lineage(code, type_, id_, by, above, reading.place) if by else Match(code, same))
    return Or(tuple(nodes))


# ---- composites, places, sounds, prose


def _composite(parameter: Parameter, value: str, reading: Reading) -> Node:
    """`part$part`: on one base element, whichever the composite may speak of, all parts hold."""
    values = split(value, "$")
    first = parameter.ways[0]
    if len(values) != len(first) or not all(piece.strip() for piece in values):
        form = "$".join(f"[{part.parameter.code}]" for part in first)
        raise reading.wrong(f"{value[:64]!r} has not the form {form}")
    return Or(tuple(_on_base(way, values, reading) for way in parameter.ways))


def _on_base(way: Way, values: Sequence[str], reading: Reading) -> Node:
    grouped: list[tuple[Match, ...]] = []
    nodes: list[Node] = []
    for part, value in zip(way, values, strict=True):
        matches = _part(part, value, reading)
        if part.grouped:
            grouped.append(matches)
        else:
            nodes.append(Or(matches))
    if len(grouped) == 1:
        nodes.append(Or(grouped[0]))
    elif grouped:
        nodes.append(Or(tuple(Together(chosen) for chosen in itertools.product(*grouped))))
    return conjunction(nodes)


def _part(part: Part, value: str, reading: Reading) -> tuple[Match, ...]:
    p = part.parameter
    own = Reading(reading.name, p.types, target_types(p), reading.base, reading.now, p.exact)
    anyof = tuple(dict.fromkeys(ALTERNATIVES[p.usage](value, p.target or "", own)))
    return tuple(Match(code, anyof) for code in p.stored)


def _nearby(parameter: Parameter, value: str, reading: Reading) -> Node:
    return Or(tuple(nearby.near(code, value, reading) for code in parameter.stored))


def _alike(parameter: Parameter, value: str, _reading: Reading) -> Node:
    return Or(tuple(phonetic.alike(code, value) for code in parameter.stored))


def _prose(parameter: Parameter, value: str, reading: Reading) -> Node:
    return prose(parameter.code, value, reading)


SPECIAL = {"nested": led_by, "composite": _composite, "nearby": _nearby, "phonetic": _alike, "prose": _prose}
"""Usage → what one value of it asks for, where that is more than alternatives of one entry."""

PLACED = {
    ("token", "in"): _in_value_set,
    ("token", "not-in"): _in_value_set,
    ("token", "above"): _subsumed,
    ("token", "below"): _subsumed,
    ("reference", "above"): _lineage,
    ("reference", "below"): _lineage,
}
"""Usage and modifier → what one value of it asks for, where others must be asked before a store can answer."""
