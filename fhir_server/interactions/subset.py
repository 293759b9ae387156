"""_summary and _elements: a part of a resource, tagged as such.

http://hl7.org/fhir/R4/search.html#summary and http://hl7.org/fhir/R4/search.html#elements
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.formats import json
from fhir_server.outcome import BadRequest
from fhir_server.search.criteria import UnknownParameter
from fhir_server.search.results import element_names

SUMMARIES: Final = ("true", "text", "data", "count", "false")

SUBSETTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}

_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})


def subset(body: bytes, summary: str = "", elements: Sequence[str] = ()) -> bytes:
    """The resource `body` with what is asked for and what must not be missing, no digit changed.

    Without anything to leave out (`summary` "" or false, no `elements`) it is `body` itself.
    """
    if summary in ("", "false") and not elements:
        return body
    tree = json.parse(body).tree
    type_ = tree["resourceType"]
    if not definitions().is_resource(type_):
        return body
    part = tree
    if summary == "true":
        part = _summary(tree, type_)
    elif summary == "text":
        part = _only(tree, _mandatory(type_) | {"text", "implicitRules"})
    elif summary == "data":
        part = {name: value for name, value in tree.items() if name != "text"}
    if elements:
        part = _only(part, _asked(type_, frozenset(elements)) | _mandatory(type_) | _modifiers(type_))
    return json.dumps(_tagged(part))


def understood(parameters: tuple[tuple[str, str], ...], type_: str, *, lenient: bool) -> tuple[tuple[str, str], ...]:
    """The parameters of a read. Raises BadRequest for an unknown `_summary`, and for an `_elements` that names what is no
    element of the type; under lenient handling that one is left out.
    """
    kept = []
    for name, value in parameters:
        if name == "_summary" and value and value not in SUMMARIES:
            raise BadRequest(f"_summary={value}: expected one of {', '.join(SUMMARIES)}", expression="http._summary")
        if name == "_elements" and value.strip():
            try:
                element_names(value, (type_,))
            except UnknownParameter:
                if lenient:
                    continue
                raise
        kept.append((name, value))
    return tuple(kept)


def normative(body: bytes) -> bytes:
    """The resource `body` without the elements that R4 has for trial use only, tagged where one is left out."""
    tree = json.parse(body).tree
    part = _settled(tree, tree["resourceType"])
    return body if part == tree else json.dumps(_tagged(part))


def _settled(tree: Mapping[str, Any], type_: str) -> dict[str, Any]:
    elements = definitions().elements(type_)
    part: dict[str, Any] = {}
    for name, value in tree.items():
        element = elements.get(name.removeprefix("_"))
        if element is not None and element.trial:
            continue
        below = element.type if element is not None and not element.primitive and element.type != "Resource" else ""
        if below and isinstance(value, list):
            part[name] = [_settled(each, below) for each in value]
        else:
            part[name] = _settled(value, below) if below and isinstance(value, dict) else value
    return part


def _only(tree: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in tree.items()
        if name in _ALWAYS or name in names or name.removeprefix("_") in names
    }


def _summary(tree: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """The elements that the definitions mark as summary, at every depth."""
    kept = _summary_elements(type_)
    part: dict[str, Any] = {}
    for name, value in tree.items():
        if name in _ALWAYS:
            part[name] = value
            continue
        below = kept.get(name.removeprefix("_"))
        if below is None:
            continue
        if not below or name.startswith("_"):
            part[name] = value
        elif isinstance(value, list):
            part[name] = [_summary(each, below) if isinstance(each, dict) else each for each in value]
        elif isinstance(value, dict):
            part[name] = _summary(value, below)
    return {name: value for name, value in part.items() if value not in ({}, [])}


@cache
def _summary_elements(type_: str) -> Mapping[str, str]:
    """Name → the type to go on with below it; "" where the value stays whole."""
    known = definitions()
    return {
        element.name: "" if element.primitive or element.type in ("Resource", "xhtml") else element.type
        for element in known.elements(type_).values()
        if element.summary or (element.name == "id" and "." in type_)
    }


@cache
def _mandatory(type_: str) -> frozenset[str]:
    return frozenset(element.name for element in definitions().elements(type_).values() if element.min > 0)


@cache
def _modifiers(type_: str) -> frozenset[str]:
    return frozenset(element.name for element in definitions().elements(type_).values() if element.modifier)


@cache
def _asked(type_: str, elements: frozenset[str]) -> frozenset[str]:
    """The JSON names that `_elements` means: a choice is asked for by its name, with or without its type."""
    names = {name.removeprefix(f"{type_}.").removesuffix("[x]") for name in elements}
    return frozenset(
        element.name
        for element in definitions().elements(type_).values()
        if element.name in names or element.choice in names
    )


def _tagged(tree: dict[str, Any]) -> dict[str, Any]:
    meta = tree.get("meta") or {}
    tags = meta.get("tag") or []
    if any(tag.get("code") == "SUBSETTED" for tag in tags):
        return tree
    return {**tree, "meta": {**meta, "tag": [*tags, SUBSETTED]}}
