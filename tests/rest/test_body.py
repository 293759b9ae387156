"""Bodies: limits, compression, media types, forms."""

import gzip
import json
import random
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from fhir_server.outcome import BadRequest, FhirError, TooLarge, UnsupportedMediaType
from fhir_server.rest import body

PATIENT = {"resourceType": "Patient", "name": [{"family": "Dünnebier"}]}


def stream(*chunks: bytes) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    messages: Iterator[dict[str, Any]] = iter(
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    )

    async def receive() -> Mapping[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    return receive


def noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("pieces", [1, 3])
async def test_limit_holds_after_decompression(encoding: str, pieces: int) -> None:
    headers = {b"content-encoding": encoding.encode()}
    for size, fits in ((1000, True), (1001, False), (1_000_000, False)):
        content = noise(size)
        sent = PACKERS[encoding](content)
        step = len(sent) // pieces + 1
        receive = stream(*(sent[start : start + step] for start in range(0, len(sent), step)))
        if fits:
            assert await body.read(receive, headers, 1000) == content  # type: ignore[arg-type]
        else:
            with pytest.raises(TooLarge):
                await body.read(receive, headers, 1000)  # type: ignore[arg-type]


async def test_a_length_that_is_too_large_is_refused_before_anything_is_read() -> None:
    with pytest.raises(TooLarge):
        await body.read(stream(), {b"content-length": b"1001"}, 1000)  # type: ignore[arg-type]


async def test_a_bomb_is_refused() -> None:
    sent = gzip.compress(b"a" * 50_000_000)
    with pytest.raises(TooLarge, match="100 times"):
        await body.read(stream(sent), {b"content-encoding": b"gzip"}, 2**30)  # type: ignore[arg-type]
    small = gzip.compress(b"a" * 60_000)
    assert len(await body.read(stream(small), {b"content-encoding": b"gzip"}, 2**20)) == 60_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "sent", "error"),
    [
        ("br", b"x", UnsupportedMediaType),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), UnsupportedMediaType),
        ("gzip", b"no gzip", BadRequest),
        ("gzip", gzip.compress(b"abcdef" * 100, mtime=0)[:-9], BadRequest),
        ("gzip", gzip.compress(b"x", mtime=0) + b"more", BadRequest),
        ("deflate", b"\xff\xff\xff", BadRequest),
    ],
)
async def test_encodings_that_are_refused(encoding: str, sent: bytes, error: type[FhirError]) -> None:
    with pytest.raises(error):
        await body.read(stream(sent), {b"content-encoding": encoding.encode()}, 10_000)  # type: ignore[arg-type]


async def test_deflate_without_its_header() -> None:
    packer = zlib.compressobj(wbits=-15)
    sent = packer.compress(b"hello " * 20) + packer.flush()
    assert await body.read(stream(sent), {b"content-encoding": b"deflate"}, 1000) == b"hello " * 20  # type: ignore[arg-type]


async def test_a_client_that_goes_away() -> None:
    with pytest.raises(body.Disconnected):
        await body.read(stream(), {}, 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", PACKERS)
def test_compressed_create_over_http(client: httpx.Client, encoding: str) -> None:
    content = PACKERS[encoding](json.dumps(PATIENT).encode())
    headers = {"content-type": "application/fhir+json", "content-encoding": encoding}
    made = client.post("/fhir/Patient", content=content, headers=headers)
    assert (made.status_code, made.json()["name"]) == (201, PATIENT["name"])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json", 201),
        ("application/fhir+json; charset=utf-8", 201),
        ('application/fhir+json; charset="UTF-8"', 201),
        ("application/fhir+json; fhirVersion=4.0", 201),
        ("application/json", 201),
        ("text/json", 201),
        ("application/json+fhir", 201),
        ("", 201),
        ("application/fhir+json; fhirVersion=5.0", 415),
        ("application/fhir+json; charset=utf-16", 415),
        ("application/fhir+json; charset=iso-8859-1", 415),
        ("text/plain", 415),
        ("multipart/form-data", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json-patch+json", 415),
        ("nonsense", 415),
        ("application/fhir+xml", 400),
    ],
)
def test_content_types(client: httpx.Client, content_type: str, status: int) -> None:
    answer = client.post(
        "/fhir/Patient", content=json.dumps(PATIENT), headers={"content-type": content_type} if content_type else {}
    )
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["issue"][0]["expression"] == ["http.Content-Type"]


