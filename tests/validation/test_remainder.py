"""Faults of structure do not hide the others, and bring no others with them.

http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from fhir_server.definitions import definitions
from fhir_server.validation import structure
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.remainder import remainder
from fhir_server.validation.tiers import Validator
from tests.validation.test_breakage import Bench, _broken

Json = dict[str, Any]

PATIENT: Json = {
    "resourceType": "Patient",
    "name": [{"family": "A", "given": ["B", "C"]}],
    "birthDate": "2000-01-01",
    "contact": [{"name": {"text": "D"}}],
    "deceasedBoolean": True,
    "communication": [{"language": {"text": "en"}}],
}


def left(resource: Json) -> Mapping[str, Any] | None:
    found = remainder(resource, structure.check(resource), structure.check)
    return None if found is None else found.resource


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"birthDate": "soon"}, {"birthDate"}),
        ({"nonsense": 1}, set()),
        ({"no sense": 1}, set()),
        ({"name": [{"family": "A", "given": ["B", 7]}]}, set()),
        ({"name": {"family": "A"}}, {"name"}),
        ({"name": []}, {"name"}),
        ({"deceasedBoolean": "true"}, {"deceasedBoolean"}),
        ({"deceasedDateTime": "2001"}, {"deceasedBoolean"}),
        ({"_birthDate": {"extension": [{"url": "x:y"}]}}, {"birthDate"}),
        ({"contact": [{}]}, {"contact"}),
        ({"contact": [None]}, {"contact"}),
        ({"communication": [{"preferred": True}]}, set()),
        ({"gender": "x"}, set()),
        ({"contained": [{"resourceType": "Nothing", "id": "a"}]}, set()),
        ({"text": {"status": "generated", "div": "<p>x</p>"}}, set()),
    ],
)
def test_what_is_faulty_is_taken_out_and_nothing_else(change: Json, gone: set[str]) -> None:
    found = left({**PATIENT, **change})
    assert found is not None
    assert {issue.code for issue in structure.check(found)} <= {"required", "code-invalid"}
    assert {*PATIENT} - {*found} == gone


@pytest.mark.parametrize("resource", [{"resourceType": "Nothing"}, {}, {"resourceType": "Patient"} | {"contained": 1}])
def test_nothing_is_left_of_what_is_no_resource(resource: Json) -> None:
    found = left(resource)
    assert found is None or found == {"resourceType": "Patient"}


def test_all_tiers_are_told_at_once_errors_first() -> None:
    validator = Validator(Profiles(), CoreCodes(), lambda *_: None)
    profile = "http://hl7.org/fhir/StructureDefinition/bodytemp"
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        "effectiveDateTime": "soon",
        "valueQuantity": {"value": 37, "comparator": "x"},
        "component": [{"code": {"text": "a"}, "nonsense": 1}],
        "dataAbsentReason": {"text": "why"},
        "meta": {"profile": [profile, "http://acme.org/none"]},
    }
    found = [(i.severity, i.expression[0]) for i in validator.issues(resource)]
    assert [place for severity, place in found if severity == "error"][:3] == [
        "Observation.effective",
        "Observation.value.comparator",
        "Observation.component[0].nonsense",
    ]
    assert ("error", "Observation.category") in found  # the profile
    assert ("error", "Observation.subject") in found
    assert ("error", "Observation") not in found  # obs-6 may come of the value that is gone
    severities = [severity for severity, _ in found]
    assert severities == sorted(severities, key=["error", "warning", "information"].index)
    assert "warning" in severities


def test_one_fault_of_structure_brings_no_other_issues(examples: Mapping[str, Json]) -> None:
    bench = Bench()
    unsound = (fault for fault in _broken(bench, examples) if structure.check(fault.resource))
    told = 0
    for fault in islice(unsound, 300):
        faults = {place for issue in structure.check(fault.resource) for place in issue.expression}
        assert set(bench.errors(fault.resource, fault.profile)) == faults, (fault.kind, fault.expression)
        told += 1
    assert told == 300


def test_no_tier_stumbles_over_what_is_missing(examples: Mapping[str, Json]) -> None:
    """Each resource without one of its required elements, in turn."""
    bench = Bench()
    for number, resource in enumerate(examples.values()):
        if number % 12 == 0 and len(str(resource)) < 20_000:
            for name in {name for e in definitions().elements(resource["resourceType"]).values() if e.min for name in [e.name]} & {*resource}:  # fmt: skip
                without = {key: value for key, value in resource.items() if key != name}
                assert bench.errors(without)
