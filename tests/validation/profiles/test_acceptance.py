"""Profiles at a glance: for each demand one resource that is accepted, and one that is not."""

from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.profiles.making import URL, profile

Json = dict[str, Any]
PATIENT: Json = {
    "resourceType": "Patient",
    "active": True,
    "gender": "female",
    "birthDate": "1970-01-01",
    "name": [{"use": "official", "family": "Haddad"}, {"use": "nickname", "text": "H"}],
    "identifier": [{"system": "http://acme.org/mrn", "value": "1"}],
    "maritalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}],
    },
    "generalPractitioner": [{"reference": "Practitioner/1"}],
    "deceasedBoolean": False,
}
CORE = "http://hl7.org/fhir/StructureDefinition/"
BY_USE = {"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"}
OFFICIAL = {"id": "Patient.name:official", "path": "Patient.name", "sliceName": "official", "min": 1, "max": "1"}
USE = {"id": "Patient.name:official.use", "path": "Patient.name.use", "min": 1, "fixedCode": "official"}


def constraint(expression: str, severity: str = "error") -> Json:
    return {"key": "x-1", "severity": severity, "human": "x", "expression": expression}


def sliced(**slicing: Any) -> list[Json]:
    nickname = {"id": "Patient.name:nick", "path": "Patient.name", "sliceName": "nick"}
    use = {"id": "Patient.name:nick.use", "path": "Patient.name.use", "min": 1, "patternCode": "nickname"}
    return [{"path": "Patient.name", "slicing": BY_USE | slicing}, OFFICIAL, USE, nickname, use]


INSIDE: Json = {
    "contained": [{"resourceType": "Practitioner", "id": "p"}],
    "generalPractitioner": [{"reference": "#p"}],
}


def aggregated(*modes: str) -> list[Json]:
    return [{"code": "Reference", "aggregation": [*modes]}]


def demands() -> Iterator[tuple[list[Json], Json]]:
    """Elements of a profile that PATIENT follows, and what makes a Patient that does not."""
    yield [{"path": "Patient.name", "min": 1}], {"name": None}
    yield [{"path": "Patient.name", "max": "2"}], {"name": [*PATIENT["name"], {"text": "x"}]}
    yield [{"path": "Patient.telecom", "max": "0"}], {"telecom": [{"value": "1"}]}
    yield [{"path": "Patient.gender", "fixedCode": "female"}], {"gender": "male"}
    yield [{"path": "Patient.gender", "min": 1}], {"gender": None, "_gender": None}
    yield [{"path": "Patient.active", "fixedBoolean": True}], {"active": False}
    pattern = {"coding": [{"code": "M"}]}
    yield [{"path": "Patient.maritalStatus", "patternCodeableConcept": pattern}], {"maritalStatus": {"text": "M"}}
    yield [{"path": "Patient.name.family", "maxLength": 6}], {"name": [{"family": "Chalmers"}]}
    yield [{"path": "Patient.birthDate", "minValueDate": "1960-01-01"}], {"birthDate": "1950-01-01"}
    yield [{"path": "Patient.birthDate", "maxValueDate": "1980-01-01"}], {"birthDate": "1990-01-01"}
    yield [{"path": "Patient.deceased[x]", "type": [{"code": "boolean"}]}], {"deceasedDateTime": "2020"}
    targets = [{"code": "Reference", "targetProfile": [f"{CORE}Practitioner"]}]
    elsewhere = {"generalPractitioner": [{"reference": "Organization/1"}]}
    yield [{"path": "Patient.generalPractitioner", "type": targets}], elsewhere
    value_set = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/marital-status"}
    other = {"coding": [{"system": "http://acme.org", "code": "M"}]}
    yield [{"path": "Patient.maritalStatus", "binding": value_set}], {"maritalStatus": other}
    yield [{"path": "Patient.name", "constraint": [constraint("family.exists() or text.exists()")]}], {"name": [{"use": "old"}]}  # fmt: skip
    yield (
        [{"path": "Patient.birthDate", "constraint": [constraint("$this < @1980-01-01")]}],
        {"birthDate": "1990-01-01"},
    )
    yield sliced(), {"name": [{"use": "nickname"}]}
    yield sliced(), {"name": [{"use": "official"}, {"use": "official"}]}
    yield sliced(), {"name": [{"use": "official"}, {"use": "old"}]}
    by_existence = {"discriminator": [{"type": "exists", "path": "family"}]}
    family = {"id": "Patient.name:official.family", "path": "Patient.name.family", "min": 1}
    yield [{"path": "Patient.name", "slicing": by_existence}, OFFICIAL, family], {"name": [{"text": "x"}]}
    own = [{"code": "Identifier", "profile": [f"{URL}-mrn"]}]
    yield [{"path": "Patient.identifier", "type": own}], {"identifier": [{"value": "1"}]}


