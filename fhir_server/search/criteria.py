"""Search parameters of one resource type as a tree: names with modifiers, chains and reverse chains, and their values.

http://hl7.org/fhir/R4/search.html#parameters
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.search.parameters import Parameter, parameters, unavailable
from fhir_server.search.query import Chain, Compare, Has, Ids, LastUpdated, Match, Missing, Node, Not, Op, Or, Reference
from fhir_server.search.types import ALTERNATIVES, MODIFIERS, date
from fhir_server.search.types.reading import MAX_VALUES, Reading, split, unescape

MAX_NAME = 256
MAX_DEPTH = 3
"""Most chains and reverse chains within one another."""
LATER = {
    "token": frozenset({"in", "not-in", "above", "below", "of-type"}),
    "reference": frozenset({"above", "below"}),
    "string": frozenset({"text"}),
}
"""R4's modifiers that are not supported yet, by search parameter type."""


class UnknownParameter(BadRequest):
    """400: the type has no such search parameter, or this server does not support it; lenient handling passes it over."""

    code = "not-supported"


@dataclass(frozen=True, slots=True)
class Terms:
    """What criteria are read under: this server's base URL and the moment that `ap` hangs on."""

    base: str
    now: datetime


def criterion(type_: str, name: str, value: str, terms: Terms, depth: int = 0) -> Node | None:
    """The tree of one `name=value`; None where the value is empty, so that it asks for nothing.

    Raises UnknownParameter, and BadRequest for a modifier, chain or value that cannot be.
    """
    if len(name) > MAX_NAME:
        raise BadRequest(f"a parameter's name of more than {MAX_NAME} characters: {name[:64]!r}…", code="too-long")
    if name.startswith("_has:"):
        return _reverse(type_, name, value, terms, _deeper(depth, name))
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    parameter = _parameter(type_, code, name)
    if dot:
        return _chain(parameter, modifier, rest, value, terms, _deeper(depth, name))
    if colon and not modifier:
        raise _bad(name, f"{name!r} ends in a colon without a modifier")
    values = [piece for piece in split(value, ",") if piece.strip()]
    if len(values) > MAX_VALUES:
        raise _bad(name, f"{name} has more than {MAX_VALUES} values", "too-costly")
    if not values:
        return None
    if modifier == "missing":
        return _missing(parameter, value, name)
    if not parameter.stored:
        return _column(parameter, modifier, values, name, terms)
    _check_modifier(parameter, modifier, name)
    return _match(parameter, modifier, values, name, terms)


