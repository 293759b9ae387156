"""Binary over HTTP: content goes in and comes out as it is.

http://hl7.org/fhir/R4/binary.html#rest
"""

import base64
import json

import httpx
import pytest

PATIENT = b'{"resourceType": "Patient", "active": true}'


def test_content_is_put(client: httpx.Client) -> None:
    """Update-as-create and update, both with nothing but the content."""
    place = "/fhir/Binary/scan-1"

    made = client.put(place, content=b"\x00\x01", headers={"content-type": "image/png"})
    updated = client.put(place, content=b"\x02", headers={"content-type": "image/png", "if-match": 'W/"1"'})

    assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"')
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"2"')
    assert updated.json()["id"] == "scan-1"
    read = client.get(place)
    assert (read.headers["content-type"], read.content) == ("image/png", b"\x02")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/fhir+json", PATIENT),
        ("application/fhir+xml", b'<?xml version="1.0"?><!-- x --><Patient xmlns="http://hl7.org/fhir"/>'),
        ("application/json", PATIENT),
        ("text/xml", b"<CDA/>"),
    ],
)
def test_another_resource_is_content(client: httpx.Client, content_type: str, content: bytes) -> None:
    made = client.post("/fhir/Binary", content=content, headers={"content-type": content_type})

    assert (made.status_code, made.json()["contentType"]) == (201, content_type)
    assert base64.b64decode(made.json()["data"]) == content
    assert client.get(f"/fhir/Binary/{made.json()['id']}").content == content


@pytest.mark.parametrize("content", [b"{", b"{}", b"<", b'{"resourceType": 1}'])
def test_what_is_neither_a_binary_nor_another_resource_is_refused(client: httpx.Client, content: bytes) -> None:
    made = client.post("/fhir/Binary", content=content, headers={"content-type": "application/fhir+json"})

    assert made.status_code == 400


def test_what_no_header_can_carry_comes_as_a_resource(client: httpx.Client) -> None:
    resource = {"resourceType": "Binary", "contentType": "tex\u0142/plain", "data": "AAAA"}
    made = client.post("/fhir/Binary", content=json.dumps(resource), headers={"content-type": "application/fhir+json"})

    read = client.get(f"/fhir/Binary/{made.json()['id']}")

    assert (read.status_code, read.json()) == (200, made.json())


def test_content_location_is_only_given_for_what_is_there(client: httpx.Client) -> None:
    """RFC 9110 §8.7: it says where the content of this very answer can be read again."""
    for wish, expected in (("representation", True), ("minimal", False), ("OperationOutcome", False)):
        made = client.post(
            "/fhir/Basic", json={"resourceType": "Basic", "code": {"text": "x"}}, headers={"prefer": f"return={wish}"}
        )
        assert ("content-location" in made.headers) is expected
        assert made.headers["location"].endswith("/_history/1")
