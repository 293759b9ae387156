"""Extensions against their definitions: where they may stand, and what they may hold.

http://hl7.org/fhir/R4/extensibility.html and http://hl7.org/fhir/R4/defining-extensions.html#context
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.definitions.corrections import CONTEXTS
from fhir_server.fhirpath import types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import compile as expression
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import Environment
from fhir_server.outcome import Issue
from fhir_server.validation import metadata
from fhir_server.validation.profiles.check import Checker
from fhir_server.validation.profiles.rule import Profile, Rule

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"


def check(checker: Checker, node: Node) -> Iterator[Issue]:
    """The issues of one extension: against its definition, as far as that is known here."""
    url = node.value.get("url") if isinstance(node.value, dict) else None
    if isinstance(url, str) and url:
        yield from _one(checker, node, url)


def _one(checker: Checker, node: Node, url: str) -> Iterator[Issue]:
    holder = node.parent
    if holder is not None and holder.type == "Extension" and not _absolute(url):
        yield from _part(checker, node, holder, url)
        return
    profile = checker.find(url)
    if profile is None or profile.type != "Extension":
        yield from _unknown(node, url)
        return
    yield from checker.check(profile, node)
    yield from _place(profile, node, checker.environment)
    modifier = modifies(profile)
    if modifier and node.key == "extension":
        yield Issue(
            "structure", f"{url} changes the meaning of its element: it must be a modifierExtension", (node.path,)
        )
    if not modifier and node.key == "modifierExtension":
        yield Issue(
            "structure", f"{url} does not change the meaning of its element: it must be an extension", (node.path,)
        )


def _unknown(node: Node, url: str) -> Iterator[Issue]:
    """Unknown extensions are allowed; one that changes the meaning cannot be understood, which somebody should know."""
    if not _absolute(url):
        yield Issue(
            "invalid", f"{url[:100]!r} is not an absolute URL, which an extension's url must be", (f"{node.path}.url",)
        )
    elif node.key == "modifierExtension":
        text = f"the modifier extension {url} is not known here: what it does to its element is not understood"
        yield Issue("extension", text, (node.path,), "warning")
    else:
        yield Issue(
            "extension", f"the extension {url} is not known here and was not looked at", (node.path,), "information"
        )


def _part(checker: Checker, node: Node, holder: Node, url: str) -> Iterator[Issue]:
    """A part of a complex extension has a url that the extension's definition gives."""
    whole = holder.value.get("url")
    profile = checker.find(whole) if isinstance(whole, str) else None
    if profile is None:
        return
    parts = set(parts_of(profile.root))
    if url not in parts:
        right = ", ".join(sorted(parts)) or "none"
        text = f"{url[:100]!r} is no part of the extension {whole}; its parts are: {right}"
        yield Issue("structure", text, (f"{node.path}.url",))


def parts_of(rule: Rule) -> Iterator[str]:
    """The urls of the parts that a complex extension may have."""
    below = rule.children.get("extension")
    for one in below.slices.values() if below is not None else ():
        url = one.children.get("url")
        if url is not None and url.fixed is not None:
            yield str(url.fixed[1])
        yield from (p.partition("|")[0] for t in one.types for p in t.profiles)


def _absolute(url: str) -> bool:
    return ":" in url


def modifies(profile: Profile) -> bool:
    """Whether what it says changes the meaning of the element that it stands on."""
    elements = (profile.definition.get("differential") or profile.definition.get("snapshot") or {}).get("element", ())
    return any(e.get("path") == "Extension" and e.get("isModifier") for e in elements)


def _place(profile: Profile, node: Node, environment: Environment) -> Iterator[Issue]:
    """One of the contexts of the definition fits, and so do its context invariants."""
    holder = node.parent
    contexts = contexts_of(profile)
    if holder is None:
        return
    if contexts and not any(fits(context, holder, environment) for context in contexts):
        right = ", ".join(str(c.get("expression")) for c in contexts)
        yield Issue(
            "structure",
            f"the extension {profile.url} must not stand on {_named(holder)}; it may on: {right}",
            (node.path,),
        )
    for invariant in profile.definition.get("contextInvariant", ()):
        try:
            kept = expression(invariant).holds(holder, environment=environment)
        except FhirPathError:
            continue
        if not kept:
            yield Issue("invariant", f"the extension {profile.url} asks of its element: {invariant}", (node.path,))


def contexts_of(profile: Profile) -> list[Mapping[str, Any]]:
    """Where it may stand; anywhere where there are none."""
    return [*profile.definition.get("context", ()), *_more(profile.url)]


@cache
def _more(url: str) -> tuple[Mapping[str, str], ...]:
    """Contexts that the definition leaves out."""
    places = next((c.used for c in CONTEXTS if c.of == url), ())
    assert isinstance(places, tuple)
    return tuple({"type": "element", "expression": place} for place in places)


def fits(context: Any, holder: Node, environment: Environment) -> bool:
    """Whether an element is where a context lets an extension stand."""
    wanted = str(context.get("expression", ""))
    match context.get("type"):
        case "element":
            wanted = wanted.removeprefix(CORE).replace("#", "")
            return wanted in _names(holder)
        case "extension":
            return holder.type == "Extension" and holder.value.get("url") == wanted
        case "fhirpath":
            return any(_leads(wanted, resource, holder, environment) for resource in _resources(holder))
        case _:
            return True


def _resources(node: Node) -> Iterator[Node]:
    """The resources that an element stands in, the innermost first."""
    current: Node | None = node
    while current is not None:
        if current.parent is None or types.is_resource(current.type):
            yield current
        current = current.parent


def _leads(path: str, resource: Node, holder: Node, environment: Environment) -> bool:
    """Whether a FHIRPath leads from the resource to the element; one that cannot be evaluated rules nothing out."""
    try:
        found = expression(path).evaluate(resource, environment=environment)
    except FhirPathError:
        return True
    return any(isinstance(item, Node) and item.place == holder.place for item in found)


def _names(holder: Node) -> set[str]:
    """All that contexts call this element: its types, its definition path, also within those types."""
    names = {*_types(holder.type), "Element"}  # R4's own resources have those for Element at their roots, too
    if metadata.canonical_type(holder.type):
        names |= {"CanonicalResource", "MetadataResource"}  # interfaces of later versions, which extensions name
    element = types.element(holder.parent.type, holder.key) if holder.parent is not None else None
    if element is not None:
        names |= {element.path, element.path.removesuffix("[x]")}
        if element.path.endswith("[x]"):
            names.add(f"{element.path.rpartition('.')[0]}.{holder.key}")
    return names


def _types(type_: str) -> Iterator[str]:
    current: str | None = type_
    while current is not None and types.known(current):
        yield current
        current = definitions().base(current)


def _named(holder: Node) -> str:
    element = types.element(holder.parent.type, holder.key) if holder.parent is not None else None
    return element.path if element is not None else holder.type
