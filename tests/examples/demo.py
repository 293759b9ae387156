"""The demo data as the tests read it: the Bundles of `examples/demo`, and their resources."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLDER = EXAMPLES / "demo"
PRESENT = date(2026, 11, 16)

Resource = dict[str, Any]


@cache
def bundles() -> dict[str, Resource]:
    return {path.name: orjson.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}


@cache
def resources() -> dict[str, Resource]:
    """Every resource by its `Type/id`."""
    return {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": entry["resource"]
        for bundle in bundles().values()
        for entry in bundle["entry"]
    }


def of_type(resource_type: str) -> list[Resource]:
    return [resource for resource in resources().values() if resource["resourceType"] == resource_type]


def patient_of(resource: Resource) -> str | None:
    """The `Patient/id` that a clinical resource is about."""
    about = resource.get("subject") or resource.get("patient") or {}
    target = about.get("reference", "")
    return target if target.startswith("Patient/") else None


def references(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("reference"), str):
            yield tree["reference"]
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from references(value)


def codes(concept: Resource) -> set[str]:
    return {coding["code"] for coding in concept["coding"]}


def day(text: str) -> date:
    """The first day of a FHIR date or dateTime of any precision."""
    return datetime.fromisoformat((text + "-01-01"[: max(0, 10 - len(text))] if len(text) < 10 else text)[:10]).date()


def age(patient: Resource) -> int:
    """Whole years at the demo's present."""
    born = date.fromisoformat(patient["birthDate"])
    return PRESENT.year - born.year - ((PRESENT.month, PRESENT.day) < (born.month, born.day))
