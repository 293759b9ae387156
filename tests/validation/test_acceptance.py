"""What is accepted at a glance is what the walk along the invariants finds nothing in."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fhir_server.validation import check
from fhir_server.validation.acceptance import accepted
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
    extension = [{"url": "http://example.org/x", "valueInteger": 1}]
    assert not accepted(PATIENT | {"extension": extension})
    assert not accepted(PATIENT | {"_birthDate": {"extension": extension}})


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
