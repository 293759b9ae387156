import time
from typing import Any

import pytest

from fhir_server.definitions import Component, SearchParameter, definitions
from fhir_server.outcome import Invalid
from fhir_server.search.compile import extractor
from fhir_server.search.index import extract
from fhir_server.search.parameters import parameters
from fhir_server.search.query import (
    Contained,
    DateRange,
    Identifier,
    IndexEntry,
    Prose,
    Quantity,
    Reference,
    String,
    Text,
    Token,
    Uri,
)
from fhir_server.search.registry import R4, Added, Registry, under

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "bp",
    "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns|4.0.1"], "lastUpdated": "2026-11-22T17:00:00.123Z"},
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure"}], "text": "Blood pressure"},
    "subject": {"reference": "Patient/1", "identifier": {"system": "http://a.org", "value": "MRN-7"}},
    "encounter": {"reference": "http://example.org/fhir/Encounter/9/_history/2"},
    "effectiveDateTime": "1970-01-02",
    "component": [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": 120, "system": UCUM, "code": "mm[Hg]"}},
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": {"value": 80, "unit": "mmHg"}},
    ],
}  # fmt: skip
DAY = 86_400_000_000


def test_entries_of_an_observation() -> None:
    assert sorted(extract(OBSERVATION, "http://example.org/fhir"), key=repr) == sorted(
        [
            IndexEntry("_profile", Uri("http://hl7.org/fhir/StructureDefinition/vitalsigns", "4.0.1")),
            IndexEntry("status", Token("http://hl7.org/fhir/observation-status", "final")),
            IndexEntry("code", Token(LOINC, "85354-9")),
            IndexEntry("code", Text("blood pressure")),
            IndexEntry("subject", Reference("Patient", "1")),
            IndexEntry("subject", Identifier("http://a.org", "mrn-7")),
            IndexEntry("encounter", Reference("Encounter", "9", "2")),
            IndexEntry("date", DateRange(DAY, 2 * DAY)),
            IndexEntry("component-code", Token(LOINC, "8480-6"), 1),
            IndexEntry("component-value-quantity", Quantity(120, 120, UCUM, "mm[Hg]", ""), 1),
            IndexEntry("component-code", Token(LOINC, "8462-4"), 2),
            IndexEntry("component-value-quantity", Quantity(80, 80, "", "", "mmHg"), 2),
            IndexEntry("_content", Prose("blood pressure blood pressure mrn 7 mmhg")),
        ],
        key=repr,
    )


def test_only_a_base_makes_absolute_references_local() -> None:
    (encounter,) = [e.value for e in extract(OBSERVATION) if e.param == "encounter"]
    assert encounter == Reference(url="http://example.org/fhir/Encounter/9/_history/2")


def test_contained_resources_are_entries_and_nulls_give_nothing() -> None:
    patient = {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Inner", "partOf": {"reference": "#p"}}],
        "managingOrganization": {"reference": "#o"},
        "name": [
            {"given": [None, "Ann"], "_given": [{"extension": [{"url": "http://a.org", "valueCode": "x"}]}, None]}
        ],
    }
    inner = (
        IndexEntry("name", String("inner", "Inner")),
        IndexEntry("phonetic", Token("", "INR")),
        IndexEntry("partof", Reference(url="#p")),
    )
    assert sorted(extract(patient), key=repr) == [
        IndexEntry("_contained", Contained("Organization", "o", inner)),
        IndexEntry("_content", Prose("inner ann")),
        IndexEntry("deceased", Token("", "false")),
        IndexEntry("given", String("ann", "Ann")),
        IndexEntry("name", String("ann", "Ann")),
        IndexEntry("organization", Reference(url="#o")),
        IndexEntry("phonetic", Token("", "AN")),
    ]


def test_identifiers_are_found_by_their_type_as_well() -> None:
    identifier = {
        "system": "http://a.org",
        "value": "Ab1",
        "type": {"coding": [{"system": "http://t.org", "code": "MR"}]},
    }
    found = extract({"resourceType": "Organization", "identifier": [identifier]})
    assert found == [
        IndexEntry("identifier", Token("http://a.org", "ab1")),
        IndexEntry("identifier:of-type", Token("http://t.org|mr", "ab1")),
        IndexEntry("_content", Prose("ab1")),
    ]


