"""Profiles made for one test each."""

from typing import Any

Json = dict[str, Any]
URL = "http://acme.org/StructureDefinition/made"


def profile(type_: str, *elements: Json, url: str = URL, base: str = "", **more: Any) -> Json:
    """A constraint on a resource type (or on the profile `base`) with these elements as its differential."""
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Made",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": type_,
        "baseDefinition": base or f"http://hl7.org/fhir/StructureDefinition/{type_}",
        "derivation": "constraint",
        "differential": {"element": [{"id": element.get("id", element["path"]), **element} for element in elements]},
        **more,
    }
