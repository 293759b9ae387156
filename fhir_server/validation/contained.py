"""Resources inside a resource: where they stand, and the rules for those that are contained (dom-2 to dom-5).

http://hl7.org/fhir/R4/references.html#contained
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import orjson

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.outcome import Issue

_LOCAL: Final = re.compile(rb'"#[^"]*"')
"""A string in JSON that begins as a local reference does."""


def inside(resource: Mapping[str, Any]) -> Iterator[object]:
    """What stands where R4 has a resource inside this one: contained, entries of a Bundle, Parameters; not those inside these."""
    return _find("Resource", resource, str(resource.get("resourceType")))


def narratives(resource: Mapping[str, Any]) -> Iterator[object]:
    """Every narrative of a resource itself: its text, the sections of a Composition."""
    return _find("Narrative", resource, str(resource.get("resourceType")))


def issues(resource: Mapping[str, Any], path: str) -> Iterator[Issue]:
    """What is wrong with the contained resources of a resource at `path`, beyond what each is by itself."""
    held = resource.get("contained")
    if not isinstance(held, list):
        return
    local: frozenset[bytes] | None = None
    for i, one in enumerate(held):
        if isinstance(one, Mapping):
            here = f"{path}.contained[{i}]"
            yield from _own_issues(one, here)
            own = one.get("id")
            if isinstance(own, str) and references.ID.fullmatch(own):
                if local is None:
                    local = frozenset(_LOCAL.findall(_dump(resource)))
                if _dump(f"#{own}") not in local and b'"#"' not in _dump(one):
                    text = "nothing in the resource refers to this contained resource, nor does it refer to its container (dom-3)"
                    yield Issue("invariant", text, (here,))


def _own_issues(one: Mapping[str, Any], here: str) -> Iterator[Issue]:
    if "id" not in one:
        yield Issue("required", "a contained resource needs an id, by which it is referred to", (f"{here}.id",))
    if "contained" in one:
        text = "a contained resource must not contain resources itself (dom-2): contain them side by side"
        yield Issue("invariant", text, (f"{here}.contained",))
    meta = one.get("meta")
    for name, rule in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
        if isinstance(meta, Mapping) and name in meta:
            yield Issue(
                "invariant", f"a contained resource must not have meta.{name} ({rule})", (f"{here}.meta.{name}",)
            )


def _dump(tree: object) -> bytes:
    """JSON in which a string can be looked for with its quotes; empty for what is no JSON."""
    try:
        return orjson.dumps(tree, default=str)
    except (TypeError, ValueError):
        return b""


def _find(wanted: str, value: object, type_name: str) -> Iterator[object]:
    if isinstance(value, Mapping):
        for name, element_type in _ways(wanted, type_name):
            if name in value:
                found = value[name]
                for item in found if isinstance(found, list) else [found]:
                    if element_type == wanted:
                        yield item
                    else:
                        yield from _find(wanted, item, element_type)


@cache
def _ways(wanted: str, type_name: str) -> tuple[tuple[str, str], ...]:
    """(name, type) of the elements of a type that are of the wanted type or lead to it."""
    elements = definitions().elements(type_name).values()
    return tuple((e.name, e.type) for e in elements if _leads(wanted, e.type, frozenset()))


def _leads(wanted: str, type_name: str, above: frozenset[str]) -> bool:
    if type_name == wanted:
        return True
    if type_name in above or type_name not in _inline_types():
        return False
    return any(_leads(wanted, e.type, above | {type_name}) for e in definitions().elements(type_name).values())


@cache
def _inline_types() -> frozenset[str]:
    return frozenset(definitions().inline_types)
