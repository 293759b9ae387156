"""Resources and narratives inside a resource are found where the definitions have them, and nowhere else."""

from typing import Any

from fhir_server.definitions import definitions
from fhir_server.validation.contained import _ways, inside, narratives

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "a", "text": {"div": "x"}}


def test_contained_resources_are_inside() -> None:
    assert list(inside({"resourceType": "Basic", "contained": [PATIENT], "extension": [{"contained": [1]}]})) == [
        PATIENT
    ]


def test_entries_and_outcomes_are_inside_a_bundle() -> None:
    outcome = {"resourceType": "OperationOutcome"}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"response": {"outcome": outcome}}]}
    assert list(inside(bundle)) == [PATIENT, outcome]


def test_parts_are_inside_parameters() -> None:
    part = {"part": [{"resource": PATIENT}]}
    assert (
        list(inside({"resourceType": "Parameters", "parameter": [{"resource": PATIENT}, {"part": [part]}]}))
        == [PATIENT] * 2
    )


def test_only_two_types_hold_resources_otherwise_than_contained() -> None:
    d = definitions()
    others = [t for t in d.resource_types if [w for w in _ways("Resource", t) if w != ("contained", "Resource")]]
    assert others == ["Bundle", "Parameters"]


def test_narratives_are_the_text_and_those_of_sections() -> None:
    section = {"text": {"div": "1"}, "section": [{"text": {"div": "2"}}]}
    composition = {"resourceType": "Composition", "text": {"div": "0"}, "section": [section]}
    assert [n["div"] for n in narratives(composition)] == ["0", "1", "2"]  # type: ignore[index]
    assert list(narratives({"resourceType": "Bundle", "entry": [{"resource": PATIENT}]})) == []


def test_what_is_not_shaped_like_r4_holds_nothing() -> None:
    for value in ({"entry": 1}, {"entry": [1, {"resource": None}]}, {"entry": {"resource": 3}}):
        assert [r for r in inside({"resourceType": "Bundle", **value}) if isinstance(r, dict)] == []
