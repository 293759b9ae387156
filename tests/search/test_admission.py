"""SearchParameter resources: which take effect, and what stands in the way of the others."""

from typing import Any

import pytest

from fhir_server.definitions import definitions
from fhir_server.outcome import Unprocessable
from fhir_server.search.admission import admitted
from fhir_server.search.registry import R4, Added, Registry


def parameter(code: str = "maiden", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "url": f"http://example.org/{code}",
        "name": code,
        "status": "active",
        "description": "d",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.extension.where(url = 'http://example.org/m').value.as(string)",
        **more,
    }


def refused(resource: dict[str, Any], others: Registry = R4) -> list[tuple[str, str]]:
    """(expression, text) of each issue."""
    with pytest.raises(Unprocessable) as raised:
        admitted(resource, others)
    return [(issue.expression[0], issue.text) for issue in raised.value.issues]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"expression": "Patient.name.where(use = 'maiden').family"},
        {"base": ["Patient", "Person"], "expression": "Patient.photo.title | Person.photo.title"},
        {"base": ["DomainResource"], "type": "uri", "expression": "DomainResource.modifierExtension.url"},
        {"type": "reference", "target": ["Patient"], "expression": "Patient.extension.value.as(Reference)"},
        {"expression": "Patient.name.where(given.count() > 1).family.first()"},
        {"type": "token", "expression": "Patient.name.exists() and Patient.telecom.empty()"},
        {"type": "number", "expression": "Patient.name.given.count()"},
        {"code": "-own"},
    ],
)
def test_what_can_be_used_is_admitted(more: dict[str, Any]) -> None:
    found = admitted(parameter(**more), R4)
    assert found is not None
    assert found.code == more.get("code", "maiden")


@pytest.mark.parametrize(
    ("more", "place", "text"),
    [
        ({"base": ["Human"]}, "SearchParameter.base[0]", "'Human' is no resource type of R4"),
        ({"target": ["Human"]}, "SearchParameter.target[0]", "'Human' is no resource type of R4"),
        ({"code": "a:b"}, "SearchParameter.code", "'a:b' cannot stand in a URL"),
        ({"code": "_count"}, "SearchParameter.code", "'_count' cannot stand in a URL"),
        ({"code": "birthdate"}, "SearchParameter.code", "Patient has a parameter 'birthdate', R4's own"),
        ({"type": "special"}, "SearchParameter.type", "need code of their own"),
        ({"xpathUsage": "phonetic"}, "SearchParameter.xpathUsage", "phonetic is not supported"),
        ({"expression": None}, "SearchParameter.expression", "An expression is needed"),
        ({"expression": "Patient.nme"}, "SearchParameter.expression", "names no element that Patient has"),
        ({"expression": "Patient.birthDate"}, "SearchParameter.expression", "leads to date on Patient"),
        ({"expression": "Patient.name.where("}, "SearchParameter.expression", "FHIRPath"),
        ({"expression": "Patient.nme.first()"}, "SearchParameter.expression", "FHIRPath: Patient has no element nme"),
        ({"expression": "Patient.contact.first()"}, "SearchParameter.expression", "leads to nothing"),
        ({"type": "composite", "expression": "Patient"}, "SearchParameter.component", "two components or more"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(more: dict[str, Any], place: str, text: str) -> None:
    resource = {name: value for name, value in parameter(**more).items() if value is not None}
    ((expression, said),) = refused(resource)
    assert expression == place
    assert text in said


def test_all_that_is_wrong_is_told_at_once() -> None:
    places = [place for place, _ in refused(parameter("a.b", base=["Human", "Patient"], xpathUsage="nearby"))]
    assert places == ["SearchParameter.code", "SearchParameter.base[0]", "SearchParameter.xpathUsage"]


def test_r4s_own_parameters_can_be_sent_again_but_not_changed() -> None:
    own = definitions().search_parameters("Patient")["birthdate"]
    again = parameter("birthdate", url=own.url, base=list(own.base), type="date", expression=own.expression)
    assert admitted(again, R4) is None
    places = [place for place, _ in refused({**again, "expression": "Patient.deceased.as(dateTime)"})]
    assert places == ["SearchParameter.url", "SearchParameter.code"]


def test_what_says_the_same_as_r4s_under_another_url_changes_nothing() -> None:
    """As US Core's: most of them oblige servers to R4's parameters."""
    assert admitted(parameter("birthdate", type="date", expression="Patient.birthDate"), R4) is None
    derived = "http://hl7.org/fhir/SearchParameter/Resource-id"
    assert admitted(parameter("_id", type="token", expression="Patient.id", derivedFrom=derived), R4) is None


def test_codes_and_urls_of_others_are_taken() -> None:
    there = admitted(parameter(), R4)
    assert there is not None
    others = Registry((Added(there, "SearchParameter/1", 1),))
    assert [place for place, _ in refused(parameter(), others)] == ["SearchParameter.url"]
    ((place, text),) = refused(parameter(url="http://example.org/other"), others)
    assert (place, "http://example.org/maiden" in text) == ("SearchParameter.code", True)
    elsewhere = parameter(url="http://example.org/o", base=["Person"], expression="Person.photo.title")
    assert admitted(elsewhere, others) is not None


def test_components_of_a_composite_are_known_parameters() -> None:
    gender = "http://hl7.org/fhir/SearchParameter/individual-gender"
    component = [{"definition": gender, "expression": "gender"}, {"definition": "http://nowhere", "expression": "name"}]
    composite = parameter("both", type="composite", expression="Patient", component=component)
    assert refused(composite) == [
        ("SearchParameter.component[1].definition", "There is no search parameter http://nowhere")
    ]
    component[1] = {"definition": "http://hl7.org/fhir/SearchParameter/individual-family", "expression": "contact.name"}
    ((place, text),) = refused(composite)
    assert (place, "nothing is kept" in text) == ("SearchParameter.component", True)
    component[1] = {"definition": "http://hl7.org/fhir/SearchParameter/individual-birthdate", "expression": "birthDate"}
    assert admitted(composite, R4) is not None


def test_a_composite_whose_base_lies_within_anothers_parts_is_refused() -> None:
    def of_claims(code: str, **more: Any) -> dict[str, Any]:
        return parameter(code, url=f"http://example.org/{code}", base=["Claim"], **more)

    def part(code: str, expression: str) -> dict[str, str]:
        return {"definition": f"http://example.org/{code}", "expression": expression}

    sequence, service = "Claim.item.sequence", "Claim.item.detail.productOrService"
    kept = [
        of_claims("line", type="number", expression=sequence),
        of_claims("service", type="token", expression=service),
        of_claims("amount", type="quantity", expression="Claim.item.detail.quantity"),
    ]
    lines = of_claims(
        "lines",
        type="composite",
        expression="Claim.item",
        component=[part("line", "sequence"), part("service", "detail.productOrService")],
    )
    details = of_claims(
        "details",
        type="composite",
        expression="Claim.item.detail",
        component=[part("service", "productOrService"), part("amount", "quantity")],
    )
    others = Registry()
    for resource in kept:
        found = admitted(resource, others)
        assert found is not None
        others = Registry((*others.added, Added(found, "SearchParameter/1", 1, ready=True)))
    first, second = admitted(lines, others), admitted(details, others)
    assert first is not None
    assert second is not None
    for there, resource in ((first, details), (second, lines)):
        with_it = Registry((*others.added, Added(there, "SearchParameter/1", 9, ready=True)))
        ((place, text),) = refused(resource, with_it)
        assert (place, "within that of lines" in text) == ("SearchParameter.expression", True)
