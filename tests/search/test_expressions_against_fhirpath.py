"""Extraction against FHIRPath: the same elements, found by evaluating each search parameter's expression by itself."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from fhir_server import fhirpath, references
from fhir_server.search.index import extract
from fhir_server.search.parameters import Parameter, parameters
from fhir_server.search.query import IndexEntry
from fhir_server.search.types import CONVERTERS, string, token
from tests.formats.examples import json_examples


def _resolve(literal: str) -> Mapping[str, Any] | None:
    target = references.parse(literal)
    return {"resourceType": target.type, "id": target.id} if target is not None and target.type else None


ENVIRONMENT = fhirpath.Environment(resolve=_resolve)


def _resources(raw: bytes) -> Iterator[dict[str, Any]]:
    resource = orjson.loads(raw)
    yield resource
    for entry in resource.get("entry", ()) if resource["resourceType"] == "Bundle" else ():
        if "resource" in entry:
            yield entry["resource"]


def _terms(parameter: Parameter, type_: str) -> Iterator[str]:
    """The members of the expression's union that speak of this type."""
    for term in re.split(r"\s+\|\s+", parameter.definition.expression or ""):
        root = re.match(r"\(?\s*([A-Za-z]+)", term)
        assert root is not None
        if root[1] in (type_, "Resource", "DomainResource") or root[1].islower():
            yield term


def _expected(parameter: Parameter, resource: dict[str, Any]) -> list[IndexEntry]:
    """The entries of what the expression finds in the resource."""
    found: list[IndexEntry] = []
    converters = CONVERTERS[parameter.usage]
    for term in _terms(parameter, resource["resourceType"]):
        for item in fhirpath.compile(term).evaluate(resource, environment=ENVIRONMENT):
            if isinstance(item, bool):
                token.boolean(found.append, parameter.code, item, 0)
            elif isinstance(item, fhirpath.Node) and item.value is not None and item.type in converters:
                _convert(found, parameter, item)
    return found


def _convert(found: list[IndexEntry], parameter: Parameter, item: fhirpath.Node) -> None:
    path = f"{item.parent.type}.{item.key}" if item.parent is not None else ""
    converter = CONVERTERS[parameter.usage][item.type]
    if parameter.type == "string":
        converter = string.SPECIAL.get(path, converter)
    if (parameter.type, item.type) == ("token", "code"):
        (element,) = [b.element for b in parameter.branches if b.steps[-1].name == item.key][:1]
        token.code(found.append, parameter.code, item.value, 0, token.implied_systems(element.binding))
    elif parameter.type == "reference":
        converter(found.append, parameter.code, item.value, 0, "")
    else:
        converter(found.append, parameter.code, item.value, 0)


def _alike(entries: list[IndexEntry]) -> Counter[Any]:
    """The values of what the parameters themselves are found by, without the entries for one modifier alone."""
    return Counter(entry.value for entry in entries if ":" not in entry.param)


def _compare(name: str, resource: dict[str, Any]) -> int:
    """Checks every parameter of the resource's type; how many gave entries."""
    extracted = extract(resource)
    hits = 0
    for parameter in parameters(resource["resourceType"]).values():
        if not parameter.stored or parameter.usage in ("prose", "nearby"):
            continue
        kept = [e for e in extracted if e.param in parameter.stored]
        if parameter.target:
            kept = [e for e in kept if getattr(e.value, "type", None) == parameter.target]
        expected = _expected(parameter, resource)
        if parameter.target:
            expected = [e for e in expected if getattr(e.value, "type", None) == parameter.target]
        assert _alike(kept) == _alike(expected), f"{name}: {parameter.code}"
        hits += bool(expected)
    return hits


def test_extraction_finds_the_elements_that_fhirpath_finds() -> None:
    small = [(name, raw) for name, raw in json_examples().items() if len(raw) < 100_000]
    assert sum(_compare(name, resource) for name, raw in small for resource in _resources(raw)) > 20_000