def test_mime_types_are_found_without_their_parameters() -> None:
    content = [{"attachment": {"contentType": "text/xml; charset=UTF-8"}}]
    found = extract({"resourceType": "DocumentReference", "content": content})
    assert found == [
        IndexEntry("contenttype", Token("urn:ietf:bcp:13", "text/xml; charset=utf-8")),
        IndexEntry("contenttype:below", Token("urn:ietf:bcp:13", "text/xml")),
    ]


def test_date_that_the_calendar_does_not_have_is_refused_with_its_place() -> None:
    patient = {"resourceType": "Patient", "id": "x", "birthDate": "1980-02-31"}
    with pytest.raises(Invalid) as raised:
        extract(patient)
    assert raised.value.issues[0].expression == ("Patient.birthDate",)
    nested = {"resourceType": "Observation", "effectiveTiming": {"event": ["2010", "2010-13"]}}
    with pytest.raises(Invalid) as raised:
        extract(nested)
    assert raised.value.issues[0].expression == ("Observation.effectiveTiming.event[1]",)


def test_every_type_has_its_function() -> None:
    for type_ in definitions().resource_types:
        assert isinstance(extractor(type_)({"resourceType": type_}, ""), list)


def test_all_functions_are_made_within_a_second() -> None:
    for type_ in definitions().resource_types:
        parameters(type_)
    R4.memory.pop(extractor.__wrapped__, None)  # type: ignore[attr-defined]
    started = time.process_time()
    for type_ in definitions().resource_types:
        extractor(type_)
    assert time.process_time() - started < 1


def test_extraction_takes_microseconds() -> None:
    """The figure itself is for `make bench`; here only that it stays in its order of magnitude."""
    extract(OBSERVATION)
    best = min(_timed() for _ in range(5))
    assert best < 60e-6


def _timed() -> float:
    started = time.process_time()
    for _ in range(300):
        extract(OBSERVATION)
    return (time.process_time() - started) / 300


def test_elements_within_repeating_elements_are_numbered_one_by_one() -> None:
    """A composite on Claim.item.detail: the second detail of the first item is none of the second item's."""
    url = "http://example.org/"
    base = ("Claim",)
    service = SearchParameter("service", f"{url}service", base, "token", "Claim.item.detail.productOrService")
    first = SearchParameter("first", f"{url}first", base, "token", "Claim.item[0].detail.productOrService")
    amount = SearchParameter("amount", f"{url}amount", base, "quantity", "Claim.item.detail.quantity")
    parts = (Component(service.url, "productOrService"), Component(amount.url, "quantity"))
    detail = SearchParameter("detail", f"{url}detail", base, "composite", "Claim.item.detail", components=parts)
    claim = {
        "resourceType": "Claim",
        "item": [
            {"detail": [{"productOrService": {"coding": [{"code": c}]}, "quantity": {"value": v}} for c, v in details]}
            for details in ((("a", 1), ("b", 2)), (("c", 3), ("d", 4)))
        ],
    }
    made = (Added(each, "SearchParameter/1", n, ready=True) for n, each in enumerate((service, first, amount, detail)))
    with under(Registry(tuple(made))):
        entries = extract(claim)
    numbers = {code: [e.group for e in entries if e.param == code] for code in ("service", "first", "amount")}
    assert len(set(numbers["service"])) == 4
    assert numbers["amount"] == numbers["service"]
    assert numbers["first"] == numbers["service"][:2]


def test_elements_of_what_repeats_are_numbered_as_it_is() -> None:
    """A composite on Patient.contact.name: there is one name in a contact."""
    url = "http://example.org/"
    family = SearchParameter("kin", f"{url}kin", ("Patient",), "string", "Patient.contact.name.family")
    given = SearchParameter("kin-given", f"{url}kin-given", ("Patient",), "string", "Patient.contact.name.given")
    parts = (Component(family.url, "family"), Component(given.url, "given"))
    whole = SearchParameter("kin-name", f"{url}w", ("Patient",), "composite", "Patient.contact.name", components=parts)
    patient = {
        "resourceType": "Patient",
        "contact": [{"name": {"family": "A", "given": ["B", "C"]}}, {"name": {"family": "D", "given": ["E"]}}],
    }
    with under(
        Registry(tuple(Added(p, "SearchParameter/1", n, ready=True) for n, p in enumerate((family, given, whole))))
    ):
        entries = extract(patient)
    assert [(e.param, e.group) for e in entries if e.param.startswith("kin")] == [
        ("kin", 1), ("kin-given", 1), ("kin-given", 1), ("kin", 2), ("kin-given", 2),
    ]  # fmt: skip
