"""R4's own expressions, invariants and search parameters, compile and name only elements that R4 has."""

import pytest

from fhir_server import fhirpath
from fhir_server.definitions import definitions
from fhir_server.fhirpath import Environment, FhirPathError


def test_every_invariant_compiles() -> None:
    expressions = [c.expression for constraints in definitions().constraints.values() for c in constraints]
    assert len(expressions) > 200
    for expression in expressions:
        fhirpath.compile(expression)


@pytest.mark.parametrize("type_", definitions().resource_types)
def test_search_parameters_of_a_type_compile_and_name_its_elements(type_: str) -> None:
    for parameter in definitions().search_parameters(type_).values():
        if parameter.expression:
            fhirpath.compile(parameter.expression)
            own = [
                part
                for part in parameter.expression.split(" | ")
                if part.lstrip("(").startswith(f"{type_}.") and part.count("(") == part.count(")")
            ]
            for part in own:
                try:
                    fhirpath.compile(part).check(type_)
                except FhirPathError as error:
                    pytest.fail(f"{parameter.code}: {error}")


def test_invariants_hold_or_not_as_r4_means_them() -> None:
    rules = {c.key: c for constraints in definitions().constraints.values() for c in constraints}
    contained = {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "managingOrganization": {"reference": "#o"},
    }
    dom_3 = fhirpath.compile(rules["dom-3"].expression)
    assert dom_3.holds(contained)
    assert not dom_3.holds({**contained, "managingOrganization": {"reference": "#p"}})
    ref_1 = fhirpath.compile(rules["ref-1"].expression)
    patient = fhirpath.root(contained)
    assert ref_1.holds(next(patient.child("managingOrganization")))
    assert not ref_1.holds(next(fhirpath.root({**contained, "contained": []}).child("managingOrganization")))
    without = {"resourceType": "Patient", "managingOrganization": {"display": "O"}}
    assert ref_1.holds(next(fhirpath.root(without).child("managingOrganization")))
    ele_1 = fhirpath.compile(rules["ele-1"].expression)
    assert ele_1.holds(next(patient.child("managingOrganization")))
    txt = fhirpath.compile("text.`div`.htmlChecks()")
    narrative = {"resourceType": "Patient", "text": {"status": "generated", "div": "<div/>"}}
    assert txt.evaluate(narrative, environment=Environment(html_checks=lambda div: div == "<div/>")) == [True]
    with pytest.raises(FhirPathError, match="not available"):
        txt.evaluate(narrative)