def validator(*elements: Json) -> Validator:
    known = {
        URL: profile("Patient", *elements),
        f"{URL}-mrn": profile("Identifier", {"path": "Identifier.system", "min": 1}, url=f"{URL}-mrn"),
    }
    return Validator(Profiles(known.get), CoreCodes(), lambda *_: None)


@pytest.mark.parametrize(("elements", "change"), list(demands()))
def test_what_is_right_is_accepted_and_what_breaks_a_demand_is_not(elements: list[Json], change: Json) -> None:
    asked = validator(*elements)
    assert asked.sound(PATIENT, [URL])
    assert not asked.further(PATIENT, [URL])
    changed = {name: value for name, value in (PATIENT | change).items() if value is not None}
    assert not asked.sound(changed, [URL])


@pytest.mark.parametrize(
    ("element", "change"),
    [
        ({"path": "Patient.gender", "fixedCode": "female"}, {"_gender": {"id": "x"}}),
        ({"path": "Patient.contained", "max": "1", "min": 1}, {"contained": [{"resourceType": "Basic", "id": "b"}]}),
        ({"path": "Patient.name", "constraint": [constraint("%resource.active")]}, {}),
        ({"path": "Patient.generalPractitioner", "type": aggregated("contained")}, {}),
        ({"path": "Patient.generalPractitioner", "type": aggregated("referenced")}, INSIDE),
        ({"path": "Patient.generalPractitioner", "type": aggregated("referenced", "bundled")}, INSIDE),
    ],
)
def test_what_cannot_be_told_takes_a_closer_look(element: Json, change: Json) -> None:
    assert not validator(element).sound(PATIENT | change, [URL])


@pytest.mark.parametrize(
    ("modes", "change"),
    [
        (["contained"], INSIDE),
        (["contained"], {"generalPractitioner": [{"display": "x"}]}),
        (["referenced"], {}),
        (["bundled"], {}),
        (["contained", "referenced"], INSIDE),
        (["contained", "bundled"], {}),
    ],
)
def test_references_that_lead_where_they_may(modes: list[str], change: Json) -> None:
    asked = validator({"path": "Patient.generalPractitioner", "type": aggregated(*modes)})
    assert asked.sound(PATIENT | change, [URL])
    assert not asked.further(PATIENT | change, [URL])


def test_what_is_only_warned_of_is_accepted() -> None:
    warning = {"path": "Patient", "constraint": [constraint("photo.exists()", "warning")]}
    code = {"strength": "extensible", "valueSet": "http://hl7.org/fhir/ValueSet/administrative-gender"}
    asked = validator(warning, {"path": "Patient.maritalStatus", "binding": code})
    assert [issue.severity for issue in asked.further(PATIENT, [URL])] == ["warning", "warning"]
    assert asked.sound(PATIENT, [URL])


def test_profiles_that_are_not_known() -> None:
    claiming = PATIENT | {"meta": {"profile": ["http://acme.org/nowhere"]}}
    assert validator().sound(claiming)
    assert not validator().sound(PATIENT, ["http://acme.org/nowhere"])
    follows = [{"code": "Identifier", "profile": ["http://acme.org/nowhere"]}]
    assert validator({"path": "Patient.identifier", "type": follows}).sound(PATIENT, [URL])


def test_what_is_learnt_takes_effect() -> None:
    known: dict[str, Json] = {}
    profiles = Profiles(known.get)
    asked = Validator(profiles, CoreCodes(), lambda *_: None)
    claiming = PATIENT | {"meta": {"profile": [URL]}}
    assert asked.sound(claiming)
    known[URL] = profile("Patient", {"path": "Patient.photo", "min": 1})
    profiles.forget_unknown()
    assert not asked.sound(claiming)
    known[URL] = profile("Patient")
    profiles.forget()
    assert asked.sound(claiming)


def test_extensions_in_one_another_without_end() -> None:
    """Each part is told by the profile of the whole: looked at once more at every level."""
    url = "http://acme.org/deep"
    part = {"id": "Extension.extension:part", "path": "Extension.extension", "sliceName": "part"}
    deep = profile("Extension", {"path": "Extension.url", "fixedUri": url}, part | {"type": [{"code": "Extension", "profile": [url]}]}, url=url)  # fmt: skip
    asked = Validator(Profiles({url: deep}.get), CoreCodes(), lambda *_: None)
    extension: Json = {"url": url, "valueCode": "x"}
    for _ in range(60):
        extension = {"url": url, "extension": [extension]}
    begun = process_time()
    asked.sound({"resourceType": "Basic", "code": {"text": "x"}, "extension": [extension]})
    assert process_time() - begun < 2


def test_costly_invariants_are_left_to_the_walk() -> None:
    """A glance has half a second for all expressions on one resource."""
    costly = constraint("given.all($this.length() < 100 and given.where($this = 'x').empty())")
    names = [{"given": [f"n{n}" for n in range(400)]} for _ in range(400)]
    begun = process_time()
    assert not validator({"path": "Patient.name", "constraint": [costly]}).sound(PATIENT | {"name": names}, [URL])
    assert process_time() - begun < 5
