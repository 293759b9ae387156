"""Links of pages over HTTP: every one of them can be followed, whatever was asked for.

http://hl7.org/fhir/R4/http.html#paging and http://hl7.org/fhir/R4/search.html#conformance
"""

from typing import Any

import httpx
import pytest


def _links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def _listed(bundle: dict[str, Any]) -> list[str]:
    return [entry["fullUrl"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


@pytest.mark.parametrize("more", ["", "&_format=json", "&_pretty=true", "&name=", "&_id=,", "&foo=bar", "&_summary="])
def test_every_link_of_a_later_page_leads_somewhere(client: httpx.Client, more: str) -> None:
    for _ in range(5):
        client.post("/fhir/Patient", json={"resourceType": "Patient"})
    first = client.get(f"/fhir/Patient?_count=2{more}", headers={"prefer": "handling=lenient"}).json()
    second = client.get(_links(first)["next"]).json()

    assert _listed(client.get(_links(second)["self"]).json()) == _listed(second)
    assert _listed(client.get(_links(second)["previous"]).json()) == _listed(first)
    assert _listed(client.get(_links(second)["first"]).json()) == _listed(first)
    assert _listed(client.get(_links(first)["self"]).json()) == _listed(first)


def test_a_page_may_be_read_in_another_format(client: httpx.Client) -> None:
    for _ in range(3):
        client.post("/fhir/Patient", json={"resourceType": "Patient"})
    next_ = _links(client.get("/fhir/Patient?_count=2").json())["next"]

    assert _listed(client.get(f"{next_}&_pretty=true").json()) == _listed(client.get(next_).json())
    assert client.get(f"{next_}&_format=xml").headers["content-type"].startswith("application/fhir+xml")
    assert client.get(f"{next_}&_total=accurate").status_code == 400


def test_the_links_keep_the_format(client: httpx.Client) -> None:
    page = client.get("/fhir/Patient?_format=json&_count=0", headers={"accept": "application/fhir+xml"}).json()

    assert _links(page)["self"].endswith("/fhir/Patient?_count=0&_format=json")


@pytest.mark.parametrize("target", ["Patient?_count=0&_format=", "_history?_count=0&_since=&_at=&_summary="])
def test_an_empty_parameter_asks_for_nothing(client: httpx.Client, target: str) -> None:
    answer = client.get(f"/fhir/{target}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+json; charset=utf-8")
