"""Page tokens hold for the very query that they were made for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.interactions import paging
from fhir_server.interactions.paging import Place
from fhir_server.outcome import BadRequest

KEY = b"k" * 32
NOW = datetime(2026, 11, 22, 17, 0, 0, 123000, tzinfo=UTC)
QUERY = (("name", "smi|th"), ("_count", "2"))


def test_token_comes_back_as_the_place() -> None:
    token = paging.seal(KEY, "Patient", QUERY, Place("position", NOW))
    assert paging.unseal(KEY, "Patient", QUERY, token) == Place("position", NOW)


@pytest.mark.parametrize(
    ("key", "path", "query"),
    [(b"x" * 32, "Patient", QUERY), (KEY, "Observation", QUERY), (KEY, "Patient", QUERY[:1])],
)
def test_token_of_another_query_is_refused(key: bytes, path: str, query: paging.Parameters) -> None:
    token = paging.seal(KEY, "Patient", QUERY, Place("position", NOW))
    with pytest.raises(BadRequest) as refused:
        paging.unseal(key, path, query, token)
    assert refused.value.issues[0].expression == ("http._page",)


@given(st.text(max_size=80))
def test_any_other_token_is_a_bad_request(token: str) -> None:
    with pytest.raises(BadRequest):
        paging.unseal(KEY, "Patient", QUERY, token)


def test_url_keeps_the_query_readable_and_exact() -> None:
    pairs = (("code", "http://loinc.org|8480-6,x"), ("name", "a&b=ü +"))
    expected = "http://h/fhir/Patient?code=http://loinc.org|8480-6,x&name=a%26b%3D%C3%BC%20%2B&_page=t"
    assert paging.url("http://h/fhir", "Patient", pairs, "t") == expected
    assert paging.url("http://h/fhir", "", ()) == "http://h/fhir"


def test_several_tokens_are_refused() -> None:
    with pytest.raises(BadRequest):
        paging.split((("_page", "a"), ("_page", "b")))
    assert paging.split((("a", "1"), ("_page", "b"))) == ((("a", "1"),), "b")
