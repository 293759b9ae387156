"""Profiles and extensions of the R4 core package: their differentials, without prose.

http://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

Json = dict[str, Any]

ABOUT: Final = (
    "url",
    "version",
    "name",
    "title",
    "type",
    "kind",
    "abstract",
    "baseDefinition",
    "derivation",
    "context",
    "contextInvariant",
)
RULES: Final = (
    "id",
    "path",
    "sliceName",
    "slicing",
    "min",
    "max",
    "type",
    "maxLength",
    "contentReference",
    "mustSupport",
    "isModifier",
)
VALUES: Final = ("fixed", "pattern", "minValue", "maxValue")
CONSTRAINT: Final = ("key", "severity", "human", "expression")


def profiles(definitions: Iterable[Json]) -> Iterator[Json]:
    """Each StructureDefinition that constrains another, with what its differential demands."""
    for given in definitions:
        if given.get("derivation") == "constraint" and "differential" in given:
            about = {name: given[name] for name in ABOUT if name in given}
            yield about | {"differential": {"element": [_rules(e) for e in given["differential"]["element"]]}}


def _rules(element: Json) -> Json:
    kept = {name: value for name, value in element.items() if name in RULES or name.startswith(VALUES)}
    if "binding" in element and "valueSet" in element["binding"]:
        kept["binding"] = {name: element["binding"][name] for name in ("strength", "valueSet")}
    constraints = [c for c in element.get("constraint", ()) if "expression" in c]
    if constraints:
        kept["constraint"] = [{name: c[name] for name in CONSTRAINT if name in c} for c in constraints]
    if "type" in kept:
        kept["type"] = [{n: v for n, v in t.items() if n != "extension"} for t in kept["type"]]
    return kept
