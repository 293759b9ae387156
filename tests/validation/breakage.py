"""Copies of valid resources with one fault each, and where validation has to say so.

http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.fhirpath.node import Node, root
from fhir_server.validation.profiles.rule import Profile, Rule
from tests.validation.profiles.making import profile

Json = dict[str, Any]
CORE: Final = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True)
class Fault:
    """`resource` is broken at `expression`; `profile` is one that it is to be held to beside those that it claims."""

    kind: str
    resource: Json
    expression: str
    profile: Json | None = None


def _keys(node: Node) -> list[str | int]:
    if node.parent is None:
        return []
    return [*_keys(node.parent), node.key] + ([] if node.index is None else [node.index])


def _copy(node: Node) -> tuple[Json, Any]:
    """A copy of the whole resource, and in it what `node` is."""
    top = node
    while top.parent is not None:
        top = top.parent
    whole = deepcopy(top.value)
    place: Any = whole
    for key in _keys(node):
        place = place[key]
    return whole, place


def _with(node: Node, **members: Any) -> Json:
    whole, place = _copy(node)
    place.update(members)
    return whole


def _without(node: Node, name: str) -> Json | None:
    """None where nothing would be left."""
    whole, place = _copy(node)
    for member in types.members(node.type, name):
        place.pop(member.name, None)
        place.pop(f"_{member.name}", None)
    return whole if set(place) - {"id", "resourceType"} or "resourceType" in place else None


def of_definitions(node: Node) -> Iterator[Fault]:
    """Faults against R4's own definitions, of an element and of those below."""
    yield Fault("unknown element", _with(node, frobnicated=1), f"{node.path}.frobnicated")
    for element in definitions().elements(node.type).values():
        value = node.value.get(element.name)
        if value is None:
            continue
        name, path = element.choice or element.name, f"{node.path}.{element.choice or element.name}"
        first = f"{path}[0]" if element.repeats else path
        if element.min and (left := _without(node, name)) is not None:
            yield Fault("required element left out", left, path)
        if not element.repeats:
            yield Fault("array where there is one value", _with(node, **{element.name: [value]}), path)
        wrong = {
            "boolean": "yes",
            "integer": 1.5,
            "date": "2020-13-01",
            "dateTime": "2020-02-30",
            "instant": "2020-01-01",
        }
        if element.primitive and element.type in wrong:
            bad = [wrong[element.type]] if element.repeats else wrong[element.type]
            yield Fault("value of another form", _with(node, **{element.name: bad}), first)
        binding = element.binding if element.primitive else None
        if binding is not None and binding.strength == "required" and definitions().value_set_codes(binding.value_set):
            bad = ["no-such-code"] if element.repeats else "no-such-code"
            yield Fault("code outside a required binding", _with(node, **{element.name: bad}), first)
        if element.type == "Reference" and element.targets and "Resource" not in element.targets:
            stranger = next(t for t in ("Basic", "Binary") if t not in element.targets)
            bad = {"reference": f"{stranger}/x"}
            yield Fault(
                "reference to a wrong type",
                _with(node, **{element.name: [bad] if element.repeats else bad}),
                f"{first}.reference",
            )
    yield from _of_type(node)
    for child in node.children():
        if isinstance(child.value, dict) and child.type != "Extension" and "resourceType" not in child.value:
            yield from of_definitions(child)


def _of_type(node: Node) -> Iterator[Fault]:
    """Invariants and extensions."""
    value, path = node.value, node.path
    if node.type == "Period" and "end" in value:
        yield Fault("invariant", _with(node, start="9999-01-01", end="2001-01-01"), path)
    if node.type == "Quantity" and "code" in value:
        whole, place = _copy(node)
        place.pop("system", None)
        yield Fault("invariant", whole, path)
    if node.type == "Observation" and "valueQuantity" in value:
        yield Fault("invariant", _with(node, dataAbsentReason={"text": "x"}), path)
    if node.type == "Patient":
        yield Fault("invariant", _with(node, contact=[{"gender": "male"}]), f"{path}.contact[0]")
    if node.type == "Narrative":
        empty = '<div xmlns="http://www.w3.org/1999/xhtml"> </div>'
        yield Fault("invariant", _with(node, div=empty), f"{path}.div")
    if types.is_resource(node.type) and "extension" not in value and types.is_subtype(node.type, "DomainResource"):
        url = f"{CORE}patient-birthPlace"
        for kind, extension, place in (
            ("extension with a relative url", {"url": "birthPlace", "valueString": "x"}, ".url"),
            ("extension without a value", {"url": "http://acme.org/e"}, ""),
            ("extension of a wrong type", {"url": f"{CORE}data-absent-reason", "valueString": "x"}, ".value"),
            ("extension at a wrong place", {"url": f"{CORE}codesystem-label", "valueString": "x"}, ""),
            (
                "extension with an unknown part",
                {"url": f"{CORE}patient-nationality", "extension": [{"url": "x", "valueCode": "y"}]},
                ".extension[0].url",
            ),
        ):
            if node.type != "Patient" and "patient" in extension["url"]:
                continue
            if node.type == "CodeSystem" and "codesystem" in extension["url"]:
                continue
            yield Fault(kind, _with(node, extension=[extension]), f"{path}.extension[0]{place}")
        if node.type == "Patient":
            wrong = {"url": url, "valueCode": "x"}
            yield Fault("extension of a wrong type", _with(node, extension=[wrong]), f"{path}.extension[0].value")


