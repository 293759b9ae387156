"""Which strings of a resource are links, and what becomes of those in narratives."""

from typing import Any

from fhir_server.interactions.links import Slot, narrative, root, slots, versioned

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


def found(resource: dict[str, Any], *full_urls: str) -> list[tuple[str, str]]:
    return [(str(slot.name), slot.sent) for slot in slots(resource, dict.fromkeys(full_urls), {})]


def test_references_are_found_at_every_depth_but_not_contained_ones() -> None:
    resource = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": "Organization/1"}}],
        "subject": {"reference": "#p"},
        "performer": [{"reference": URN}],
        "extension": [{"url": "http://x", "valueReference": {"reference": "Patient/2"}}],
    }
    assert sorted(found(resource, URN)) == sorted(
        [
            ("reference", "Organization/1"),
            ("reference", URN),
            ("reference", "Patient/2"),
        ]
    )


def test_elements_of_type_uri_url_oid_and_uuid_are_found_and_no_others() -> None:
    resource = {
        "resourceType": "Observation",
        "implicitRules": URN,
        "identifier": [{"system": URN, "value": URN}],
        "valueString": URN,
        "note": [{"text": URN}],
        "extension": [
            {"url": URN, "valueUri": URN},
            {"url": "b", "valueUrl": f"{URN}#part"},
            {"url": "c", "valueCanonical": URN},
            {"url": "d", "valueUuid": URN},
            {"url": "e", "valueMarkdown": URN},
        ],
        "instantiatesCanonical": URN,
    }
    assert sorted(found(resource, URN)) == sorted(
        [
            ("implicitRules", URN),
            ("system", URN),
            ("url", URN),
            ("valueUri", URN),
            ("valueUrl", f"{URN}#part"),
            ("valueUuid", URN),
        ]
    )


def test_uri_in_a_list_is_found_at_its_place() -> None:
    urls = ["http://a", URN]
    resource = {"resourceType": "ActivityDefinition", "instantiatesUri": urls, "status": "draft"}
    assert slots({**resource, "resourceType": "PlanDefinition"}, {URN: None}, {}) == []
    care = {"resourceType": "CarePlan", "instantiatesUri": urls, "status": "draft"}
    assert slots(care, {URN: None}, {}) == [Slot(urls, 1, URN)]


def test_nothing_is_found_within_a_bundle() -> None:
    document = {"resourceType": "Bundle", "entry": [{"fullUrl": URN, "resource": {"subject": {"reference": URN}}}]}
    assert found(document, URN) == []


def test_narrative_targets_are_replaced_and_text_is_not() -> None:
    div = (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN}">href="{URN}"</a>'
        f"<img alt='x' src='{URN}'/><p title=\"{URN}\">{URN}</p><a\nhref = '{URN}?a=1&amp;b=2'>z</a></div>"
    )
    known = {URN: "Patient/1", f"{URN}?a=1&b=2": 'x&"'}
    new = narrative(div, known.__getitem__)
    assert new == (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/1">href="{URN}"</a>'
        f'<img alt=\'x\' src="Patient/1"/><p title="{URN}">{URN}</p><a\nhref = "x&amp;&quot;">z</a></div>'
    )


def test_narrative_without_targets_is_unchanged_to_the_byte() -> None:
    div = "<div xmlns='http://www.w3.org/1999/xhtml'><a  href = 'http://x'  >é &lt;a href='y'&gt;</a><!-- c --></div>"
    assert narrative(div, lambda _: None) == div


def test_narrative_of_a_hostile_length_takes_no_time() -> None:
    assert narrative("<a " + 'x="' * 100_000, lambda _: None) == "<a " + 'x="' * 100_000


def test_versioned_link() -> None:
    assert versioned("http://a/Patient/1/_history/2") == "http://a/Patient/1"
    assert versioned("Patient/1") is None


def test_root_of_a_full_url() -> None:
    assert root("https://a.org/fhir/Patient/1") == "https://a.org/fhir"
    assert root("https://a.org/fhir/Nonsense/1") == ""
    assert root(URN) == ""


def test_reference_elements_of_type_uri_are_not_literal_references() -> None:
    issue = {"resourceType": "DetectedIssue", "status": "final", "reference": "http://x"}
    (slot,) = slots(issue, {}, {})
    assert slot.reference
    assert not slot.literal


def test_settled_references_are_rewritten_at_once() -> None:
    resource = {"resourceType": "Observation", "subject": {"reference": URN}, "performer": [{"reference": "Patient/1"}]}
    assert [slot.sent for slot in slots(resource, {URN: None}, {URN: "Patient/new"})] == ["Patient/1"]
    assert resource["subject"] == {"reference": "Patient/new"}
