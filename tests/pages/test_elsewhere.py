"""Paths outside the FHIR API and the pages."""

import httpx
import pytest
from lxml import html

from fhir_server.validation.structure import check

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/Patient/1", "/nothing", "/fhirs", "/static/nothing", "/docs/nothing"])
def test_a_program_is_told_where_the_api_is(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/fhir+json; charset=utf-8")
    outcome = answer.json()
    assert check(outcome) == ()
    assert outcome["issue"][0]["code"] == "not-found"
    base = f"{str(client.base_url).rstrip('/')}/fhir"
    assert outcome["issue"][0]["details"]["text"] == f"There is nothing at {path}; the FHIR API is at {base}"


def test_another_method_is_refused_in_the_same_way(client: httpx.Client) -> None:
    answer = client.post("/", json={"resourceType": "Bundle", "type": "batch"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["issue"][0]["code"] == "not-supported"


def test_a_person_is_led_back(client: httpx.Client) -> None:
    answer = client.get("/<script>", headers=BROWSER)
    page = html.fromstring(answer.text)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert page.findtext(".//header/p") == "There is nothing at /<script>."
    assert page.find(".//script") is None
    links = [str(a.get("href")) for a in page.iterfind(".//a")]
    assert {link: client.get(link).status_code for link in links} == {"/": 200, "/docs": 200}
