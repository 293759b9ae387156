"""Headers, in and out."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.context import Prefer
from fhir_server.outcome import BadRequest
from fhir_server.rest.headers import conditions, field, http_date, joined, parse_date, prefer, request_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("return=minimal", Prefer("minimal")),
        ("return=representation", Prefer("representation")),
        ("return=OperationOutcome", Prefer("OperationOutcome")),
        ("Return=Minimal", Prefer("minimal")),
        ("handling=strict", Prefer(handling="strict")),
        ("handling=lenient; return=minimal", Prefer("minimal", "lenient")),
        ("respond-async, handling=lenient", Prefer(handling="lenient", respond_async=True)),
        ('return="minimal"', Prefer("minimal")),
        ("return=minimal, return=representation", Prefer("minimal")),
        ("return=nonsense; handling=nonsense; wait=10", Prefer()),
        ("", Prefer()),
    ],
)
def test_prefer(value: str, expected: Prefer) -> None:
    assert prefer(value) == expected


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', 'W/"abc-1.2"', "*", 'W/"1", W/"2"'])
def test_if_match(tag: str) -> None:
    assert conditions({b"if-match": tag.encode()}) == {"if_match": tag}


@pytest.mark.parametrize("tag", ["1", "W/1", 'w/"1"', 'W/"1", *', 'W/""', '"a b"', "", 'W/"1'])
def test_if_match_is_strict(tag: str) -> None:
    with pytest.raises(BadRequest, match="If-Match") as refused:
        conditions({b"if-match": tag.encode()})
    assert refused.value.issues[0].expression == ("http.If-Match",)


def test_if_none_match_takes_a_list() -> None:
    assert conditions({b"if-none-match": b'W/"1", "2"'}) == {"if_none_match": 'W/"1", "2"'}
    with pytest.raises(BadRequest, match="If-None-Match"):
        conditions({b"if-none-match": b'W/"1", 2'})


def test_dates() -> None:
    moment = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert http_date(moment) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == moment
    assert parse_date("Sun, 06 Nov 1994 10:49:37 +0200") == moment
    assert parse_date("not a date") is None


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_dates_come_back(moment: datetime) -> None:
    assert parse_date(http_date(moment).decode()) == moment.replace(microsecond=0)


def test_request_id_is_echoed_only_where_it_is_harmless() -> None:
    assert request_id(b"abc-1.2") == "abc-1.2"
    for bad in (b"", b"a b", b"x" * 65, b"<script>", b"a\r\nb", "ä".encode()):
        assert request_id(bad) != bad.decode()
    assert request_id(None) != request_id(None)


def test_header_lines_of_one_name_are_one_list() -> None:
    assert joined([(b"accept", b"a"), (b"host", b"x"), (b"accept", b"b")]) == {b"accept": b"a, b", b"host": b"x"}


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "ä", "a\0"])
def test_a_header_cannot_carry_everything(value: str) -> None:
    with pytest.raises(BadRequest):
        field("X-Security-Context", value)


def test_create_answers_with_location_and_version(client: httpx.Client) -> None:
    made = client.post("/fhir/Patient", json={"resourceType": "Patient"}, headers={"host": "evil.example"})
    here = f"{client.base_url}/fhir/Patient/{made.json()['id']}/_history/1"
    assert made.status_code == 201
    assert made.headers["location"] == here
    assert made.headers["content-location"] == here
    assert made.headers["etag"] == 'W/"1"'
    assert parse_date(made.headers["last-modified"]) == datetime.fromisoformat(
        made.json()["meta"]["lastUpdated"]
    ).replace(microsecond=0)


def test_read_can_be_conditional(client: httpx.Client, patient: str) -> None:
    read = client.get(patient)
    for condition in (
        {"if-none-match": 'W/"1"'},
        {"if-none-match": '"7", W/"1"'},
        {"if-modified-since": read.headers["last-modified"]},
    ):
        unchanged = client.get(patient, headers=condition)
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", 'W/"1"')
    for condition in (
        {"if-none-match": 'W/"2"'},
        {"if-modified-since": "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"if-modified-since": "soon"},
    ):
        assert client.get(patient, headers=condition).status_code == 200
    assert client.get(patient, headers={"if-none-match": "1"}).status_code == 400


def test_update_can_be_conditional(client: httpx.Client, patient: str) -> None:
    resource = client.get(patient).json()
    assert client.put(patient, json=resource | {"gender": "male"}, headers={"if-match": 'W/"7"'}).status_code == 412
    assert client.put(patient, json=resource | {"gender": "male"}, headers={"if-match": "1"}).status_code == 400
    updated = client.put(patient, json=resource | {"gender": "male"}, headers={"if-match": 'W/"1"'})
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"2"')
    assert "location" not in updated.headers


def test_create_can_be_conditional(client: httpx.Client) -> None:
    resource = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "only-once"}]}
    headers = {"if-none-exist": "identifier=urn:test|only-once"}
    first, second = (client.post("/fhir/Patient", json=resource, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["location"] == first.headers["location"]


@pytest.mark.parametrize(
    ("wish", "type_"), [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")]
)
def test_prefer_return(client: httpx.Client, wish: str, type_: str | None) -> None:
    made = client.post("/fhir/Patient", json={"resourceType": "Patient"}, headers={"prefer": f"return={wish}"})
    assert made.status_code == 201
    assert made.headers["location"].startswith(f"{client.base_url}/fhir/Patient/")
    assert (made.json()["resourceType"] if made.content else None) == type_


def test_prefer_handling(client: httpx.Client) -> None:
    strict, lenient = (
        client.get("/fhir/Patient?nonsense=1", headers={"prefer": f"handling={h}"}) for h in ("strict", "lenient")
    )
    assert (strict.status_code, lenient.status_code) == (400, 200)


def test_every_answer_is_safe_in_a_browser(client: httpx.Client, patient: str) -> None:
    for answer in (client.get(patient), client.get("/fhir/Nothing"), client.get("/fhir/metadata")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert answer.headers["x-request-id"]


def test_request_id_comes_back(client: httpx.Client, patient: str) -> None:
    assert client.get(patient, headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get(patient, headers={"x-request-id": "a b"}).headers["x-request-id"] != "a b"
