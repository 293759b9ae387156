"""What validation may cost, and local references, which are looked up and not searched for."""

from typing import Any

import pytest

from fhir_server.fhirpath import budget
from fhir_server.outcome import Unprocessable
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator


@pytest.fixture
def validator() -> Validator:
    return Validator(Profiles(), CoreCodes(), lambda *_: None)


def test_all_expressions_together_may_take_so_long(validator: Validator, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"linkId": str(n), "type": "string", "text": "x"} for n in range(2_000)]
    questionnaire = {"resourceType": "Questionnaire", "status": "draft", "item": items}
    assert validator.issues(questionnaire) == ()
    monkeypatch.setattr(budget, "MAX_TOGETHER", 0.01)
    with pytest.raises(Unprocessable) as refused:
        validator.issues(questionnaire)
    assert (refused.value.status, refused.value.issues[0].code) == (422, "too-costly")


def patient(*references: str) -> dict[str, Any]:
    held = [{"resourceType": "Organization", "id": "a", "name": "A"}]
    return {
        "resourceType": "Patient",
        "contained": held,
        "generalPractitioner": [{"reference": reference} for reference in ("#a", *references)],
    }


def test_local_reference_leads_to_what_is_contained(validator: Validator) -> None:
    assert validator.issues(patient()) == ()
    (issue,) = validator.issues(patient("#b"))
    assert (issue.code, issue.severity, issue.expression) == ("invariant", "error", ("Patient.generalPractitioner[1]",))
    assert issue.text.startswith("ref-1: ")


def test_local_reference_in_an_entry_stays_within_the_entry(validator: Validator) -> None:
    """And one in a contained resource leads to its neighbours, or (`#`) to the container."""
    within = {"resourceType": "Patient", "generalPractitioner": [{"reference": "#a"}]}
    entries = [
        {"fullUrl": f"urn:uuid:05efabf0-4be2-4561-91ce-51548425acb{n}", "resource": resource}
        for n, resource in enumerate((patient(), within))
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (issue,) = [issue for issue in validator.issues(bundle) if issue.severity == "error"]
    assert issue.expression == ("Bundle.entry[1].resource.generalPractitioner[0]",)
    contained = patient()
    role: dict[str, Any] = {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#a"}}
    role |= {"extension": [{"url": "http://x/y", "valueReference": {"reference": "#"}}]}
    contained["contained"].append(role)
    assert not [issue for issue in validator.issues(contained) if issue.severity == "error"]
