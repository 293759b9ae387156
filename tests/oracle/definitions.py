"""What R4's package says: elements of types, search parameters, systems of bound codes. Read from the archive, with none of the product's code.

http://hl7.org/fhir/R4/searchparameter-registry.html and http://hl7.org/fhir/R4/structuredefinition.html
"""

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.conformance_data import require

Tree = dict[str, Any]

KINDS = ("StructureDefinition", "SearchParameter", "ValueSet", "CodeSystem")
UCUM = "http://unitsofmeasure.org"


MISNAMED = {
    "mothersMaidenName": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName')"
}
"""Expressions that name R4's extension otherwise than R4 does."""


@dataclass(frozen=True)
class Element:
    """An element of a type: the types that it may have, where its children are defined, its required value set."""

    types: tuple[str, ...]
    path: str
    binding: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A search parameter of one resource type."""

    code: str
    type: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = ()
    """Of a composite: (canonical URL of the part's definition, its expression)."""


@dataclass
class Package:
    elements: dict[str, Element] = field(default_factory=dict)
    resource_types: set[str] = field(default_factory=set)
    search: list[Tree] = field(default_factory=list)
    value_sets: dict[str, Tree] = field(default_factory=dict)
    code_systems: dict[str, Tree] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    """Value sets of required and extensible bindings."""


@cache
def package() -> Package:
    """The package, read once."""
    found = Package()
    with tarfile.open(require("r4-core", "hl7.fhir.r4.core.tgz")) as archive:
        for member in archive:
            kind = member.name.rpartition("/")[2].split("-")[0]
            file = archive.extractfile(member) if kind in KINDS and member.name.startswith("package/") else None
            if file is not None:
                _keep(found, json.load(file))
    return found


def _keep(found: Package, one: Tree) -> None:
    match one["resourceType"]:
        case "StructureDefinition" if one.get("derivation") != "constraint" and one["kind"] != "logical":
            if one["kind"] == "resource" and not one["abstract"]:
                found.resource_types.add(one["type"])
            for element in one["snapshot"]["element"]:
                found.elements[element["path"]] = _element(element)
                if element.get("binding", {}).get("strength") in {"required", "extensible"}:
                    found.bound.add(element["binding"].get("valueSet", "").partition("|")[0])
        case "SearchParameter":
            found.search.append(one)
        case "ValueSet":
            found.value_sets[one["url"]] = one
        case "CodeSystem":
            found.code_systems[one["url"]] = one


def _element(one: Tree) -> Element:
    types = tuple(
        t["code"].rpartition(".")[2].lower() if "System." in t["code"] else t["code"] for t in one.get("type", ())
    )
    content = one.get("contentReference", "").lstrip("#")
    binding = one.get("binding", {})
    required = binding.get("valueSet", "").partition("|")[0] if binding.get("strength") == "required" else ""
    targets = tuple(p.rpartition("/")[2] for t in one.get("type", ()) for p in t.get("targetProfile", ()))
    return Element(types or ("BackboneElement",), content or one["path"], required, targets)


@cache
def parameters(type_: str) -> dict[str, Parameter]:
    """Code → search parameter, of one resource type. Those without an expression (`_text`, `_filter`) are not among them."""
    found: dict[str, Parameter] = {}
    for one in package().search:
        if one.get("expression") and {type_, "Resource", "DomainResource"} & set(one.get("base", ())):
            parts = tuple((part["definition"], part["expression"]) for part in one.get("component", ()))
            targets = tuple(dict.fromkeys((*one.get("target", ()), *_element_targets(type_, one["expression"]))))
            expression = str(MISNAMED.get(one["code"], one["expression"]))
            found[one["code"]] = Parameter(one["code"], one["type"], expression, targets, parts)
    return found


def _element_targets(type_: str, expression: str) -> Iterator[str]:
    """The types that the elements may point to: some definitions of parameters list others (Condition-subject)."""
    for path in re.findall(rf"\b{type_}((?:\.[a-zA-Z]+)+)(?![\w(])", expression):
        for name in (f"{type_}{path}", f"{type_}{path}[x]"):
            if name in package().elements:
                yield from package().elements[name].targets


@cache
def defined(url: str, type_: str) -> Parameter:
    """The search parameter of this canonical URL, as it is for `type_`."""
    (one,) = (each for each in package().search if each["url"] == url)
    return (
        parameters(type_)[one["code"]] if one["code"] in parameters(type_) else Parameter(one["code"], one["type"], "")
    )


@cache
def system_of(value_set: str, code: str) -> str:
    """The system that a code of a required binding is of; "" where the value set does not tell."""
    return next(_systems(value_set, code), "")


def _systems(value_set: str, code: str) -> Iterator[str]:
    for include in package().value_sets.get(value_set, {}).get("compose", {}).get("include", ()):
        for nested in include.get("valueSet", ()):
            yield from _systems(nested.partition("|")[0], code)
        system = include.get("system")
        if system is None:
            continue
        listed = {c["code"] for c in include["concept"]} if "concept" in include else codes(system)
        if code in listed or not listed:
            yield system


@cache
def codes(system: str) -> frozenset[str]:
    """All codes that the package has of a system; none where it has not all of them."""
    resource = package().code_systems.get(system, {})
    if resource.get("content") != "complete":
        return frozenset()
    return frozenset(_codes(resource.get("concept", ())))


def _codes(concepts: Any) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))


@cache
def minds_case(system: str) -> bool:
    """R4's code system says that case matters, or it is UCUM; in doubt case does not matter (R4 §3.1.1.4.10)."""
    return system == UCUM or bool(package().code_systems.get(system, {}).get("caseSensitive"))
