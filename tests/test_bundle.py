"""Bundles joined from stored bytes."""

import json
from datetime import UTC, datetime

from fhir_server import bundle
from fhir_server.model import Key, Version

NOW = datetime(2026, 11, 22, 17, 0, 0, 123000, tzinfo=UTC)
BODY = b'{"resourceType":"Patient","id":"1","x":1.00}'


def version(number: str, method: str, body: bytes | None = BODY) -> Version:
    return Version(Key("Patient", "1"), number, NOW, body, method=method)


def test_empty_bundle_has_no_entry() -> None:
    assert bundle.bundle("searchset", []) == b'{"resourceType":"Bundle","type":"searchset"}'


def test_bundle_with_everything() -> None:
    made = bundle.bundle("searchset", [b"{1}", b"{2}"], links=[("self", 'http://h/?a="')], total=2, at=NOW)
    assert made == (
        b'{"resourceType":"Bundle","type":"searchset","timestamp":"2026-11-22T17:00:00.123Z","total":2,'
        b'"link":[{"relation":"self","url":"http://h/?a=\\""}],"entry":[{1},{2}]}'
    )


def test_search_entries_hold_the_stored_bytes() -> None:
    assert bundle.found("http://h/fhir", "Patient/1", BODY, "match", 0.5) == (
        b'{"fullUrl":"http://h/fhir/Patient/1","resource":' + BODY + b',"search":{"mode":"match","score":0.5}}'
    )
    assert bundle.found("http://h/fhir", "Patient/1", BODY, "include") == (
        b'{"fullUrl":"http://h/fhir/Patient/1","resource":' + BODY + b',"search":{"mode":"include"}}'
    )
    assert bundle.remark(b"{}") == b'{"resource":{},"search":{"mode":"outcome"}}'


def test_history_entries() -> None:
    end = b'"lastModified":"2026-11-22T17:00:00.123Z"}}'
    head = b'{"fullUrl":"http://h/Patient/1",'
    with_body = head + b'"resource":' + BODY + b","
    assert [bundle.past("http://h", v, v.body) for v in _history()] == [
        with_body + b'"request":{"method":"POST","url":"Patient"},"response":{"status":"201 Created","etag":"W/\\"1\\"",' + end,
        with_body + b'"request":{"method":"PUT","url":"Patient/1"},"response":{"status":"200 OK","etag":"W/\\"2\\"",' + end,
        head + b'"request":{"method":"DELETE","url":"Patient/1"},"response":{"status":"204 No Content","etag":"W/\\"3\\"",' + end,
        with_body + b'"request":{"method":"PUT","url":"Patient/1"},"response":{"status":"201 Created","etag":"W/\\"1\\"",' + end,
        with_body + b'"request":{"method":"PUT","url":"Patient/1"},"response":{"status":"201 Created","etag":"W/\\"4\\"",' + end,
    ]  # fmt: skip


def _history() -> list[Version]:
    made = [version("1", "POST"), version("2", "PATCH"), version("3", "DELETE", None), version("1", "PUT")]
    return [*made, version("4", "PUT-CREATE")]


def test_response_entries() -> None:
    answer = bundle.response(201, location="Patient/1/_history/1", etag='W/"1"', last_modified=NOW)
    assert answer == (
        b'{"status":"201 Created","location":"Patient/1/_history/1","etag":"W/\\"1\\"",'
        b'"lastModified":"2026-11-22T17:00:00.123Z"}'
    )
    assert bundle.done("http://h", "", None, answer) == b'{"response":' + answer + b"}"
    assert bundle.done("http://h", "Patient/1", BODY, answer) == (
        b'{"fullUrl":"http://h/Patient/1","resource":' + BODY + b',"response":' + answer + b"}"
    )
    assert bundle.response(404, outcome={"a": 1}) == b'{"status":"404 Not Found","outcome":{"a":1}}'


def test_entry_says_how_far_away_and_how_good_a_match_is() -> None:
    entry = json.loads(bundle.found("http://h", "Location/1", b"{}", "match", 0.5, 1234.5678))
    assert entry["search"] == {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/location-distance",
                "valueDistance": {
                    "value": 1.234568,
                    "unit": "km",
                    "system": "http://unitsofmeasure.org",
                    "code": "km",
                },
            }
        ],
        "mode": "match",
        "score": 0.5,
    }
