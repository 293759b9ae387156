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


@pytest.fixture
def letters(client: httpx.Client) -> str:
    """A Binary of 2,600 bytes, large enough to be compressed."""
    made = client.put("/fhir/Binary/letters", content=ALPHABET * 100, headers={"content-type": "text/plain"})
    assert made.status_code in (200, 201)
    return "/fhir/Binary/letters"


ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("asked", "content", "said"),
    [
        ("bytes=0-2", b"abc", "bytes 0-2/2600"),
        ("bytes=2597-", b"xyz", "bytes 2597-2599/2600"),
        ("bytes=-2", b"yz", "bytes 2598-2599/2600"),
        ("bytes=2598-99999", b"yz", "bytes 2598-2599/2600"),
        ("BYTES=25-26", b"za", "bytes 25-26/2600"),
        ("bytes=-99999", ALPHABET * 100, "bytes 0-2599/2600"),
    ],
)
def test_a_range_of_the_content(client: httpx.Client, letters: str, asked: str, content: bytes, said: str) -> None:
    answer = client.get(letters, headers={"range": asked, "accept": "text/plain", "accept-encoding": "gzip"})
    assert (answer.status_code, answer.content) == (206, content)
    assert (answer.headers["content-range"], answer.headers["content-type"]) == (said, "text/plain")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(content))


@pytest.mark.parametrize("asked", ["bytes=2600-", "bytes=9999-99999", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(client: httpx.Client, letters: str, asked: str) -> None:
    answer = client.get(letters, headers={"range": asked, "accept": "*/*"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */2600")
    (issue,) = answer.json()["issue"]
    assert (issue["code"], issue["expression"]) == ("value", ["http.Range"])


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "bytes=5-2", "bytes=-", "lines=1-2", "bytes=a-b", f"bytes={'9' * 5000}-"]
)
def test_what_is_no_single_range_gets_the_whole(client: httpx.Client, letters: str, asked: str) -> None:
    answer = client.get(letters, headers={"range": asked, "accept": "text/plain"})
    assert (answer.status_code, answer.content) == (200, ALPHABET * 100)
    assert answer.headers["accept-ranges"] == "bytes"


def test_ranges_hold_for_content_that_is_read_now(client: httpx.Client, letters: str) -> None:
    """Not for resources, not for HEAD, not under a condition that cannot be told; a version's content has ranges too."""
    whole = client.get(letters, headers={"range": "bytes=0-1", "accept": "application/fhir+json"})
    assert (whole.status_code, whole.json()["resourceType"]) == (200, "Binary")
    assert "accept-ranges" not in whole.headers
    patient = client.put("/fhir/Patient/ranged", json={"resourceType": "Patient", "id": "ranged"})
    read = client.get("/fhir/Patient/ranged", headers={"range": "bytes=0-1"})
    assert (read.status_code, read.json()) == (200, patient.json())
    assert client.head(letters, headers={"range": "bytes=0-1", "accept": "text/plain"}).status_code == 200
    conditions = {"range": "bytes=0-1", "accept": "text/plain", "if-range": 'W/"1"'}
    assert client.get(letters, headers=conditions).status_code == 200
    version = client.get(f"{letters}/_history/1", headers={"range": "bytes=0-1", "accept": "text/plain"})
    assert (version.status_code, version.content) == (206, b"ab")
