"""Search parameters of one resource type as a tree: names with modifiers, chains and reverse chains, and their values.

http://hl7.org/fhir/R4/search.html#parameters
"""

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.search.condition import MAX_CHAIN, MAX_STEPS, Terms, bad, condition, target_types
from fhir_server.search.current_lists import current
from fhir_server.search.parameters import Parameter, parameters, unavailable
from fhir_server.search.query import Chain, Contains, Has, Ids, Node, Or
from fhir_server.search.restrictions import check_chain, check_repeated
from fhir_server.search.types.reading import MAX_VALUES, split, unescape

__all__ = ["MAX_CHAIN", "Terms", "UnknownParameter", "criterion"]

MAX_NAME = 512
_ILLEGAL = re.compile(r"\\(?![\\,|$])")
_ESCAPED = re.compile(r"\\[\\,|$]")


class UnknownParameter(BadRequest):
    """400: the type has no such search parameter, or this server does not support it; lenient handling passes it over."""

    code = "not-supported"


def criterion(type_: str, name: str, value: str, terms: Terms, depth: int = 0) -> Node | None:
    """The tree of one `name=value`; None where the value is empty, so that it asks for nothing.

    Raises UnknownParameter, and BadRequest for a modifier, chain or value that cannot be.
    """
    if len(name) > MAX_NAME:
        raise BadRequest(f"a parameter's name of more than {MAX_NAME} characters: {name[:64]!r}…", code="too-long")
    if name.startswith("_has:"):
        return _reverse(type_, name, value, terms, _deeper(depth, name, terms))
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    if code == "_list":
        return _listed(type_, name, value)
    parameter = _parameter(type_, code, name)
    if dot:
        check_chain(parameter, rest, name)
        below = replace(terms, path=f"{terms.path}{type_}.{code}.")
        return _chain(parameter, modifier, rest, value, below, _deeper(depth, name, terms))
    if colon and not modifier:
        raise bad(name, f"{name!r} ends in a colon without a modifier")
    values = [value] if parameter.usage == "prose" else _values(name, value)
    if not (values and value.strip()):
        return None
    if terms.given is not None:
        check_repeated(parameter, terms.path + type_, terms.given, name)
    return condition(parameter, modifier, values, name, terms)


def _values(name: str, value: str) -> list[str]:
    """The values between commas, still escaped; empty ones ask for nothing. Raises BadRequest."""
    if "\\" in value and _ILLEGAL.search(_ESCAPED.sub("", value)):
        raise bad(name, rf"{name}: a backslash stands only before a comma, $, | or another backslash (\\ means \)")
    values = [piece for piece in split(value, ",") if piece.strip()]
    if len(values) > MAX_VALUES:
        raise bad(name, f"{name} has more than {MAX_VALUES} values", "too-costly")
    return values


def _listed(type_: str, name: str, value: str) -> Node | None:
    """`_list=42`: what the List refers to in entry.item; `_list=$current-problems`: what one that has this function does."""
    if name != "_list":
        raise bad(name, f"{name}: _list has no modifiers and no chains", "not-supported")
    lists = [unescape(piece).strip().removeprefix("List/") for piece in _values(name, value)]
    found: list[Node] = [current(type_, each) for each in lists if each.startswith("$")]
    ids = [each for each in lists if not each.startswith("$")]
    for id_ in ids:
        if references.ID.fullmatch(id_) is None:
            raise bad(name, f"_list={id_[:64]!r}: expected the id of a List")
    if ids:
        found.append(Has("List", "item", Ids(tuple(ids))))
    return Or(tuple(found)) if found else None


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


def _deeper(depth: int, name: str, terms: Terms) -> int:
    if depth >= terms.depth:
        raise bad(name, f"more than {terms.depth} chains within one another", "too-costly")
    return depth + 1


def _step(name: str, terms: Terms) -> None:
    """One more type that a chain is tried on. Raises BadRequest where these are too many."""
    terms.steps.append(None)
    if len(terms.steps) > MAX_STEPS:
        raise bad(
            name, "the chains lead over too many resource types: name them, as in subject:Patient.name", "too-costly"
        )


def _chain(parameter: Parameter, modifier: str, rest: str, value: str, terms: Terms, depth: int) -> Node | None:
    """`subject:Patient.name=x`: of several target types those that have the parameter."""
    name = f"{parameter.code}{':' + modifier if modifier else ''}.{rest}"
    if "Reference" not in parameter.types and parameter.usage != "nested":
        raise bad(name, f"{name}: {parameter.code} is no reference that can be chained", "not-supported")
    allowed = target_types(parameter)
    if modifier and modifier not in allowed:
        raise bad(
            name, f"{name}: {parameter.code} does not refer to {modifier[:64]!r}; it does to {', '.join(allowed[:10])}"
        )

    def on(target: str) -> Node | None:
        _step(name, terms)
        where = criterion(target, rest, value, terms, depth)
        if where is not None and parameter.usage == "nested":
            return Contains(target, where)
        return None if where is None else Or(tuple(Chain(code, target, where) for code in parameter.stored))

    return _each(_knowing((modifier,) if modifier else allowed, rest), on)


def _knowing(types: tuple[str, ...], rest: str) -> tuple[str, ...]:
    """Those of the types that have the parameter that comes next; the first, to say what is wrong, where none has."""
    code = rest.partition(".")[0].partition(":")[0]
    if code in ("_has", "_list"):
        return types
    return tuple(type_ for type_ in types if code in parameters(type_)) or types[:1]


def _each(types: tuple[str, ...], on: Callable[[str], Node | None]) -> Node | None:
    """The union over those types that have the parameter, with its modifier; raises what the first says where none has."""
    found: list[Node] = []
    unknown: BadRequest | None = None
    empty = False
    for type_ in types:
        try:
            node = on(type_)
        except BadRequest as error:
            if error.issues[0].code != "not-supported":
                raise
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
        raise bad(name, f"{name!r} has not the form _has:[type]:[reference parameter]:[parameter]")
    _, source, code, rest = parts
    if not definitions().is_resource(source):
        raise bad(name, f"{name}: {source[:64]!r} is no resource type")
    parameter = _parameter(source, code, name)
    if "Reference" not in parameter.types or type_ not in target_types(parameter):
        raise bad(name, f"{name}: {source}.{code} does not refer to {type_}", "not-supported")
    below = replace(terms, path=f"{terms.path}{type_}._has:{source}:{code}:")
    where = criterion(source, rest, value, below, depth)
    return None if where is None else Or(tuple(Has(source, stored, where) for stored in parameter.stored))
