"""Which format an answer has: `_format` and Accept, as real clients send them."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.outcome import NotAcceptable
from fhir_server.rest.negotiation import content_wanted, negotiate

JSON = "application/fhir+json; charset=utf-8"
XML = "application/fhir+xml; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/fhir+json", JSON),
        ("application/fhir+xml", XML),
        ("application/json", "application/json; charset=utf-8"),
        ("application/xml", "application/xml; charset=utf-8"),
        ("text/xml", "text/xml; charset=utf-8"),
        ("text/json", "text/json; charset=utf-8"),
        ("APPLICATION/FHIR+XML", XML),
        ("application/json+fhir", JSON),
        ("application/fhir+json;q=0.9, application/fhir+xml;q=1", XML),
        ("application/fhir+xml;q=0.5, application/fhir+json;q=0.4", XML),
        ("application/fhir+xml, */*", XML),
        ("*/*, application/fhir+xml", XML),
        ("*/*;q=0.1, application/fhir+xml;q=0.2", XML),
        ("application/fhir+json;q=0, */*", XML),
        ("image/png, application/fhir+json;q=0.1", JSON),
        ("application/fhir+xml;q=nonsense, application/fhir+json", JSON),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json; charset=utf-8; fhirVersion=4.0"),
        ("application/fhir+xml; fhirVersion=3.0, application/fhir+json; fhirVersion=4.0", f"{JSON}; fhirVersion=4.0"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", JSON),
    ],
)
def test_accept(accept: str, content_type: str) -> None:
    assert negotiate(accept, None).content_type.decode() == content_type


@pytest.mark.parametrize(
    "accept",
    ["text/turtle", "image/png", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=5.0", "nonsense"],
)
def test_accept_without_a_fit(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept, None)


@pytest.mark.parametrize(
    ("asked", "content_type"),
    [
        ("json", JSON),
        ("xml", XML),
        ("html", JSON),
        ("text/xml", "text/xml; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("application/fhir+xml", XML),
        ("application/fhir xml", XML),
        ("application/fhir+json; fhirVersion=4.0", f"{JSON}; fhirVersion=4.0"),
    ],
)
@pytest.mark.parametrize("accept", ["", "application/fhir+xml", "application/fhir+json", "image/png"])
def test_format_goes_before_accept(asked: str, content_type: str, accept: str) -> None:
    assert negotiate(accept, asked).content_type.decode() == content_type


@pytest.mark.parametrize("asked", ["ttl", "", "text/turtle", "application/fhir+json;fhirVersion=3.0"])
def test_format_without_a_fit(asked: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate("*/*", asked)


@given(st.text(max_size=80), st.one_of(st.none(), st.text(max_size=40)))
def test_whatever_comes_there_is_a_format_or_406(accept: str, asked: str | None) -> None:
    with contextlib.suppress(NotAcceptable):
        negotiate(accept, asked)


@pytest.mark.parametrize(
    ("accept", "content_type", "wanted"),
    [
        ("", "image/png", True),
        ("*/*", "image/png", True),
        ("image/png", "image/png", True),
        ("application/json", "application/json", True),
        ("application/json", "image/png", False),
        ("application/fhir+json", "image/png", False),
        ("application/fhir+xml, */*", "image/png", False),
    ],
)
def test_content_of_a_binary(accept: str, content_type: str, wanted: bool) -> None:
    assert content_wanted(accept, content_type) is wanted


def test_over_http(client: httpx.Client, patient: str) -> None:
    answers = {
        ("application/fhir+json", ""): (200, JSON),
        ("application/fhir+xml", ""): (200, XML),
        ("text/xml", "?_format=json"): (200, JSON),
        ("", "?_format=application/fhir+xml"): (200, XML),
        ("", "?_format=application%2Ffhir%2Bxml"): (200, XML),
        ("image/png", ""): (406, JSON),
        ("", "?_format=ttl"): (406, JSON),
    }
    for (accept, query), expected in answers.items():
        answer = client.get(patient + query, headers={"accept": accept} if accept else {})
        assert (answer.status_code, answer.headers["content-type"]) == expected, (accept, query)


def test_406_comes_before_anything_is_written(client: httpx.Client) -> None:
    refused = client.post(
        "/fhir/Patient",
        json={"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "unwritten"}]},
        headers={"accept": "image/png"},
    )
    assert refused.status_code == 406
    assert refused.json()["issue"][0]["code"] == "not-supported"
    assert "entry" not in client.get("/fhir/Patient?identifier=urn:test|unwritten").json()
