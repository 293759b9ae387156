"""Slices are told apart by each kind of discriminator: of three items those that the slice means are counted.

http://hl7.org/fhir/R4/profiling.html#discriminator
"""

from collections.abc import Mapping
from typing import Any

import pytest

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.profiles.making import URL, profile

Json = dict[str, Any]

CORE = "http://hl7.org/fhir/StructureDefinition/"
NAMED = "http://acme.org/StructureDefinition/named-organization"
THERE: dict[str, Json] = {
    "Organization/named": {"resourceType": "Organization", "id": "named", "name": "A"},
    "Organization/other": {"resourceType": "Organization", "id": "other", "identifier": [{"value": "1"}]},
    "Practitioner/1": {"resourceType": "Practitioner", "id": "1"},
}
IDENTIFIERS = [{"system": "http://a.b", "value": "1"}, {"system": "http://c.d", "value": "2"}, {"system": "http://c.d"}]
DOCTORS = [{"reference": "Organization/named"}, {"reference": "Organization/other"}, {"reference": "Practitioner/1"}]


def resolve(reference: str) -> Mapping[str, Any] | None:
    return THERE.get(reference)


def sliced(element: str, kind: str, path: str, *below: Json, **slice_: Any) -> Json:
    """A profile on Patient that forbids one slice of the element."""
    whole = f"Patient.{element}"
    rules = {"path": whole, "slicing": {"discriminator": [{"type": kind, "path": path}], "rules": "open"}}
    one = {"id": f"{whole}:one", "path": whole, "sliceName": "one", "max": "0", **slice_}
    deeper = [{"id": f"{whole}:one.{each['path']}", **each, "path": f"{whole}.{each['path']}"} for each in below]
    return profile("Patient", rules, one, *deeper)


def within(made: Json, **patient: Any) -> int:
    """How many items are in the slice."""
    named = profile("Organization", {"path": "Organization.name", "min": 1}, url=NAMED)
    known = {made["url"]: made, NAMED: named}
    profiles = Profiles(lambda canonical: known.get(canonical.partition("|")[0]))
    validator = Validator(profiles, CoreCodes(), lambda *_: None)
    issues = validator.issues({"resourceType": "Patient", **patient}, [URL], resolve=resolve)
    assert profiles.faults == {}
    texts = [i.text for i in issues if i.severity == "error"]
    assert all("the slice one of" in text for text in texts), texts
    return int(texts[0].partition("there ")[2].split(" ")[1]) if texts else 0


def reference(*targets: str) -> list[Json]:
    return [{"code": "Reference", "targetProfile": list(targets)}]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (sliced("identifier", "value", "system", {"path": "system", "fixedUri": "http://c.d", "min": 1}), 2),
        (sliced("identifier", "value", "system", {"path": "system", "patternUri": "http://a.b", "min": 1}), 1),
        (sliced("identifier", "pattern", "$this", patternIdentifier={"system": "http://c.d"}), 2),
        (sliced("identifier", "exists", "value", {"path": "value", "min": 1}), 2),
        (sliced("identifier", "exists", "value", {"path": "value", "max": "0"}), 1),
    ],
)
def test_by_what_an_item_holds(made: Json, expected: int) -> None:
    assert within(made, identifier=IDENTIFIERS) == expected


@pytest.mark.parametrize(
    ("kind", "targets", "expected"),
    [
        ("type", [f"{CORE}Organization"], 2),
        ("type", [f"{CORE}Practitioner"], 1),
        ("type", [f"{CORE}Organization", f"{CORE}Practitioner"], 3),
        ("profile", [f"{CORE}Organization"], 2),
        ("profile", [NAMED], 1),
        ("profile", [NAMED, f"{CORE}Practitioner"], 2),
    ],
)
def test_by_what_a_reference_leads_to(kind: str, targets: list[str], expected: int) -> None:
    made = sliced("generalPractitioner", kind, "resolve()", type=reference(*targets))
    assert within(made, generalPractitioner=DOCTORS) == expected


@pytest.mark.parametrize("kind", ["type", "profile"])
def test_what_cannot_be_resolved_is_of_the_type_that_the_reference_names(kind: str) -> None:
    made = sliced("generalPractitioner", kind, "resolve()", type=reference(f"{CORE}Organization"))
    elsewhere = [{"reference": "Organization/9"}, {"reference": "http://a.b/r4/Practitioner/9"}, {"type": "Organization", "identifier": {"value": "1"}}]  # fmt: skip
    assert within(made, generalPractitioner=elsewhere) == 2


def test_by_the_type_of_a_choice() -> None:
    made = sliced("deceased[x]", "type", "$this", type=[{"code": "dateTime"}])
    assert (within(made, deceasedDateTime="2001"), within(made, deceasedBoolean=True)) == (1, 0)


def test_by_the_profile_of_a_resource() -> None:
    made = sliced("contained", "profile", "$this", type=[{"code": "Organization", "profile": [NAMED]}])
    contained = [{**THERE["Organization/named"], "id": "a"}, {**THERE["Organization/other"], "id": "b"}]
    links = [{"reference": "#a"}, {"reference": "#b"}]
    assert within(made, contained=contained, generalPractitioner=links) == 1


def test_by_the_type_of_a_resource() -> None:
    made = sliced("contained", "type", "$this", type=[{"code": "Practitioner"}])
    contained = [{**THERE["Practitioner/1"], "id": "a"}, {**THERE["Organization/other"], "id": "b"}]
    links = [{"reference": "#a"}, {"reference": "#b"}]
    assert within(made, contained=contained, generalPractitioner=links) == 1