def test_xml_there_and_back(client: httpx.Client) -> None:
    content = (
        '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="weight"/></code>'
        '<valueQuantity><value value="1.00"/></valueQuantity></Observation>'
    )
    for content_type in ("application/fhir+xml", "application/xml", "text/xml", ""):
        headers = (
            {"content-type": content_type, "accept": "application/fhir+xml"} if content_type else {"accept": "text/xml"}
        )
        made = client.post("/fhir/Observation", content=content, headers=headers)
        assert made.status_code == 201
        assert '<value value="1.00"/>' in made.text
        place = httpx.URL(made.headers["location"]).path
        assert '"value":1.00}' in client.get(place).text
        again = client.get(place, headers={"accept": "application/fhir+xml"})
        assert again.text == made.text


def test_patches_by_their_content_type(client: httpx.Client, patient: str) -> None:
    patched = client.patch(
        patient,
        content='[{"op":"replace","path":"/gender","value":"other"}]',
        headers={"content-type": "application/json-patch+json"},
    )
    assert (patched.status_code, patched.json()["gender"]) == (200, "other")
    patched = client.patch(
        patient,
        content='<diff><replace sel="f:Patient/f:gender/@value">unknown</replace></diff>',
        headers={"content-type": "application/xml-patch+xml"},
    )
    assert patched.status_code in (200, 400)
    refused = client.patch(patient, content="[]", headers={"content-type": "text/plain"})
    assert refused.status_code == 415
    assert refused.headers["accept-patch"].startswith("application/json-patch+json, ")


def test_posted_search(client: httpx.Client, patient: str) -> None:
    id_ = patient.rpartition("/")[2]
    found = client.post("/fhir/Patient/_search", data={"_id": id_, "_format": "xml"})
    assert found.headers["content-type"] == "application/fhir+xml; charset=utf-8"
    assert f'<id value="{id_}"/>' in found.text
    found = client.post(f"/fhir/Patient/_search?_id={id_}")
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [id_]
    refused = client.post("/fhir/Patient/_search", json={"_id": id_})
    assert refused.status_code == 415


def test_parameters() -> None:
    assert body.parameters(b"a=1&b=x+y%20z&a=&c", 10) == (("a", "1"), ("b", "x y z"), ("a", ""), ("c", ""))
    assert body.parameters("a=ü".encode(), 10) == (("a", "ü"),)
    assert len(body.parameters(b"&".join([b"a=1"] * 512), 512)) == 512
    for refused in (b"&".join([b"a=1"] * 513), b"a=%ff", b"a=%zz", b"a=%", b"a=%00"):
        with pytest.raises(BadRequest):
            body.parameters(refused, 512)


def test_binary_content(client: httpx.Client) -> None:
    content = noise(3000)
    made = client.post(
        "/fhir/Binary", content=content, headers={"content-type": "image/png", "x-security-context": "Patient/1"}
    )
    assert (made.status_code, made.json()["contentType"]) == (201, "image/png")
    assert made.json()["securityContext"] == {"reference": "Patient/1"}
    place = f"/fhir/Binary/{made.json()['id']}"
    for accept in ("", "*/*", "image/png", "image/*"):
        read = client.get(place, headers={"accept": accept} if accept else {})
        assert (read.content, read.headers["content-type"]) == (content, "image/png")
        assert read.headers["x-security-context"] == "Patient/1"
    for accept in ("application/fhir+json", "application/json"):
        assert client.get(place, headers={"accept": accept}).json()["resourceType"] == "Binary"
    assert client.get(f"{place}?_format=xml").text.startswith("<?xml")
    replaced = client.put(place, content="text", headers={"content-type": "text/plain"})
    assert replaced.status_code in (200, 400)


def test_a_stored_page_cannot_run(client: httpx.Client) -> None:
    made = client.post("/fhir/Binary", content="<script>alert(1)</script>", headers={"content-type": "text/html"})
    read = client.get(f"/fhir/Binary/{made.json()['id']}", headers={"accept": "text/html"})
    assert read.text == "<script>alert(1)</script>"
    assert "sandbox" in read.headers["content-security-policy"]
    assert read.headers["x-content-type-options"] == "nosniff"


def test_a_binary_resource_is_no_content(client: httpx.Client) -> None:
    resource = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVsbG8="}
    for content_type in ("application/fhir+json", "application/json"):
        made = client.post("/fhir/Binary", content=json.dumps(resource), headers={"content-type": content_type})
        assert client.get(f"/fhir/Binary/{made.json()['id']}").content == b"hello"
    made = client.post("/fhir/Binary", content='{"a":1}', headers={"content-type": "application/json"})
    assert client.get(f"/fhir/Binary/{made.json()['id']}").json() == {"a": 1}
