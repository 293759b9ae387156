"""What FHIR adds to the language: extension, resolve, htmlChecks, checkModifiers, conformsTo.

http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhirpath import types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item, Node, resource_type, root, system
from fhir_server.fhirpath.scope import Evaluate, Run, Scope, text


@function("extension", 1)
def extension(scope: Scope, items: list[Item], url: Evaluate) -> list[Item]:
    wanted = text(url(scope), "extension()")
    if wanted is None:
        return []
    found: list[Item] = [
        child
        for item in items
        if isinstance(item, Node)
        for child in item.child("extension")
        if isinstance(child.value, Mapping) and child.value.get("url") == wanted
    ]
    scope.run.budget.spend(len(items) + len(found))
    return found


@function("resolve")
def resolve(scope: Scope, items: list[Item]) -> list[Item]:
    """The resources that references (or uri, canonical, string) point to; what cannot be resolved is left out."""
    found: list[Item] = []
    for item in items:
        reference = _reference(item)
        if reference:
            scope.run.budget.spend(10)
            target = _resolved(scope.run, reference)
            if target is not None:
                found.append(target)
    return found


def _reference(item: Item) -> str | None:
    value: object = system(item)
    if isinstance(value, Node) and isinstance(value.value, Mapping):
        value = value.value.get("reference")
    return value if isinstance(value, str) else None


def _resolved(run: Run, reference: str) -> Node | None:
    """Contained resources first, then the entries of the Bundle, then whom the caller asks."""
    if run.root is not None:
        if reference == "#":
            return run.root
        if reference.startswith("#"):
            return next((node for node in _contained(run) if node.value.get("id") == reference[1:]), None)
        for node, full_url in _entries(_bundle(run.root)):
            if full_url == reference or f"{node.type}/{node.value.get('id')}" == reference:
                return node
    if run.environment.resolve is None:
        return None
    resource: Mapping[str, Any] | None = run.environment.resolve(reference)
    return root(resource) if resource is not None and resource_type(resource) != "Resource" else None


def _contained(run: Run) -> Iterator[Node]:
    roots = [run.root] if run.root is not None else []
    if run.resource is not None and run.resource is not run.root:
        roots.insert(0, run.resource)
    for holder in roots:
        for node in holder.child("contained"):
            if isinstance(node.value, Mapping):
                yield node


def _bundle(resource: Node) -> Node:
    """The Bundle that a resource is an entry of; itself where it stands alone."""
    current = resource
    while current.parent is not None and current.type != "Bundle":
        current = current.parent
    return current


def _entries(bundle: Node) -> Iterator[tuple[Node, object]]:
    if bundle.type != "Bundle":
        return
    for entry in bundle.child("entry"):
        for node in entry.child("resource"):
            if isinstance(node.value, Mapping):
                yield node, entry.value.get("fullUrl")


@function("htmlChecks")
def html_checks(scope: Scope, items: list[Item]) -> list[Item]:
    """Whether the narrative keeps to R4's XHTML rules (whoever evaluates brings the check)."""
    checks = scope.run.environment.html_checks
    if checks is None:
        raise FhirPathError("htmlChecks() is not available here")
    return [all(checks(text([item], "htmlChecks()") or "") for item in items)]


@function("checkModifiers", 0, 20)
def check_modifiers(scope: Scope, items: list[Item], *known: Evaluate) -> list[Item]:
    """The collection itself; FhirPathError for a modifier extension that is not among the `known` urls."""
    urls = {text(url(scope), "checkModifiers()") for url in known}
    for item in items:
        if isinstance(item, Node):
            for child in item.child("modifierExtension"):
                url = child.value.get("url") if isinstance(child.value, Mapping) else None
                if url not in urls:
                    raise FhirPathError(f"checkModifiers(): {child.path} holds the unknown modifier extension {url}")
    return items


@function("conformsTo", 1)
def conforms_to(scope: Scope, items: list[Item], profile: Evaluate) -> list[Item]:
    """R4's own types by name; other profiles by whom the caller asks."""
    url = text(profile(scope), "conformsTo()")
    if url is None or not items:
        return []
    own = url.removeprefix("http://hl7.org/fhir/StructureDefinition/")
    if own != url and types.known(own):
        return [all(isinstance(item, Node) and types.is_subtype(item.type, own) for item in items)]
    check = scope.run.environment.conforms_to
    unknown = FhirPathError(f"conformsTo(): the profile {url} is not known here")
    if check is None:
        raise unknown
    try:
        return [all(isinstance(item, Node) and check(item, url) for item in items)]
    except KeyError:
        raise unknown from None
