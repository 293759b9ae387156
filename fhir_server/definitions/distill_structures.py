"""Element tables of the resource types and datatypes, from their StructureDefinitions' snapshots.

http://hl7.org/fhir/R4/structuredefinition.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_server.definitions import corrections

FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
SYSTEM = "http://hl7.org/fhirpath/System."

Json = dict[str, Any]


def structures(definitions: Iterable[Json]) -> Json:
    """Type → {kind, abstract, base, elements} for R4's own types: profiles, logical models and extensions are left out."""
    every = {d["url"]: d for d in definitions}
    return {d["type"]: _structure(d, every) for d in every.values() if _is_type(d)}


def constraints(definitions: Iterable[Json]) -> Json:
    """Type → [[key, path, severity, expression, human]]: the invariants that a type states itself, not those of its elements' types."""
    return {d["type"]: list(_constraints(d)) for d in definitions if _is_type(d)}


def _is_type(definition: Json) -> bool:
    return definition.get("derivation") != "constraint" and definition["kind"] != "logical"


def _structure(definition: Json, every: Mapping[str, Json]) -> Json:
    base = definition.get("baseDefinition", "").rsplit("/", 1)[-1] or None
    structure: Json = {
        "kind": definition["kind"],
        "abstract": definition["abstract"],
        "base": base,
        "url": definition["url"],
    }
    elements = definition["snapshot"]["element"]
    if definition["kind"] == "primitive-type":
        (value,) = [t for e in elements if e["path"].endswith(".value") for t in e["type"]]
        patterns = [e["valueString"] for e in value.get("extension", ()) if e["url"] == REGEX]
        structure |= {"system": value["code"].removeprefix(SYSTEM), "pattern": patterns[0] if patterns else None}
    structure["elements"] = [_element(e, every) for e in elements[1:]]
    return structure


def _element(given: Json, every: Mapping[str, Json]) -> Json:
    """{path, min, max, types: [[code, targets]]} with summary, modifier, bare, trial (use), reference (contentReference) and binding where set."""
    element: Json = {"path": given["path"], "min": given["min"], "max": given["max"]}
    if "contentReference" in given:
        element["reference"] = given["contentReference"].removeprefix("#")
    else:
        element["types"] = [[_type(given, t), _targets(t, every)] for t in given["type"]]
    if "binding" in given and "valueSet" in given["binding"]:
        element["binding"] = [given["binding"]["strength"], given["binding"]["valueSet"]]
    flags = {
        "summary": given.get("isSummary"),
        "modifier": given.get("isModifier"),
        "trial": any(
            e["url"] == STANDARDS_STATUS and e["valueCode"] == "trial-use" for e in given.get("extension", ())
        ),
        "bare": any(t["code"].startswith(SYSTEM) for t in given.get("type", ())),
    }
    return element | {flag: 1 for flag, on in flags.items() if on}


def _type(element: Json, given: Json) -> str:
    """The FHIR type, where the package names a FHIRPath type: as its extension says, corrected."""
    code: str = given["code"]
    if not code.startswith(SYSTEM):
        return code
    stated = [e["valueUrl"] for e in given.get("extension", ()) if e["url"] == FHIR_TYPE]
    type_name: str = stated[0] if stated else code.removeprefix(SYSTEM).lower()
    for fix in corrections.ELEMENTS:
        if (fix.of, fix.field, fix.given) == (element["base"]["path"], "type", type_name):
            return str(fix.used)
    return type_name


def _targets(given: Json, every: Mapping[str, Json]) -> list[str]:
    """The types that are allowed at the other end; a profile counts as its type; Resource means any, so nothing."""
    targets = [every[url]["type"] if url in every else url.rsplit("/", 1)[-1] for url in given.get("targetProfile", ())]
    return [] if "Resource" in targets else targets


def _constraints(definition: Json) -> Iterator[list[str]]:
    for element in definition["snapshot"]["element"]:
        for constraint in element.get("constraint", ()):
            if "expression" in constraint and constraint.get("source", definition["url"]) == definition["url"]:
                yield [
                    constraint["key"],
                    element["path"],
                    constraint["severity"],
                    constraint["expression"],
                    constraint["human"],
                ]
