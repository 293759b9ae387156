"""Extensions at a glance: by their definitions, or accepted where there is none."""

from typing import Any

import pytest

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.profiles.making import profile

Json = dict[str, Any]
CORE = "http://hl7.org/fhir/StructureDefinition/"
PATIENT: Json = {"resourceType": "Patient", "active": True}
PLACE = {"url": f"{CORE}patient-birthPlace", "valueAddress": {"city": "Beirut"}}
GEO = {
    "url": f"{CORE}geolocation",
    "extension": [{"url": "latitude", "valueDecimal": 1.5}, {"url": "longitude", "valueDecimal": 2}],
}


def validator(**more: Any) -> Validator:
    """Knows an extension of ours, which may stand where `more` says."""
    url = "http://acme.org/known"
    definition = profile("Extension", {"path": "Extension.url", "fixedUri": url}, url=url, **more)
    return Validator(Profiles({url: definition}.get), CoreCodes(), lambda *_: None)


def told(resource: Json, **more: Any) -> bool:
    """Whether it is accepted; nothing is accepted that is refused."""
    asked = validator(**more)
    sound = asked.sound(resource)
    assert not (sound and any(issue.severity == "error" for issue in asked.further(resource)))
    return sound


@pytest.mark.parametrize(
    ("extension", "accepted"),
    [
        ({"url": "http://acme.org/unknown", "valueCode": "x"}, True),
        ({"url": "relative", "valueCode": "x"}, False),
        ({"url": "http://acme.org/unknown", "extension": [{"url": "any", "valueCode": "x"}]}, True),
        (PLACE, True),
        (PLACE | {"extension": [PLACE]}, False),
        ({"url": f"{CORE}patient-birthPlace", "valueString": "Beirut"}, False),
        ({"url": f"{CORE}codesystem-label", "valueString": "x"}, False),
        ({"url": f"{CORE}patient-birthPlace", "valueAddress": {"city": "Beirut", "extension": [GEO]}}, True),
        ({"url": f"{CORE}patient-nationality", "extension": [{"url": "code", "valueCodeableConcept": {"text": "x"}}]}, True),
        ({"url": f"{CORE}patient-nationality", "extension": [{"url": "x", "valueCode": "y"}]}, False),
    ],
)  # fmt: skip
def test_by_its_definition(extension: Json, accepted: bool) -> None:
    assert told(PATIENT | {"extension": [extension]}) is accepted


def test_modifiers() -> None:
    """An unknown one is warned of; one that changes no meaning must not say that it does."""
    assert told(PATIENT | {"modifierExtension": [{"url": "http://acme.org/unknown", "valueCode": "x"}]})
    assert not told(PATIENT | {"modifierExtension": [PLACE]})


def test_beside_a_primitive() -> None:
    time = {"url": f"{CORE}patient-birthTime", "valueDateTime": "2020-01-01T10:00:00Z"}
    assert told(PATIENT | {"birthDate": "2020-01-01", "_birthDate": {"extension": [time]}})
    assert not told(PATIENT | {"_gender": {"extension": [time]}})


@pytest.mark.parametrize(
    ("more", "accepted"),
    [
        ({}, True),
        ({"context": [{"type": "element", "expression": "Patient"}]}, True),
        ({"context": [{"type": "element", "expression": "Observation"}]}, False),
        ({"context": [{"type": "extension", "expression": "http://acme.org/whole"}]}, False),
        ({"context": [{"type": "fhirpath", "expression": "Patient"}]}, False),  # it may, but who knows
        ({"contextInvariant": ["active"]}, False),
    ],
)
def test_contexts(more: Json, accepted: bool) -> None:
    extension = {"url": "http://acme.org/known", "valueCode": "x"}
    assert told(PATIENT | {"extension": [extension]}, **more) is accepted


def test_within_another_extension() -> None:
    context = [{"type": "extension", "expression": "http://acme.org/whole"}]
    known = {"url": "http://acme.org/known", "valueCode": "x"}
    for url, accepted in (("http://acme.org/whole", True), ("http://acme.org/other", False)):
        assert told(PATIENT | {"extension": [{"url": url, "extension": [known]}]}, context=context) is accepted
