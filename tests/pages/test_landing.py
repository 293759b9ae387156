"""The landing page."""

import re

import httpx
from lxml import html


def found(page: html.HtmlElement, path: str) -> list[str]:
    return [str(link) for link in page.xpath(path)]


def test_it_says_what_this_is_and_links_on(client: httpx.Client) -> None:
    client.post("/fhir/Patient", json={"resourceType": "Patient", "name": [{"family": "<script>"}]})
    answer = client.get("/")
    page = html.fromstring(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert page.get("lang") == "en"
    assert page.findtext(".//h1") == "FHIR R4 server"
    assert not page.xpath("//script | //*[@style] | //*[@onclick]")
    links = [link for link in found(page, "//a/@href") if not link.startswith("http://hl7.org/")]
    assert f"{str(client.base_url).rstrip('/')}/fhir/metadata" in links
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_nothing_comes_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/", "/docs"):
        page = html.fromstring(client.get(path).text)
        loaded = found(page, "//script/@src | //link/@href | //img/@src")
        assert loaded
        assert all(client.get(link).status_code == 200 for link in loaded)
        assert all(re.match(r"/[a-z]", link) for link in loaded)


def test_policies_keep_pages_in(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/openapi.json", "/health/live", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_only_own_files_are_served(client: httpx.Client) -> None:
    for path in (
        "/static/landing.html",
        "/static/..%2f__init__.py",
        "/static/nothing",
        "/docs/nothing",
        "/docs/..%2fcore.py",
    ):
        assert client.get(path).status_code == 404
