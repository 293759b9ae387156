"""_summary and _elements: what is left of a resource."""

from typing import Any

import orjson
import pytest

from fhir_server.interactions.subset import SUBSETTED, subset

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00.000Z"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "extension": [{"url": "http://x", "valueDecimal": 1}],
    "active": True,
    "name": [{"family": "A", "extension": [{"url": "http://y", "valueString": "z"}]}],
    "birthDate": "1980-01-01",
    "_birthDate": {"id": "b"},
    "photo": [{"contentType": "image/png", "data": "AAAA", "title": "t"}],
    "maritalStatus": {"text": "m"},
    "communication": [{"language": {"text": "de"}}],
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
}
META = {**PATIENT["meta"], "tag": [SUBSETTED]}


def part(summary: str = "", elements: tuple[str, ...] = ()) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(subset(orjson.dumps(PATIENT), summary, elements))
    return made


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**PATIENT, "meta": META, **changed}.items() if name not in names}


@pytest.mark.parametrize("summary", ["", "false"])
def test_nothing_to_leave_out_gives_the_stored_bytes(summary: str) -> None:
    body = b'{"resourceType":"Patient", "id":"1"}'
    assert subset(body, summary) is body


def test_summary_true_keeps_summary_elements_at_every_depth() -> None:
    assert part("true") == without(
        "text", "extension", "photo", "maritalStatus", "communication", name=[{"family": "A"}]
    )


def test_summary_text_keeps_the_narrative_and_what_is_mandatory() -> None:
    assert part("text") == {name: PATIENT[name] for name in ("resourceType", "id", "text")} | {"meta": META}


def test_summary_data_drops_the_narrative() -> None:
    assert part("data") == without("text")


def test_elements_keep_what_is_asked_for_and_modifiers() -> None:
    kept = ("resourceType", "id", "active", "name", "birthDate", "_birthDate", "link")
    assert part(elements=("birthDate", "Patient.name")) == {name: PATIENT[name] for name in kept} | {"meta": META}


def test_elements_ask_for_a_choice_by_its_name() -> None:
    observation = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00},'
        b'"note":[{"text":"n"}]}'
    )
    expected = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00},'
        b'"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}'
    )
    assert subset(observation, elements=("value",)) == expected
    assert subset(observation, elements=("valueQuantity",)) == expected


def test_a_resource_that_is_tagged_already_is_tagged_once() -> None:
    once = subset(orjson.dumps(PATIENT), "data")
    assert orjson.loads(subset(once, "true"))["meta"]["tag"] == [SUBSETTED]
