import pytest

from fhir_server.definitions import definitions
from fhir_server.search.described import described
from fhir_server.search.expression import UnsupportedExpression, branches
from fhir_server.search.parameters import COLUMNS, includes, parameters, revincludes, stored, unavailable
from fhir_server.search.types import CONVERTERS


def test_every_parameter_of_r4_can_be_searched_by_or_has_a_reason_why_not() -> None:
    for type_ in definitions().resource_types:
        for code in definitions().search_parameters(type_):
            assert (code in parameters(type_)) != bool(unavailable(type_, code)), f"{type_}.{code}"


def test_what_cannot_be_searched_by() -> None:
    missing = {
        (p.type, p.code)
        for type_ in definitions().resource_types
        for p in definitions().search_parameters(type_).values()
        if p.code not in parameters(type_)
    }
    assert missing == {
        ("special", "_filter"),
        ("token", "_query"),
    }


def test_patient_is_the_subject_with_a_target_type() -> None:
    patient = parameters("Observation")["patient"]
    assert (patient.stored, patient.target, patient.targets) == (("subject",), "Patient", ("Patient",))
    assert parameters("AuditEvent")["patient"].stored == ("agent", "entity")
    assert parameters("EpisodeOfCare")["care-manager"].stored == ("care-manager",)


def test_combined_parameters_are_their_parts() -> None:
    combined = {c: p.stored for c, p in parameters("Observation").items() if c.startswith("combo-") and p.stored}
    assert combined == {
        "combo-code": ("code", "component-code"),
        "combo-data-absent-reason": ("component-data-absent-reason", "data-absent-reason"),
        "combo-value-concept": ("component-value-concept", "value-concept"),
        "combo-value-quantity": ("component-value-quantity", "value-quantity"),
    }


def ways(type_: str, code: str) -> list[list[tuple[tuple[str, ...], bool]]]:
    found = parameters(type_)[code]
    return [[(part.parameter.stored, part.grouped) for part in way] for way in found.ways]


def test_composites_are_ways_of_parts() -> None:
    assert ways("Observation", "code-value-quantity") == [[(("code",), False), (("value-quantity",), False)]]
    assert ways("Observation", "component-code-value-concept") == [
        [(("component-code",), True), (("component-value-concept",), True)]
    ]
    assert ways("Observation", "combo-code-value-quantity") == [
        [(("code",), False), (("value-quantity",), False)],
        [(("component-code",), True), (("component-value-quantity",), True)],
    ]
    assert ways("MolecularSequence", "chromosome-variant-coordinate") == [
        [(("chromosome",), False), (("variant-start",), True), (("variant-end",), True)]
    ]
    assert ways("ValueSet", "context-type-quantity") == [[(("context-type",), True), (("context-quantity",), True)]]


def test_every_composite_of_r4_has_its_parts() -> None:
    for type_ in definitions().resource_types:
        for code, definition in definitions().search_parameters(type_).items():
            if definition.type == "composite":
                for way in parameters(type_)[code].ways:
                    assert len(way) == len(definition.components), f"{type_}.{code}"
                    assert {c for part in way for c in part.parameter.stored} <= set(stored(type_)), f"{type_}.{code}"


def test_every_code_that_a_parameter_is_kept_under_is_kept() -> None:
    for type_ in definitions().resource_types:
        kept = stored(type_)
        for p in parameters(type_).values():
            assert set(p.stored) <= set(kept), f"{type_}.{p.code}"
            assert bool(p.stored) != (p.code in COLUMNS or p.usage in ("composite", "nested"))


def test_no_element_is_kept_twice_for_one_type_of_parameter() -> None:
    for type_ in definitions().resource_types:
        shapes = [(parameters(type_)[c].usage, frozenset(ways)) for c, ways in stored(type_).items() if ways]
        assert len(shapes) == len(set(shapes)), type_


def test_described_is_what_works() -> None:
    found = {p["name"]: p for p in described("Observation")}
    assert set(found) == {*parameters("Observation"), "_filter"}
    assert found["code"] == {
        "name": "code",
        "definition": "http://hl7.org/fhir/SearchParameter/clinical-code",
        "type": "token",
        "documentation": "The code of the observation type"
        " (modifiers: :missing, :above, :below, :in, :not, :not-in, :text)",
    }


def test_includes_are_reference_parameters_both_ways() -> None:
    assert includes("Patient") == (
        "*",
        "Patient:*",
        "Patient:general-practitioner",
        "Patient:link",
        "Patient:organization",
    )
    assert includes("Binary") == ()
    assert "Observation:patient" in revincludes("Patient")
    assert "Observation:patient" not in revincludes("Group")
    assert "QuestionnaireResponse:questionnaire" in revincludes("Questionnaire")


@pytest.mark.parametrize("type_", ["Observation", "Patient", "InsurancePlan", "Bundle"])
def test_ways_down_end_in_elements_with_a_converter(type_: str) -> None:
    for p in parameters(type_).values():
        assert all(b.truth or b.type in CONVERTERS[p.usage] for b in p.branches), p.code


@pytest.mark.parametrize(
    "expression",
    ["Patient.name.first()", "Patient.name | Nothing.x", "Patient.name.where(a = b and c)", "Patient..name", "(Patient.name",
     "Patient.name)", "Patient.name[x", "Patient.telecom.where(system = phone)", "Patient.deceased.exists() and Patient.active != false", "'x'", "", "Patient.name\x00",
     "a" * 20_000],
)  # fmt: skip
def test_expression_outside_the_subset_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpression):
        branches(expression, "Patient")
