"""The official R4 examples are stored by PUT and come back by GET unchanged, in JSON and in XML, but for those that break
R4's own rules: each is refused, with the reason listed here.

http://hl7.org/fhir/R4/http.html#update and http://hl7.org/fhir/R4/json.html
"""

from typing import Final

import pytest
from lxml import etree

from fhir_server.formats import json
from tests.conformance.exact import Tree, exact, stripped
from tests.formats.examples import canonical, json_examples, listed, pairs
from tests.formats.xml.test_examples import FAULTY_AS_PUBLISHED, sliced, unlabelled
from tests.http.wire import Answer, Wire

NO_BASE = ("required", "SearchParameter.base")
EXTENSIONS = ("author", "effective", "end", "keyword", "workflow")
REFUSED: dict[str, tuple[str, str]] = {
    **{f"codesystem-extensions-CodeSystem-{name}": NO_BASE for name in EXTENSIONS},
    **{f"valueset-extensions-ValueSet-{name}": NO_BASE for name in EXTENSIONS},
    # id longer than 64 characters: no path can name it
    "questionnaireresponse-extensions-QuestionnaireResponse-item-subject": ("value", "SearchParameter.id"),
    # references to types that R4 does not allow there
    "devicemetric-example": ("value", "DeviceMetric.parent.reference"),
    "deviceusestatement-example": ("value", "DeviceUseStatement.reasonReference[0].reference"),
    "medicationrequest0301": ("value", "MedicationRequest.dispenseRequest.performer.reference"),
    "observation-example-clinical-gender": ("value", "Observation.performer[0].reference"),
    # sdf-4: neither abstract nor with a base: R4's workflow patterns
    **dict.fromkeys(("definition", "event", "fivews", "request"), ("invariant", "StructureDefinition")),
    # que-2: the same linkId twice
    "immunizationevaluation-questionnaire": ("invariant", "Questionnaire"),
    # Bundle.entry.fullUrl "SHALL NOT disagree with the id in the resource"
    "diagnosticreport-example-lri": ("invalid", "Bundle.entry[1].fullUrl"),
    "message-request-link": ("invalid", "Bundle.entry[2].fullUrl"),
    "message-response-link": ("invalid", "Bundle.entry[3].fullUrl"),
    # txt-2: a narrative without any text
    "activitydefinition-servicerequest-example": ("invariant", "ActivityDefinition.text.div"),
    "activitydefinition-supplyrequest-example": ("invariant", "ActivityDefinition.text.div"),
    "eventdefinition-example": ("invariant", "EventDefinition.text.div"),
    "questionnaire-zika-virus-exposure-assessment": ("invariant", "Questionnaire.text.div"),
    # a UUID in upper case
    "capabilitystatement-example": ("invalid", "CapabilityStatement.url"),
    "terminologycapabilities-example": ("invalid", "TerminologyCapabilities.url"),
    # a property that is defined twice
    "codesystem-snomedct": ("business-rule", "CodeSystem.property[35].code"),
    # parts of an extension that allows none
    "extension-codesystem-history": ("value", "StructureDefinition.differential.element[7]"),
    # a code system's URL that is a fragment
    "valueset-example-hierarchical": ("invalid", "ValueSet.compose.include[0].system"),
    # an extension with a part that its definition does not have
    "diagnosticreport-hla-genetics-results-example": (
        "structure",
        "Bundle.entry[0].resource.extension[1].extension[1].url",
    ),
}
"""Example → the issue (code, expression) that it is refused with."""

GENERATED = "qs1"
"""The id of 188 generated questionnaires; all but one have display items without the required linkId."""


LINKLESS: Final = {("required", "linkId"), ("invariant", "Questionnaire")}


def put(wire: Wire, name: str, resource: Tree, raw: bytes, content_type: str = "application/fhir+json") -> Answer:
    type_, id_ = resource["resourceType"], resource.get("id", name)
    return wire.request("PUT", f"/fhir/{type_}/{id_}", raw, Content_Type=content_type)


def named(name: str, raw: bytes) -> bytes:
    """The example with an id: two of them come without."""
    tree = json.parse(raw).tree
    return raw if "id" in tree else json.dumps(tree | {"id": name})


