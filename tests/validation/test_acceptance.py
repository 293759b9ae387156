"""What is accepted at a glance is what the walk along the invariants finds nothing in."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fhir_server.validation import check
from fhir_server.validation.acceptance import Place, accepted
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.known import Known

Json = dict[str, Any]
REFERENCE = {"reference": "Patient/1"}
PATIENT: Json = {
    "resourceType": "Patient",
    "name": [{"family": "Haddad", "period": {"start": "2020-01-01", "end": "2021-01-01"}}],
    "contact": [{"telecom": [{"system": "phone", "value": "555"}]}],
    "managingOrganization": {"reference": "Organization/1"},
}


def test_sound_resource() -> None:
    assert accepted(PATIENT)


def test_broken_in_the_resource_itself() -> None:
    both = {"valueInteger": 1, "dataAbsentReason": {"text": "x"}}
    assert not accepted({"resourceType": "Observation", "status": "final", "code": {"text": "x"}} | both)


def test_broken_far_below() -> None:
    broken = deepcopy(PATIENT)
    broken["name"][0]["period"]["end"] = "2019-01-01"
    assert not accepted(broken)


def test_extension_at_an_element_and_beside_a_primitive() -> None:
    """Without definitions they take a closer look; with them, a look at each of them, told where it stands."""
    extension = [{"url": "http://example.org/x", "valueInteger": 1}]
    places: list[Place] = []

    def look(place: Place, holder: Mapping[str, Any], each: Mapping[str, Any]) -> bool:
        assert each in extension
        assert holder["extension"] == extension
        places.append(place)
        return len(places) < 3

    name = [PATIENT["name"][0] | {"extension": extension}]
    for resource in (
        PATIENT | {"extension": extension},
        PATIENT | {"_birthDate": {"extension": extension}},
        PATIENT | {"name": name},
    ):
        assert not accepted(resource)
        assert accepted(resource, look) is (len(places) < 3)
    assert places == [
        Place("Patient", "", "", "extension"),
        Place("Element", "Patient", "birthDate", "extension"),
        Place("HumanName", "Patient", "name", "extension"),
    ]


def test_reference_within_the_resource() -> None:
    """ref-1: what is contained is there."""
    organization = {"resourceType": "Organization", "id": "o", "name": "o", "partOf": {"reference": "#"}}
    held = PATIENT | {"contained": [organization]}
    assert accepted(held | {"managingOrganization": {"reference": "#o"}})
    assert not accepted(held | {"managingOrganization": {"reference": "#p"}})
    assert accepted(held | {"managingOrganization": {"display": "somewhere"}})


def test_what_no_glance_tells_is_evaluated_by_itself() -> None:
    """org-1 counts, con-4 looks for a code."""
    condition = {"resourceType": "Condition", "subject": REFERENCE, "abatementString": "gone"}
    status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}
    assert not accepted({"resourceType": "Organization", "active": True})
    assert accepted({"resourceType": "Organization", "name": "Anywhere"})
    assert accepted(condition | {"clinicalStatus": status})
    assert not accepted(condition)


def test_attachment_that_states_a_size() -> None:
    assert accepted(PATIENT | {"photo": [{"contentType": "image/png", "data": "AAAA"}]})
    assert not accepted(PATIENT | {"photo": [{"contentType": "image/png", "data": "AAAA", "size": 3}]})


def test_contained_resource_by_its_own_type() -> None:
    contact = {"resourceType": "Patient", "id": "p", "contact": [{"gender": "male"}]}  # pat-1
    person = {"resourceType": "Person", "link": [{"target": REFERENCE}]}
    assert not accepted(person | {"contained": [contact]})
    assert accepted(person | {"contained": [contact | {"contact": [{"organization": REFERENCE}]}]})


def test_official_examples(examples: Mapping[str, Json]) -> None:
    """What is accepted at a glance is found sound by the walk, too: best practice is always walked for."""
    further = Known(CoreCodes()).validator.further
    told = 0
    for n, (name, resource) in enumerate(examples.items()):
        if n % 3 == 0 and not check(resource) and accepted(resource):
            walked = further(resource, best_practice=True)
            assert further(resource) == tuple(i for i in walked if not i.text.startswith("dom-6")), name
            told += 1
    assert told > 50
