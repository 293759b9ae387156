"""Reference search parameters: references here and elsewhere, canonicals, and identifiers of references.

http://hl7.org/fhir/R4/search.html#reference
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.search.query import Compare, Identifier, IndexEntry, Op, Reference, Token
from fhir_server.search.types.reading import Alternatives, Reading, all_of, split, unescape
from fhir_server.search.types.token import any_system, folded

Add = Callable[[IndexEntry], None]

MODIFIERS = frozenset({"identifier", "above", "below"})
ELSEWHERE = ":elsewhere"
"""Stands behind the code of a reference that leads to no resource here, with the type of what it leads to."""
MAX_TARGETS = 10
"""An id alone is looked for under each type that it may have, unless there are more than these."""


def pointer(text: str, base: str) -> Reference:
    """A literal reference as an index entry's value; what is not a resource here stands as its url."""
    head, slash, id_ = text.partition("/")
    if slash and "/" not in id_ and head in _types() and references.ID.fullmatch(id_):
        return Reference(head, id_)
    if text.startswith("urn:"):
        return Reference(url=text)
    target = references.parse(text, base)
    if target is None or not target.local:
        return Reference(url=text)
    return Reference(target.type, target.id, target.version)


@cache
def _types() -> frozenset[str]:
    return frozenset(definitions().resource_types)


def reference(add: Add, param: str, value: Mapping[str, Any], group: int, base: str) -> None:
    literal = value.get("reference")
    if literal is not None:
        found = pointer(literal, base)
        add(IndexEntry(param, found, group))
        if found.url and literal[:1] != "#" and (type_ := _type(literal, value)):
            add(IndexEntry(param + ELSEWHERE, Token("", type_), group))
    elif "type" in value and "identifier" in value:
        add(IndexEntry(param + ELSEWHERE, Token("", value["type"]), group))
    if (given := value.get("identifier")) is not None and (code := given.get("value")) is not None:
        system = given.get("system", "")
        add(IndexEntry(param, Identifier(system, folded(system, code)), group))


def canonical(add: Add, param: str, value: str, group: int, base: str) -> None:
    parts = references.canonical(value)
    if not parts.url:
        add(IndexEntry(param, Reference(url=value), group))
    elif not parts.version and (target := references.parse(parts.url, base)) is not None and target.local:
        add(IndexEntry(param, Reference(target.type, target.id, target.version), group))
    else:
        add(IndexEntry(param, Reference(url=parts.url, version=parts.version), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {"Reference": reference, "canonical": canonical, "uri": canonical}


def resolves_to(value: Mapping[str, Any], type_: str) -> bool:
    """`resolve() is Type`, as far as the reference itself tells: by its literal, else by Reference.type."""
    return _type(value.get("reference"), value) == type_


def _type(literal: str | None, value: Mapping[str, Any]) -> str:
    target = references.parse(literal) if literal is not None else None
    found: str = (target.type if target is not None else "") or value.get("type", "")
    return found


def alternatives(value: str, modifier: str, reading: Reading) -> Alternatives:
    """`id`, `Type/id`, `Type/id/_history/version`, an absolute URL, a canonical with or without |version; with `:identifier`
    `system|value`; with `:Type` an id; of canonicals `:below` any version, or those that begin with |version. Raises BadRequest.
    """
    if modifier == "identifier":
        return _identifier(value, reading)
    url, *version = (unescape(piece) for piece in split(value, "|", 1))
    target = references.parse(url, reading.base)
    if version and version[0] and modifier == "below":
        parts = (Compare(Reference, "url", Op.EQ, url),)
        return tuple(
            (*parts, Compare(Reference, "version", op, text))
            for op, text in ((Op.EQ, version[0]), (Op.STARTS, f"{version[0]}."))
        )
    if version and version[0]:
        return (all_of((Reference, "url", Op.EQ, url), (Reference, "version", Op.EQ, version[0])),)
    if target is None and "://" not in url:
        return _by_id(url, modifier, reading)
    if target is not None and target.type and modifier and modifier not in ("below", target.type):
        raise reading.wrong(f"{url[:64]!r} is not a {modifier}")
    if target is None or not target.local:
        return ((Compare(Reference, "url", Op.EQ, url),),)
    return (_local(target.type, target.id, target.version),)


def _by_id(text: str, modifier: str, reading: Reading) -> Alternatives:
    if references.ID.fullmatch(text) is None:
        raise reading.wrong(f"{text[:64]!r} is no reference: expected [id], [type]/[id] or an absolute URL")
    types = (modifier,) if modifier else reading.targets
    if not types or len(types) > MAX_TARGETS:
        return ((Compare(Reference, "id", Op.EQ, text),),)
    return tuple(_local(type_, text) for type_ in types)


def _local(type_: str, id_: str, version: str = "") -> tuple[Compare, ...]:
    tests = all_of((Reference, "type", Op.EQ, type_), (Reference, "id", Op.EQ, id_))
    return (*tests, Compare(Reference, "version", Op.EQ, version)) if version else tests


def _identifier(value: str, reading: Reading) -> Alternatives:
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) > 2:
        raise reading.wrong(f"{value[:64]!r} has more than one |: expected [system]|[value] or [value]")
    if len(pieces) == 1:
        return any_system(Identifier, pieces[0])
    system, code = pieces
    if not code:
        return ((Compare(Identifier, "system", Op.EQ, system),),)
    return (all_of((Identifier, "system", Op.EQ, system), (Identifier, "code", Op.EQ, folded(system, code))),)
