import pytest

from fhir_server.definitions import definitions
from fhir_server.search.expression import UnsupportedExpression, branches
from fhir_server.search.parameters import COLUMNS, described, includes, parameters, revincludes, stored, unavailable
from fhir_server.search.types import CONVERTERS


def test_every_parameter_of_r4_can_be_searched_by_or_has_a_reason_why_not() -> None:
    for type_ in definitions().resource_types:
        for code in definitions().search_parameters(type_):
            assert (code in parameters(type_)) != bool(unavailable(type_, code)), f"{type_}.{code}"


def test_what_cannot_be_searched_by_is_composite_special_or_text() -> None:
    missing = {
        (p.type, p.code if p.type not in ("composite", "special") else "")
        for type_ in definitions().resource_types
        for p in definitions().search_parameters(type_).values()
        if p.code not in parameters(type_)
    }
    assert missing == {
        ("composite", ""),
        ("special", ""),
        ("string", "_content"),
        ("string", "_text"),
        ("string", "phonetic"),
        ("token", "_query"),
        ("reference", "composition"),
        ("reference", "message"),
    }


def test_patient_is_the_subject_with_a_target_type() -> None:
    patient = parameters("Observation")["patient"]
    assert (patient.stored, patient.target, patient.targets) == (("subject",), "Patient", ("Patient",))
    assert parameters("AuditEvent")["patient"].stored == ("agent", "entity")
    assert parameters("EpisodeOfCare")["care-manager"].stored == ("care-manager",)


def test_combined_parameters_are_their_parts() -> None:
    combined = {c: p.stored for c, p in parameters("Observation").items() if c.startswith("combo-")}
    assert combined == {
        "combo-code": ("code", "component-code"),
        "combo-data-absent-reason": ("component-data-absent-reason", "data-absent-reason"),
        "combo-value-concept": ("component-value-concept", "value-concept"),
        "combo-value-quantity": ("component-value-quantity", "value-quantity"),
    }


def test_every_code_that_a_parameter_is_kept_under_is_kept() -> None:
    for type_ in definitions().resource_types:
        kept = stored(type_)
        for p in parameters(type_).values():
            assert set(p.stored) <= set(kept), f"{type_}.{p.code}"
            assert bool(p.stored) != (p.code in COLUMNS)


def test_no_element_is_kept_twice_for_one_type_of_parameter() -> None:
    for type_ in definitions().resource_types:
        shapes = [(parameters(type_)[code].type, frozenset(ways)) for code, ways in stored(type_).items()]
        assert len(shapes) == len(set(shapes)), type_


def test_described_is_what_works() -> None:
    found = {p["name"]: p for p in described("Observation")}
    assert set(found) == set(parameters("Observation"))
    assert found["code"] == {
        "name": "code",
        "definition": "http://hl7.org/fhir/SearchParameter/clinical-code",
        "type": "token",
        "documentation": "The code of the observation type",
    }


def test_includes_are_reference_parameters_both_ways() -> None:
    assert includes("Patient") == ("*", "Patient:general-practitioner", "Patient:link", "Patient:organization")
    assert includes("Binary") == ()
    assert "Observation:patient" in revincludes("Patient")
    assert "Observation:patient" not in revincludes("Group")
    assert "QuestionnaireResponse:questionnaire" in revincludes("Questionnaire")


@pytest.mark.parametrize("type_", ["Observation", "Patient", "InsurancePlan", "Bundle"])
def test_ways_down_end_in_elements_with_a_converter(type_: str) -> None:
    for p in parameters(type_).values():
        assert all(b.truth or b.type in CONVERTERS[p.type] for b in p.branches), p.code


@pytest.mark.parametrize(
    "expression",
    ["Patient.name.first()", "Patient.name | Nothing.x", "Patient.name.where(a = b and c)", "Patient..name", "(Patient.name",
     "Patient.name)", "Patient.name[x", "Patient.telecom.where(system = phone)", "Patient.deceased.exists() and Patient.active != false", "'x'", "", "Patient.name\x00",
     "a" * 20_000],
)  # fmt: skip
def test_expression_outside_the_subset_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpression):
        branches(expression, "Patient")
