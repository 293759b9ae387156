"""Profiles that are made to hurt: circles, depth, size, costly constraints end quickly, in clear words.

http://hl7.org/fhir/R4/profiling.html
"""

from time import process_time
from typing import Any

import pytest

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.profiles.making import profile

Json = dict[str, Any]
URL = "http://acme.org/StructureDefinition/"
PATIENT: Json = {
    "resourceType": "Patient",
    "name": [{"family": "Chalmers", "given": ["Peter", "James"]}],
    "contact": [{"name": {"family": "du Marché"}}],
    "link": [{"other": {"reference": "#self"}, "type": "seealso"}],
    "contained": [{"resourceType": "Patient", "id": "self", "link": [{"other": {"reference": "#"}, "type": "refer"}]}],
}


def said(*definitions: Json, resource: Json = PATIENT, asked: str = f"{URL}0") -> list[tuple[str, str]]:
    """(severity, text) of the issues against a profile; in less than five seconds of CPU."""
    known = {each["url"]: each for each in definitions}
    validator = Validator(Profiles(known.get), CoreCodes(), lambda *_: None)
    begun = process_time()
    issues = validator.issues(resource, [asked])
    assert process_time() - begun < 5
    return [(issue.severity, issue.text) for issue in issues]


def test_profiles_upon_one_another_in_a_circle() -> None:
    circle = [profile("Patient", url=f"{URL}{n}", base=f"{URL}{(n + 1) % 3}") for n in range(3)]
    ((severity, text),) = said(*circle)
    assert (severity, "or a circle of them" in text) == ("error", True)


def test_profiles_upon_one_another_without_end() -> None:
    tower = [profile("Patient", url=f"{URL}{n}", base=f"{URL}{n + 1}") for n in range(100)]
    ((severity, text),) = said(*tower)
    assert (severity, "more than 30 profiles" in text) == ("error", True)


def test_elements_whose_profiles_lead_to_each_other() -> None:
    other = {"path": "Patient.link.other", "type": [{"code": "Reference", "targetProfile": [f"{URL}0"]}]}
    assert said(profile("Patient", other, url=f"{URL}0")) == []
    whole = {"path": "Patient.contained", "type": [{"code": "Patient", "profile": [f"{URL}0"]}]}
    assert said(profile("Patient", whole, other, url=f"{URL}0")) == []


def test_a_profile_within_its_own_element() -> None:
    """Below `Patient.extension` the profile asks for itself: what is below is never asked for to the end."""
    inner = {"path": "Extension.extension", "type": [{"code": "Extension", "profile": [f"{URL}0"]}]}
    made = profile("Extension", inner, {"path": "Extension.extension.url", "min": 1}, url=f"{URL}0")
    ((severity, text),) = said(made)
    assert severity == "error"
    assert "circle" in text or "is for Extension" in text


def test_a_differential_of_many_elements() -> None:
    many = [
        {"id": f"Patient.name:n{n}", "path": "Patient.name", "sliceName": f"n{n}", "max": "1"} for n in range(5_000)
    ]
    slicing = {
        "path": "Patient.name",
        "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"},
    }
    assert said(profile("Patient", slicing, *many, url=f"{URL}0")) is not None


@pytest.mark.parametrize(
    "expression",
    [
        "repeat(children()).repeat(children()).repeat(children()).count() >= 0",
        "(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9).select((1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9)).repeat($this + 1).count() > 0",
        "name.family.matches('(a+)+b')",
        "(" * 5_000 + "true" + ")" * 5_000,
        "a" * 1_000_000,
        "no such thing",
    ],
)
def test_constraints_that_cost_too_much_are_warnings(expression: str) -> None:
    rule = {"key": "bomb", "severity": "error", "human": "boom", "expression": expression}
    found = said(profile("Patient", {"path": "Patient", "constraint": [rule]}, url=f"{URL}0"))
    assert {severity for severity, _ in found} <= {"warning", "error"}
    assert all(text.startswith("bomb") for _, text in found)


@pytest.mark.parametrize(
    "element",
    [
        {"path": "Patient.nothing", "min": 1},
        {"path": "Patient.deceased[x].extension", "min": 1},
        {"path": "Patient..name"},
        {"path": ""},
        {"path": "Observation.status"},
    ],
)
def test_differentials_that_make_no_sense_are_told(element: Json) -> None:
    found = said(profile("Patient", element, url=f"{URL}0"))
    assert all(severity == "error" and "cannot be used" in text for severity, text in found)


def test_a_wide_resource_against_many_slices() -> None:
    names = [{"family": f"n{n}", "use": "usual"} for n in range(300)]
    slices = [
        part
        for n in range(100)
        for part in (
            {"id": f"Patient.name:n{n}", "path": "Patient.name", "sliceName": f"n{n}"},
            {"id": f"Patient.name:n{n}.family", "path": "Patient.name.family", "min": 1, "fixedString": f"n{n}"},
        )
    ]
    slicing = {
        "path": "Patient.name",
        "slicing": {"discriminator": [{"type": "value", "path": "family"}], "rules": "closed"},
    }
    found = said(
        profile("Patient", slicing, *slices, url=f"{URL}0"), resource={"resourceType": "Patient", "name": names}
    )
    assert {severity for severity, _ in found} == {"error"}
