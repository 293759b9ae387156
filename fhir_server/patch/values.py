"""The value of a FHIRPath Patch operation as the JSON that stands in the resource.

http://hl7.org/fhir/R4/fhirpatch.html: a value[x], a resource, or parts for the inline types that no value[x] can hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import Element, definitions
from fhir_server.fhirpath import types
from fhir_server.patch.operations import Operation
from fhir_server.patch.tree import MAX_DEPTH, clone

_PARAMETER = "Parameters.parameter"


@dataclass(frozen=True, slots=True)
class Content:
    """What goes to `element`: its JSON, and beside it the `_name` object of a primitive."""

    element: Element
    value: Any
    sibling: Any


def content(part: Mapping[str, Any], type: str, name: str, operation: Operation, depth: int = 0) -> Content:  # noqa: A002  # FHIR's word
    """What `part` holds for the element `name` of `type`; Unprocessable where that element does not exist or take it."""
    if depth > MAX_DEPTH:
        raise operation.impossible("its value is nested too deeply")
    elements = _elements(type, name)
    if not elements:
        raise operation.impossible(f"{type} has no element {name[:100]!r}")
    if "part" in part:
        return _inline(part, elements, name, operation, depth)
    if "resource" in part:
        element = next((one for one in elements if one.type == "Resource"), None)
        if element is None or not isinstance(part["resource"], Mapping):
            raise operation.impossible(f"{name} is no place for a resource")
        return Content(element, clone(part["resource"]), None)
    given = _given(part)
    if given is None:
        raise operation.impossible(f"the value for {name} has none of value[x], resource and part")
    element = _taking(elements, given)
    if element is None:
        raise operation.impossible(f"{name} of {type} does not take a {given.type}")
    return Content(element, clone(part.get(given.name)), clone(part.get("_" + given.name)) if given.primitive else None)


def _elements(type: str, name: str) -> tuple[Element, ...]:  # noqa: A002
    """Those that `name` means: `value` and `value[x]` all of a choice, `valueString` one of it."""
    found = types.members(type, name.removesuffix("[x]"))
    one = types.element(type, name)
    return found or ((one,) if one else ())


def _given(part: Mapping[str, Any]) -> Element | None:
    """The value[x] that `part` holds."""
    for element in types.members(_PARAMETER, "value"):
        if element.name in part or "_" + element.name in part:
            return element
    return None


def _taking(elements: tuple[Element, ...], given: Element) -> Element | None:
    """The element for a value of the given type: of just that type, else (not a choice) of a type written alike."""
    for element in elements:
        if element.type == given.type:
            return element
    if len(elements) > 1:
        return None
    element = elements[0]
    if element.primitive or element.type == "xhtml":
        return element if given.primitive and _json(element.type) == _json(given.type) else None
    related = types.is_subtype(element.type, given.type) or types.is_subtype(given.type, element.type)
    return element if related and not given.primitive else None


def _json(type: str) -> str:  # noqa: A002
    """How a primitive is written: an integer may stand for a decimal."""
    kind = "string" if type == "xhtml" else definitions().primitive(type).json
    return "number" if kind in {"integer", "decimal"} else kind


def _inline(
    part: Mapping[str, Any], elements: tuple[Element, ...], name: str, operation: Operation, depth: int
) -> Content:
    element, parts = elements[0], part["part"]
    if len(elements) > 1 or element.primitive or element.type == "Resource" or not isinstance(parts, list):
        raise operation.impossible(f"{name} is not made of parts")
    value: dict[str, Any] = {}
    for one in parts:
        member = one.get("name") if isinstance(one, Mapping) else None
        if not isinstance(member, str):
            raise operation.impossible(f"each part of {name} has a name")
        _join(value, content(one, element.type, member, operation, depth + 1), operation)
    return Content(element, value, None)


def _join(value: dict[str, Any], new: Content, operation: Operation) -> None:
    key = new.element.name
    if not new.element.repeats:
        if key in value or "_" + key in value:
            raise operation.impossible(f"{key} cannot repeat")
        value.update({k: v for k, v in ((key, new.value), ("_" + key, new.sibling)) if v is not None})
        return
    append(value, new)


def append(holder: dict[str, Any], new: Content, index: int | None = None) -> None:
    """`new` is in the array of `holder` at `index` (None: last), and its `_name` object at the same place of theirs."""
    key = new.element.name
    values, siblings = holder.get(key), holder.get("_" + key)
    count = max(len(values) if isinstance(values, list) else 0, len(siblings) if isinstance(siblings, list) else 0)
    index = count if index is None else index
    store(holder, key, [*padded(values, count)[:index], new.value, *padded(values, count)[index:]])
    if new.element.primitive:
        store(holder, "_" + key, [*padded(siblings, count)[:index], new.sibling, *padded(siblings, count)[index:]])


def padded(items: Any, count: int) -> list[Any]:
    """`items` with nulls up to `count`."""
    found = list(items) if isinstance(items, list) else []
    return found + [None] * (count - len(found))


def store(holder: dict[str, Any], key: str, items: list[Any]) -> None:
    """`items` without nulls at the end stand at `key`; nothing stands there where nothing else is left."""
    while items and items[-1] is None:
        items.pop()
    if items:
        holder[key] = items
    else:
        holder.pop(key, None)
