"""Differentials laid over their bases give what R4's published snapshots say.

http://hl7.org/fhir/R4/profiling.html#snapshot
"""

import json
from typing import Any

import pytest

from fhir_server.definitions.archive import read_package
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.profiles.rule import UNBOUNDED
from fhir_server.validation.profiles.snapshot import elements
from tests.conformance_data import require

PUBLISHED_OTHERWISE = {"Observation.value[x]", "Observation.effective[x]"}
"""The published snapshots of bmi, bp and devicemetricobservation put the cardinality on the slice of the only type left."""


@pytest.fixture(scope="module")
def published() -> list[dict[str, Any]]:
    files = read_package(require("r4-core", "hl7.fhir.r4.core.tgz").read_bytes())
    found = [json.loads(raw) for name, raw in files.items() if name.startswith("package/StructureDefinition-")]
    return [d for d in found if d.get("derivation") == "constraint" and "snapshot" in d]


def test_cardinalities_types_and_fixed_values_are_those_of_the_published_snapshots(
    published: list[dict[str, Any]],
) -> None:
    profiles, compared = Profiles(), 0
    for definition in published:
        profile = profiles.find(definition["url"])
        assert profile is not None, profiles.faults
        rules = {rule.id: rule for rule in elements(profile.root)}
        for element in definition["snapshot"]["element"][1:]:
            rule = rules.get(element["id"])
            if rule is None or element["path"] in PUBLISHED_OTHERWISE:
                continue  # below what the profile does not speak of the type has its say
            compared += 1
            most = "*" if rule.max == UNBOUNDED else str(rule.max)
            assert (rule.min, most) == (element["min"], element["max"]), (definition["id"], element["id"])
            types = sorted(t["code"] for t in element.get("type", ()) if "System" not in t["code"])
            assert not types or types == sorted(t.code for t in rule.types), (definition["id"], element["id"])
            fixed = [value for name, value in element.items() if name.startswith("fixed")]
            assert not fixed or (rule.fixed is not None and rule.fixed[1] == fixed[0]), (
                definition["id"],
                element["id"],
            )
    assert compared > 4_000
