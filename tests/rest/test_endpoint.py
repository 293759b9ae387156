"""The FHIR base path as a whole: methods, paths, hostile input, paging, short forms."""

import gzip
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.rest.raw import exchange


def root(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def test_head_is_get_without_a_body(client: httpx.Client, patient: str) -> None:
    for path in (patient, "/fhir/metadata", "/fhir/Patient?_count=1", "/fhir/Patient/nothing"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
    read, head = client.get(patient), client.head(patient)
    for name in ("content-length", "etag", "last-modified"):
        assert head.headers[name] == read.headers[name]


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/fhir/Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/fhir/metadata", "GET, HEAD, OPTIONS"),
        ("/fhir", "POST, GET, HEAD, OPTIONS"),
        ("/fhir/Patient/_search", "POST, OPTIONS"),
    ],
)
def test_options_and_405_tell_what_is_possible(client: httpx.Client, path: str, allow: str) -> None:
    options = client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
    refused = client.request("TRACE", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allow)
    assert refused.json()["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/fhir/", 200),
        ("/fhir/Patient/", 200),
        ("/fhir//Patient", 200),
        ("/fhir/Pateint", 404),
        ("/fhir/patient", 404),
        ("/fhir/Patient/1/2/3", 404),
        ("/fhir/Patient/%2e%2e%2fsecret", 404),
        ("/fhir/Patient/a%2Fb", 404),
        ("/fhir/Patient/%00", 400),
        ("/fhir/Patient/%ff", 400),
        ("/fhir/Patient/%0d%0aX: y", 400),
        ("/fhir/Patient?name=%00", 400),
        ("/fhir/Patient?name=%ff", 400),
        ("/fhir/Patient?name=%", 400),
        ("/fhir/$nothing", 404),
        ("/fhir/%24nothing", 404),
        ("/fhirish", 404),
    ],
)
def test_paths(client: httpx.Client, path: str, status: int) -> None:
    answer = exchange(client, f"GET {path.replace(' ', '%20')} HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status_code == status
    if path != "/fhirish" and status != 200:
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_links_come_from_the_configured_base(client: httpx.Client, patient: str) -> None:
    answer = exchange(
        client,
        f"GET {patient}/_history HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n\r\n",
    )
    assert b"evil" not in answer.content
    assert answer.json()["link"][0] == {"relation": "self", "url": f"{root(client)}{patient}/_history"}


def test_url_length(client: httpx.Client) -> None:
    def asked(length: int) -> httpx.Response:
        start = "/fhir/Patient?_id="
        return exchange(client, f"GET {start}{'a' * (length - len(start))} HTTP/1.1\r\nHost: x\r\n\r\n")

    assert asked(64 * 1024 - 1).status_code == 200
    assert asked(64 * 1024).status_code == 414
    assert asked(1024 * 1024).status_code == 414
    assert asked(64 * 1024).json()["issue"][0]["code"] == "too-long"


def test_header_block(client: httpx.Client) -> None:
    def asked(length: int) -> httpx.Response:
        return exchange(client, f"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nX-Long: {'a' * length}\r\n\r\n")

    assert asked(32 * 1024 - 11).status_code == 200
    assert asked(32 * 1024 - 10).status_code == 431


def test_number_of_parameters(client: httpx.Client) -> None:
    statuses = [client.get("/fhir/Patient?" + "&".join(["_id=1"] * count)).status_code for count in (512, 513, 10_000)]
    assert statuses == [200, 400, 400]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b'{"resourceType":"Patient","resourceType":"Observation"}',
        b'{"resourceType":"Patient","active":NaN}',
        b'{"resourceType":"Patient","id":"\\ud800"}',
        b'\xef\xbb\xbf{"resourceType":"Patient"}',
        b'{"resourceType":"Patient"}x',
        b'{"resourceType":"Observation"}',
        b'{"resourceType":1}',
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"\xff\xfe{\x00}\x00",
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5_000 + b"}",
        b'{"resourceType":"Patient","extension":[{"url":"a","valueDecimal":1e999999}]}',
    ],
)
def test_hostile_json_is_400(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/fhir/Patient", content=content, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "content",
    [
        b"<",
        b"<Patient/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir"><nonsense value="1"/></Patient>',
        b'<?xml version="1.0" encoding="UTF-16"?><Patient xmlns="http://hl7.org/fhir"/>',
        b'<a xmlns="http://hl7.org/fhir">' * 10_000,
    ],
)
def test_hostile_xml_is_400(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/fhir/Patient", content=content, headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_errors_come_in_the_negotiated_format(client: httpx.Client) -> None:
    answer = client.get("/fhir/Nothing", headers={"accept": "application/fhir+xml"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/fhir+xml; charset=utf-8"
    assert "<OperationOutcome" in answer.text


def test_what_is_no_http_is_answered_in_fhir(client: httpx.Client) -> None:
    for request in (
        "NONSENSE\r\n\r\n",
        "GET /fhir/metadata HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET /ü HTTP/1.1\r\n\r\n",
    ):
        answer = exchange(client, request)
        assert answer.status_code == 400
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_head_without_an_end_is_cut_off(client: httpx.Client) -> None:
    answer = exchange(client, "GET /fhir/metadata HTTP/1.1\r\nX: " + "a" * 2_000_000)
    assert answer.status_code == 431


def test_requests_in_a_row_on_one_connection(client: httpx.Client, patient: str) -> None:
    address = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(address) as connection:
        connection.sendall(
            f"GET {patient} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 5
            + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert received.count(b"HTTP/1.1 200 OK") == 6


def test_pages_are_linked_and_tokens_cannot_be_changed(client: httpx.Client) -> None:
    for number in range(5):
        client.post("/fhir/Organization", json={"resourceType": "Organization", "name": f"page {number}"})
    seen = []
    url: str | None = "/fhir/Organization?name=page&_count=2&_format=xml&_sort=name"
    first = client.get(url or "", headers={"accept": "application/fhir+json"})
    assert first.headers["content-type"] == "application/fhir+xml; charset=utf-8"
    url = "/fhir/Organization?name=page&_count=2&_sort=name"
    while url is not None:
        page = client.get(url).json()
        seen += [entry["resource"]["name"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        url = links.get("next")
        assert all(link.startswith(f"{root(client)}/fhir/Organization?") for link in links.values())
    assert seen == [f"page {number}" for number in range(5)]
    start, _, token = links["self"].partition("_page=")
    for changed in (token[:-1], token[::-1], "x", "", token + "A"):
        answer = client.get(f"{start}_page={changed}")
        assert answer.status_code == 400, changed
    assert client.get(f"/fhir/Patient?_count=2&_page={token}").status_code == 400


def test_the_next_page_keeps_the_format(client: httpx.Client) -> None:
    for number in range(3):
        client.post("/fhir/Location", json={"resourceType": "Location", "name": f"format {number}"})
    page = client.get("/fhir/Location?name=format&_count=1&_format=application/json").json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert client.get(following).headers["content-type"] == "application/json; charset=utf-8"


def test_short_forms(client: httpx.Client) -> None:
    sent = '{"resourceType":"Observation","status":"final","text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},"code":{"text":"x"},"note":[{"text":"n"}],"valueQuantity":{"value":1.00}}'
    made = client.post("/fhir/Observation", content=sent, headers={"content-type": "application/fhir+json"})
    place = f"/fhir/Observation/{made.json()['id']}"
    kept = {
        "_summary=true": {"status", "code", "valueQuantity"},
        "_summary=text": {"text", "status", "code"},
        "_summary=data": {"status", "code", "note", "valueQuantity"},
        "_elements=note": {"status", "code", "note"},
        "_elements=value": {"status", "code", "valueQuantity"},
    }
    for query, names in kept.items():
        short = client.get(f"{place}?{query}")
        assert set(short.json()) - {"resourceType", "id", "meta"} == names, query
        assert [tag["code"] for tag in short.json()["meta"]["tag"]] == ["SUBSETTED"]
        assert ('"value":1.00' in short.text) == ("valueQuantity" in names)
    assert "tag" not in client.get(f"{place}?_summary=false").json()["meta"]
    assert client.get(f"{place}?_summary=nonsense").status_code == 400


def test_pretty(client: httpx.Client, patient: str) -> None:
    plain, pretty = client.get(patient), client.get(f"{patient}?_pretty=true")
    assert pretty.json() == plain.json()
    assert pretty.text.startswith('{\n  "resourceType": "Patient"')
    assert "\n  <gender" in client.get(f"{patient}?_pretty=true&_format=xml").text


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.1, deflate;q=0.2", "deflate"),
        ("*", "gzip"),
        ("gzip;q=0, *", "deflate"),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
    ],
)
def test_large_answers_are_compressed(client: httpx.Client, accepted: str, encoding: str | None) -> None:
    answer = client.get("/fhir/metadata", headers={"accept-encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.json()["resourceType"] == "CapabilityStatement"
    assert "accept-encoding" in answer.headers["vary"]


def test_small_answers_are_not_compressed(client: httpx.Client, patient: str) -> None:
    assert "content-encoding" not in client.get(patient, headers={"accept-encoding": "gzip"}).headers


def test_compressed_lengths_are_those_on_the_wire(client: httpx.Client) -> None:
    with client.stream("GET", "/fhir/metadata", headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert int(answer.headers["content-length"]) == len(raw)
    assert json.loads(gzip.decompress(raw))["resourceType"] == "CapabilityStatement"


def test_location_is_absolute_even_with_odd_hosts(client: httpx.Client) -> None:
    made = client.post("/fhir/Patient", json={"resourceType": "Patient"}, headers={"host": "[::1]"})
    assert urlsplit(made.headers["location"]).netloc == f"{client.base_url.host}:{client.base_url.port}"


@pytest.mark.parametrize("name", ["foo", "name.family", "gender,foo"])
def test_elements_of_a_read_are_the_types_own(client: httpx.Client, patient: str, name: str) -> None:
    refused = client.get(f"{patient}?_elements={name}")
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, ["http._elements"])
    lenient = client.get(f"{patient}?_elements={name}", headers={"prefer": "handling=lenient"})
    assert lenient.json() == client.get(patient).json()