def _parameter(type_: str, code: str, name: str) -> Parameter:
    found = parameters(type_).get(code)
    if found is not None:
        return found
    reason = unavailable(type_, code)
    if reason is not None:
        raise UnknownParameter(f"{code}: {reason}", expression=f"http.{name}")
    near = get_close_matches(code[:64], list(parameters(type_)), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "CapabilityStatement.rest.resource.searchParam lists them"
    raise UnknownParameter(f"{type_} has no search parameter {code[:64]!r}: {hint}", expression=f"http.{name}")


def _bad(name: str, text: str, code: str = "value") -> BadRequest:
    return BadRequest(text, code=code, expression=f"http.{name}")


def _deeper(depth: int, name: str) -> int:
    if depth >= MAX_DEPTH:
        raise _bad(name, f"more than {MAX_DEPTH} chains within one another", "too-costly")
    return depth + 1


def _match(parameter: Parameter, modifier: str, values: list[str], name: str, terms: Terms) -> Node:
    """The alternatives of all values on all codes under which the parameter's entries are kept."""
    target = parameter.target or ""
    targets = (target,) if target else parameter.targets
    reading = Reading(name, parameter.types, targets, terms.base, terms.now, parameter.exact)
    alternatives = ALTERNATIVES[parameter.type]
    asked = modifier or target if parameter.type == "reference" else modifier
    anyof = tuple(
        dict.fromkeys(a for value in values for a in alternatives(value, "" if asked == "not" else asked, reading))
    )
    found = Or(tuple(Match(code, anyof) for code in parameter.stored))
    return Not(found) if modifier == "not" else found


def _check_modifier(parameter: Parameter, modifier: str, name: str) -> None:
    """Raises BadRequest for a modifier that the parameter does not have here."""
    if not modifier or modifier in MODIFIERS[parameter.type]:
        return
    if parameter.type == "reference" and modifier in _allowed_types(parameter):
        return
    if modifier in LATER.get(parameter.type, ()):
        raise _bad(name, f"{name}: the modifier :{modifier} is not supported yet", "not-supported")
    known = ["missing", *sorted(MODIFIERS[parameter.type])]
    if parameter.type == "reference":
        known += _allowed_types(parameter)[:5]
    right = ", ".join(f":{m}" for m in known)
    raise _bad(name, f"{name}: {parameter.code} has no modifier :{modifier[:64]}; it has {right}", "not-supported")


def _allowed_types(parameter: Parameter) -> tuple[str, ...]:
    return (parameter.target,) if parameter.target else parameter.targets


def _missing(parameter: Parameter, value: str, name: str) -> Node:
    if value not in ("true", "false"):
        raise _bad(name, f"{name}={value[:64]}: expected true or false")
    absent: Node
    if not parameter.stored:
        absent = Or(())
    elif parameter.target:
        of_type = ((Compare(Reference, "type", Op.EQ, parameter.target),),)
        absent = Not(Or(tuple(Match(code, of_type) for code in parameter.stored)))
    else:
        present = tuple(Not(Missing(code, parameter.kinds)) for code in parameter.stored)
        absent = Not(Or(present))
    return absent if value == "true" else Not(absent)


def _column(parameter: Parameter, modifier: str, values: list[str], name: str, terms: Terms) -> Node:
    """`_id` and `_lastUpdated`."""
    if parameter.code == "_id":
        if modifier not in ("", "not"):
            raise _bad(name, f"{name}: _id has no modifier :{modifier[:64]}; it has :missing and :not", "not-supported")
        ids = Ids(tuple(unescape(value) for value in values))
        return Not(ids) if modifier else ids
    if modifier:
        raise _bad(name, f"{name}: _lastUpdated has no modifier :{modifier[:64]}; it has :missing", "not-supported")
    reading = Reading(name, parameter.types, (), terms.base, terms.now)
    return Or(tuple(LastUpdated(tests) for value in values for tests in date.instant_tests(value, reading)))


def _chain(parameter: Parameter, modifier: str, rest: str, value: str, terms: Terms, depth: int) -> Node | None:
    """`subject:Patient.name=x`: of several target types those that have the parameter."""
    name = f"{parameter.code}{':' + modifier if modifier else ''}.{rest}"
    if "Reference" not in parameter.types:
        raise _bad(name, f"{name}: {parameter.code} is no reference that can be chained", "not-supported")
    allowed = _allowed_types(parameter)
    if modifier and modifier not in allowed:
        raise _bad(
            name, f"{name}: {parameter.code} does not refer to {modifier[:64]!r}; it does to {', '.join(allowed[:10])}"
        )

    def on(target: str) -> Node | None:
        where = criterion(target, rest, value, terms, depth)
        return None if where is None else Or(tuple(Chain(code, target, where) for code in parameter.stored))

    return _each((modifier,) if modifier else allowed, on)


def _each(types: tuple[str, ...], on: Callable[[str], Node | None]) -> Node | None:
    """The union over those types that know the parameter; raises what the first says where none does."""
    found: list[Node] = []
    unknown: UnknownParameter | None = None
    empty = False
    for type_ in types:
        try:
            node = on(type_)
        except UnknownParameter as error:
            unknown = unknown or error
            continue
        empty = empty or node is None
        if node is not None:
            found.append(node)
    if found:
        return Or(tuple(found))
    if unknown is not None and not empty:
        raise unknown
    return None


def _reverse(type_: str, name: str, value: str, terms: Terms, depth: int) -> Node | None:
    """`_has:Observation:patient:code=x`."""
    parts = name.split(":", 3)
    if len(parts) != 4 or not all(parts):
        raise _bad(name, f"{name!r} has not the form _has:[type]:[reference parameter]:[parameter]")
    _, source, code, rest = parts
    if not definitions().is_resource(source):
        raise _bad(name, f"{name}: {source[:64]!r} is no resource type")
    parameter = _parameter(source, code, name)
    if "Reference" not in parameter.types or type_ not in _allowed_types(parameter):
        raise _bad(name, f"{name}: {source}.{code} does not refer to a {type_}")
    where = criterion(source, rest, value, terms, depth)
    return None if where is None else Or(tuple(Has(source, stored, where) for stored in parameter.stored))
