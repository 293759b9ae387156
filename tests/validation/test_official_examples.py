"""R4's examples keep R4's own rules, US Core's examples US Core's, in every tier; those that do not are listed with the reason.

http://hl7.org/fhir/R4/validation.html
"""

import tarfile
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import orjson
import pytest

from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.conformance_data import require
from tests.validation.test_examples import BROKEN as UNSOUND
from tests.validation.test_examples import GENERATED

Json = dict[str, Any]

WRONG_FULL_URL: Final = "a fullUrl that names another id than its resource has"
EMPTY: Final = "a narrative without any text (txt-2)"
NO_BASE: Final = "a logical pattern that is not abstract and has no base (sdf-4)"
UPPER: Final = "a UUID in upper case (datatypes.html#uri: all lowercase)"
CORE: Final[dict[str, tuple[set[str], str]]] = {
    # example file → where it is broken, and why
    "activitydefinition-servicerequest-example.json": ({"ActivityDefinition.text.div"}, EMPTY),
    "activitydefinition-supplyrequest-example.json": ({"ActivityDefinition.text.div"}, EMPTY),
    "eventdefinition-example.json": ({"EventDefinition.text.div"}, EMPTY),
    "questionnaire-zika-virus-exposure-assessment.json": ({"Questionnaire.text.div"}, EMPTY),
    "capabilitystatement-example.json": ({"CapabilityStatement.url"}, UPPER),
    "terminologycapabilities-example.json": ({"TerminologyCapabilities.url"}, UPPER),
    "codesystem-snomedct.json": (
        {"CodeSystem.property[35].code", *(f"CodeSystem.property[{n}].uri" for n in (3, 5, 6))},
        "a property that is defined twice, and URIs that stand for several",
    ),
    "definition.json": ({"StructureDefinition"}, NO_BASE),
    "event.json": ({"StructureDefinition"}, NO_BASE),
    "fivews.json": ({"StructureDefinition"}, NO_BASE),
    "request.json": ({"StructureDefinition"}, NO_BASE),
    "diagnosticreport-example-lri.json": ({f"Bundle.entry[{n}].fullUrl" for n in range(1, 17)}, WRONG_FULL_URL),
    "message-request-link.json": ({"Bundle.entry[2].fullUrl"}, WRONG_FULL_URL),
    "message-response-link.json": (
        {"Bundle.entry[3].fullUrl"},
        WRONG_FULL_URL,
    ),
    "diagnosticreport-hla-genetics-results-example.json": (
        {"Bundle.entry[0].resource.extension[1].extension[1].url"},
        "a part that the extension's definition does not have",
    ),
    "extension-codesystem-history.json": (
        {f"StructureDefinition.differential.element[{n}]" for n in (7, 11, 15, 19)},
        "parts of an extension that allows none",
    ),
    "observation-example-f202-temperature.json": ({"Observation.effective"}, "a vital sign without a time"),
    "valueset-example-hierarchical.json": (
        {"ValueSet.compose.include[0].system"},
        "a system that is a fragment (include.system: an absolute URI)",
    ),
}
US_CORE: Final = {
    ("3.1.1", "Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json"): ({"Bundle.entry[2].fullUrl"}, WRONG_FULL_URL),
    ("3.1.1", "Bundle-uscore-mo3.json"): ({"Bundle.entry[1].fullUrl"}, "a fullUrl that is not absolute"),
    ("3.1.1", "DiagnosticReport-cardiology-report.json"): (
        {"DiagnosticReport.presentedForm[0].hash"},
        "a hash in hexadecimal digits, not in base64",
    ),
    ("6.1.0", "Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json"): ({"Bundle.entry[2].fullUrl"}, WRONG_FULL_URL),
    ("6.1.0", "Bundle-docref-example-2.json"): ({"Bundle.entry[2].fullUrl"}, WRONG_FULL_URL),
}
EXAMPLES: Final = {"3.1.1": 84, "6.1.0": 183, "7.0.0": 214}


def _errors(validator: Validator, resource: Json) -> set[str]:
    """Where a resource is broken, vital signs held to R4's profiles."""
    issues = validator.issues(resource, vital_signs=True)
    return {issue.expression[0] for issue in issues if issue.severity in ("error", "fatal")}


def _check(examples: Mapping[str, Json]) -> None:
    validator = Validator(Profiles(), CoreCodes(), lambda *_: None)
    for name, resource in examples.items():
        if f"{resource['resourceType']}/{resource.get('id')}" == GENERATED or name in UNSOUND:
            continue  # test_examples.py says what is wrong with their structure
        assert _errors(validator, resource) == CORE.get(name, (set(), ""))[0], name


def test_the_examples_of_r4_slice(examples: Mapping[str, Json]) -> None:
    _check({name: r for n, (name, r) in enumerate(examples.items()) if n % 25 == 0 or name in CORE})


@pytest.mark.slow
def test_the_examples_of_r4(examples: Mapping[str, Json]) -> None:
    assert len(examples) == 2905
    _check(examples)


@cache
def us_core(version: str) -> Mapping[str, Json]:
    """File name → resource, of one version of US Core: its definitions, and its examples (`example/…`)."""
    found: dict[str, Json] = {}
    with tarfile.open(require("us-core", f"hl7.fhir.us.core-{version}.tgz")) as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            content = archive.extractfile(member)
            if content is not None and name.endswith(".json") and name.count("/") <= 1:
                resource = orjson.loads(content.read().removeprefix(b"\xef\xbb\xbf"))
                if isinstance(resource, dict) and "resourceType" in resource:
                    found[name] = resource
    return found


@cache
def us_core_validator(version: str) -> Validator:
    """Knows R4 and one version of US Core."""
    definitions = {
        r["url"]: r
        for name, r in us_core(version).items()
        if "/" not in name and r["resourceType"] == "StructureDefinition"
    }
    profiles = Profiles(lambda canonical: definitions.get(canonical.partition("|")[0]))
    return Validator(profiles, CoreCodes(), lambda *_: None)


@pytest.mark.parametrize("version", EXAMPLES)
def test_the_examples_of_us_core(version: str) -> None:
    examples = {n.removeprefix("example/"): r for n, r in us_core(version).items() if n.startswith("example/")}
    assert len(examples) == EXAMPLES[version]
    validator = us_core_validator(version)
    for name, resource in examples.items():
        assert _errors(validator, resource) == US_CORE.get((version, name), (set(), ""))[0], name
    assert validator.profiles.faults == {}
