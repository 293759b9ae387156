"""Whatever comes in: an answer that is no 5xx, and an OperationOutcome where it is a refusal (a slice of gate R5)."""

import string

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:httpx")

quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

segment = st.one_of(
    st.sampled_from(
        [
            "Patient",
            "Observation",
            "_history",
            "_search",
            "metadata",
            "$validate",
            "1",
            "*",
            "..",
            "%2e",
            "%00",
            "_async",
        ]
    ),
    st.text(string.printable.replace("#", "").replace("?", "").strip(), max_size=12),
)
name = st.sampled_from(
    [
        "_id",
        "name",
        "_count",
        "_sort",
        "_include",
        "_since",
        "_at",
        "_page",
        "_summary",
        "_elements",
        "_format",
        "_total",
        "birthdate",
        "_has:x",
        "code:in",
        "x",
    ]
)
word = st.text(max_size=20)
headers = st.dictionaries(
    st.sampled_from(
        [
            "accept",
            "content-type",
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-none-exist",
            "prefer",
            "x-request-id",
            "content-encoding",
            "accept-encoding",
        ]
    ),
    st.one_of(
        st.text(string.ascii_letters + string.digits + '/+*;=,"-. ', max_size=30).map(str.strip),
        st.sampled_from(["application/fhir+json", "application/fhir+xml", "gzip", "*", 'W/"1"', "return=minimal"]),
    ),
    max_size=4,
)


@quickly
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE"]),
    path=st.lists(segment, max_size=4),
    query=st.lists(st.tuples(name, word), max_size=3),
    sent=headers,
    content=st.one_of(
        st.binary(max_size=50), st.sampled_from([b"{}", b'{"resourceType":"Patient"}', b"<Patient/>", b"[]"])
    ),
)
def test_no_request_breaks_the_server(
    client: httpx.Client,
    method: str,
    path: list[str],
    query: list[tuple[str, str]],
    sent: dict[str, str],
    content: bytes,
) -> None:
    answer = client.request(
        method, "/fhir/" + "/".join(path), params=httpx.QueryParams(tuple(query)), headers=sent, content=content
    )
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    inside = answer.request.url.path.startswith("/fhir/")  # the client itself resolves `..`
    if inside and answer.status_code >= 400 and method != "HEAD":
        assert "OperationOutcome" in answer.text
        assert answer.headers["content-type"].partition(";")[0] in (
            "application/fhir+json",
            "application/fhir+xml",
            "application/json",
            "application/xml",
            "text/xml",
            "text/json",
        )