def of_profile(rule: Rule, node: Node) -> Iterator[Fault]:
    """Faults against the rules of a profile that the resource claims."""
    for child in rule.children.values():
        values = list(node.child(child.element))
        path = f"{node.path}.{child.element}"
        if not values or (child.element in ("id", "url") and node.type == "Extension"):
            continue
        left = _without(node, child.element) if child.min else None
        if left is not None:
            yield Fault("element left out that the profile requires", left, path)
        if child.max == 1 and len(values) == 1 and values[0].index is not None:
            whole, place = _copy(node)
            place[values[0].key].append(deepcopy(values[0].value))
            yield Fault("more than the profile allows", whole, path)
        yield from _targets(child, values[0])
        for which in (child.fixed, child.pattern):
            if which is not None and isinstance(which[1], str) and values[0].index is None:
                yield Fault("not the fixed value", _with(node, **{values[0].key: f"{which[1]}x"}), path)
        if any(one.min for one in child.slices.values()) and values[0].index is not None and child.slicing:
            whole, place = _copy(node)
            place[values[0].key] = [{"text": "in no slice"}] if values[0].type == "CodeableConcept" else []
            if place[values[0].key]:
                yield Fault("a slice left out that the profile requires", whole, path)
        if isinstance(values[0].value, dict) and child.children:
            yield from of_profile(child, values[0])


def _targets(rule: Rule, value: Node) -> Iterator[Fault]:
    targets = [t.rpartition("/")[2] for one in rule.types for t in one.targets]
    if value.type != "Reference" or not targets or "Resource" in targets or "reference" not in value.value:
        return
    allowed = {
        name for t in targets for name in definitions().resource_types if name.lower() in t.replace("-", "").lower()
    }
    parent = value.parent
    element = types.element(parent.type, value.key) if parent is not None else None
    wide = definitions().elements(parent.type)[value.key].targets if parent is not None and element is not None else ()
    stranger = next((t for t in wide if t not in allowed and t != "Resource"), None)
    if stranger is not None:
        yield Fault(
            "reference to a type that the profile does not allow",
            _with(value, reference=f"{stranger}/x"),
            f"{value.path}.reference",
        )


def of_made_profiles(resource: Json) -> Iterator[Fault]:
    """Faults against profiles made for the purpose: what published ones rarely use."""
    top = root(resource)
    for child in top.children():
        element = f"{top.type}.{child.name}"
        if child.index == 0 and isinstance(child.value, dict):
            yield from _sliced(top, child, element)
        if (
            child.index is None
            and isinstance(child.value, str)
            and child.type in ("code", "string", "uri")
            and child.key not in ("id", "language", "implicitRules")
        ):
            short = profile(top.type, {"path": element, "maxLength": len(child.value) - 1})
            yield Fault("longer than allowed", resource, child.path, short)
            rule = {
                "key": "x-1",
                "severity": "error",
                "human": "something else",
                "expression": f"$this != '{child.value}'",
            }
            if "'" not in child.value and "\\" not in child.value:
                made = profile(top.type, {"path": element, "constraint": [rule]})
                yield Fault("profile's invariant", resource, child.path, made)
        if child.index is not None and len(list(top.child(child.name))) == 2 and child.index == 0:
            yield Fault(
                "more than allowed",
                resource,
                child.path.rpartition("[")[0],
                profile(top.type, {"path": element, "max": "1"}),
            )
        if child.key not in ("id", "meta", "text", "language", "implicitRules", "contained", "extension"):
            many = child.index is not None
            path = child.path.rpartition("[")[0] if many else child.path
            if not definitions().elements(top.type)[child.key].min:
                yield Fault(
                    "an element that is not allowed",
                    resource,
                    path,
                    profile(top.type, {"path": _choice(top, child), "max": "0"}),
                )


def _choice(top: Node, child: Node) -> str:
    return f"{top.type}.{child.name}" + ("[x]" if definitions().elements(top.type)[child.key].choice else "")


def _sliced(top: Node, child: Node, element: str) -> Iterator[Fault]:
    """The slicing tells by the first item; a second one is of no slice, or stands before those that are."""
    by = {"HumanName": "use", "ContactPoint": "system", "Identifier": "system", "Address": "use"}.get(child.type)
    if by is None or by not in child.value:
        return
    value = child.value[by]
    kind = "Uri" if child.type == "Identifier" else "Code"
    other = (
        "http://acme.org/other"
        if kind == "Uri"
        else next(c for c in ("temp", "fax") if c != value and (c == "fax") == (by == "system"))
    )
    stranger = {by: other, "value" if by == "system" else "text": "x"}
    for rules, items, place in (
        ("closed", [child.value, stranger], f"{top.type}.{child.key}[1]"),
        ("openAtEnd", [stranger, child.value], f"{top.type}.{child.key}"),
    ):
        made = profile(
            top.type,
            {"path": element, "slicing": {"discriminator": [{"type": "value", "path": by}], "rules": rules}},
            {"id": f"{element}:own", "path": element, "sliceName": "own"},
            {"id": f"{element}:own.{by}", "path": f"{element}.{by}", "min": 1, f"fixed{kind}": value},
        )
        yield Fault(f"{rules} slicing", _with(top, **{child.key: items}), place, made)


def faults(resource: Json, profiles: tuple[Profile, ...]) -> Iterator[Fault]:
    """All that is done to one resource; `profiles` are those that it claims."""
    node = root(resource)
    for one in profiles:
        yield from of_profile(one.root, node)
    yield from of_made_profiles(resource)
    yield from of_definitions(node)
