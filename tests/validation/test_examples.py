"""The official examples of R4 and synthetic patients pass, but for those that break R4's own rules, each with its reason."""

import tarfile
from collections.abc import Mapping
from typing import Any, Final

import orjson
import pytest

from fhir_server.validation import check
from fhir_server.validation.structure import _accepted
from tests.conformance_data import require

Json = dict[str, Any]

BASELESS: Final = [("required", "SearchParameter.base")]
BROKEN: Final = {
    # example file → what is wrong with it by R4's own definitions
    **{
        f"codesystem-extensions-CodeSystem-{n}.json": BASELESS
        for n in ("author", "effective", "end", "keyword", "workflow")
    },
    **{
        f"valueset-extensions-ValueSet-{n}.json": BASELESS
        for n in ("author", "effective", "end", "keyword", "workflow")
    },
    "devicemetric-example.json": [("value", "DeviceMetric.parent.reference")],  # a DeviceDefinition; R4: Device
    "deviceusestatement-example.json": [("value", "DeviceUseStatement.reasonReference[0].reference")],  # a Procedure
    "medicationrequest0301.json": [
        ("value", "MedicationRequest.dispenseRequest.performer.reference")
    ],  # a Practitioner
    "observation-example-clinical-gender.json": [("value", "Observation.performer[0].reference")],  # an Encounter
    "questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": [
        ("value", "SearchParameter.id")
    ],  # too long
}
GENERATED: Final = "Questionnaire/qs1"
"""The id of 188 generated questionnaires, of which all but one have display items without the required linkId."""


def _issues(resource: Json) -> list[tuple[str, str]]:
    return [(i.code, i.expression[0]) for i in check(resource)]


def _check(examples: Mapping[str, Json]) -> None:
    for name, resource in examples.items():
        found = _issues(resource)
        if f"{resource['resourceType']}/{resource.get('id')}" == GENERATED:
            assert {(code, path.rpartition(".")[2]) for code, path in found} <= {("required", "linkId")}, name
        else:
            assert found == BROKEN.get(name, []), name


def test_official_examples_pass_slice(examples: Mapping[str, Json]) -> None:
    _check({name: r for i, (name, r) in enumerate(examples.items()) if i % 4 == 0 or name in BROKEN})


@pytest.mark.slow
def test_official_examples_pass(examples: Mapping[str, Json]) -> None:
    assert len(examples) == 2905
    _check(examples)


def test_the_schema_alone_accepts_nearly_all_examples(examples: Mapping[str, Json]) -> None:
    """What it does not accept costs a walk: that must stay rare."""
    valid = [r for n, r in examples.items() if n not in BROKEN and r.get("id") != "qs1"]
    refused = [r.get("id") for r in valid if not _accepted(r)]
    assert len(refused) <= 10


def _synthea() -> Any:
    with tarfile.open(require("synthea", "blaze-120.tar.xz")) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and member.name.endswith(".json"):
                yield orjson.loads(content.read())


def test_synthetic_patients_pass_slice() -> None:
    seen: set[str] = set()
    for path in sorted(require("synthea", "demo-5").glob("*.json")):
        for entry in orjson.loads(path.read_bytes())["entry"]:
            assert _issues(entry["resource"]) == []
            seen.add(entry["resource"]["resourceType"])
    assert {"Patient", "Observation", "Encounter", "Claim", "ExplanationOfBenefit"} <= seen


@pytest.mark.slow
def test_synthetic_patients_pass() -> None:
    count = 0
    for bundle in _synthea():
        for entry in bundle["entry"]:
            assert _issues(entry["resource"]) == []
            count += 1
    assert count == 92114