def stored_otherwise(wire: Wire, names: list[str]) -> dict[str, object]:
    """Example → what went wrong with it: refused where it should not be, or returned changed."""
    examples = json_examples()
    wrong: dict[str, object] = {}
    for name in names:
        raw = named(name, examples[name])
        sent: Tree = exact(raw)
        answer = put(wire, name, sent, raw)
        if answer.status not in (200, 201):
            issues = {(i["code"], i["expression"][0]) for i in answer.json()["issue"] if i["severity"] == "error"}
            found = {(code, path.rpartition(".")[2]) for code, path in issues}
            # some link ids are missing, and some stand twice (que-2)
            linkless = sent.get("id") == GENERATED and {("required", "linkId")} <= found <= LINKLESS
            if answer.status not in (400, 422) or not (linkless or REFUSED.get(name) in issues):
                wrong[name] = (answer.status, issues)
            continue
        place = f"/fhir/{sent['resourceType']}/{sent['id']}"
        read = exact(wire.request("GET", place, Accept="application/fhir+json").body)
        if name in REFUSED or stripped(read) != stripped(sent):
            wrong[name] = "accepted" if name in REFUSED else "changed"
    return wrong


def test_examples_are_stored_and_returned_unchanged(wire: Wire) -> None:
    generated = [name for name in json_examples() if name.endswith("-questionnaire")]
    rest = [name for name in json_examples() if name not in generated]
    assert stored_otherwise(wire, sliced(rest, 150) + generated[:2] + list(REFUSED)) == {}


def test_worth_a_test(wire: Wire) -> None:
    """The examples that known-faults.json points to: digits, an element called resourceType, `_active`, other scripts."""
    assert stored_otherwise(wire, [n.removesuffix(".json") for n in listed("known-faults.json")["worth_a_test"]]) == {}


@pytest.mark.slow
def test_all_examples_are_stored_and_returned_unchanged(wire: Wire) -> None:
    names = list(json_examples())
    assert (len(names), stored_otherwise(wire, names)) == (2905, {})


def disagreeing(wire: Wire, names: list[str]) -> dict[str, object]:
    """Pairs that do not agree: XML in and JSON out against the JSON copy, JSON in and XML out against the XML copy."""
    wrong: dict[str, object] = {}
    for name in names:
        as_json, as_xml = pairs()[name]
        sent = json.parse(as_json).tree
        if name in REFUSED or "id" not in sent:
            continue
        place = f"/fhir/{sent['resourceType']}/{sent['id']}"
        for body, kind, other in ((as_xml, "xml", "json"), (as_json, "json", "xml")):
            answer = put(wire, name, sent, body, f"application/fhir+{kind}")
            if answer.status not in (200, 201):
                wrong[name] = (kind, answer.status, answer.body[:500])
                continue
            read = wire.request("GET", place, Accept=f"application/fhir+{other}")
            back = json.parse(read.body).tree if other == "json" else as_tree(wire, place, read)
            if canonical(unlabelled(stripped(back))) != canonical(unlabelled(stripped(sent))):
                wrong[name] = f"{kind} in, {other} out"
    return wrong


def as_tree(wire: Wire, place: str, answer: Answer) -> Tree:
    """What a server understands that is sent this XML again."""
    again = wire.request("PUT", place, answer.body, Content_Type="application/fhir+xml")
    assert again.status == 200, again.body[:500]
    tree: Tree = json.parse(again.body).tree
    return tree


def test_pairs_agree_both_ways(wire: Wire) -> None:
    assert disagreeing(wire, sliced(listed("pairs.json")["equal"], 60)) == {}


@pytest.mark.slow
def test_all_pairs_agree_both_ways(wire: Wire) -> None:
    equal = listed("pairs.json")["equal"]
    assert (len(equal), disagreeing(wire, equal)) == (856, {})


def invalid(wire: Wire, names: list[str], schema: etree.XMLSchema) -> list[str]:
    found = []
    for name in names:
        raw = named(name, json_examples()[name])
        sent = json.parse(raw).tree
        if put(wire, name, sent, raw).status in (200, 201):
            read = wire.request("GET", f"/fhir/{sent['resourceType']}/{sent['id']}", Accept="application/fhir+xml")
            if not schema.validate(etree.fromstring(read.body)):
                found.append(name)
    return found


def test_xml_is_valid_against_the_xsds(wire: Wire, fhir_single: etree.XMLSchema) -> None:
    names = [name for name in json_examples() if name not in FAULTY_AS_PUBLISHED]
    assert invalid(wire, sliced(names, 60), fhir_single) == []


@pytest.mark.slow
def test_all_xml_is_valid_against_the_xsds(wire: Wire, fhir_single: etree.XMLSchema) -> None:
    assert invalid(wire, list(json_examples()), fhir_single) == []
