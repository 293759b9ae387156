"""Searches on the whole Synthea set, each with the exact number of matches that an independent count found.

http://hl7.org/fhir/R4/search.html
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.conformance.synthea import Loaded
from tests.conformance_data import require
from tests.http.wire import Wire

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("everyone")]

RECORDS = {"g26"}
"""Calls of $everything: counted by type."""


def golden() -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(require("synthea", "golden-queries.json").read_text())
    return listed


QUERIES = [f"g{number:02}" for number in range(1, 27)]


@pytest.fixture(scope="module")
def queries() -> dict[str, dict[str, Any]]:
    return {query["id"]: query for query in golden()["queries"]}


def test_all_queries_are_listed(queries: dict[str, dict[str, Any]]) -> None:
    assert list(queries) == QUERIES


def test_types_are_counted_as_loaded(everyone: tuple[Wire, Loaded]) -> None:
    wire, _ = everyone
    totals = {name: _count(wire, f"/fhir/{name}?") for name in golden()["resource_totals"]}
    assert totals == golden()["resource_totals"]


@pytest.mark.parametrize("number", [each for each in QUERIES if each not in RECORDS])
def test_query_finds_exactly(number: str, queries: dict[str, dict[str, Any]], everyone: tuple[Wire, Loaded]) -> None:
    wire, _ = everyone
    query = queries[number]
    parameters = query.get("query", "") + (f"&_sort={query['sort']}" if "sort" in query else "")
    path, expected = f"/fhir/{query['path']}", query["expected"]
    if "id_of" in query:
        (subject,) = _matches(_get(wire, f"/fhir/{encoded(query['id_of'])}"))
        path = path.replace("{id}", subject["id"])
    for check in query["checks"]:
        match check:
            case "_summary=count":
                assert _count(wire, f"{path}?{encoded(parameters)}&") == expected
            case "_total=accurate":
                assert _get(wire, f"{path}?{encoded(parameters)}&_total=accurate&_count=1")["total"] == expected
            case "GET paging unique ids":
                ids = _ids(_pages(wire, path, parameters))
                assert (len(ids), len(set(ids))) == (expected, expected)
            case "POST _search paging, same order as GET" | "GET and POST paging identical":
                assert _ids(_pages(wire, path, parameters)) == _ids(_posted(wire, path, parameters))
            case "sorted by _id":
                ids = _ids(_pages(wire, path, parameters))
                assert (ids == sorted(ids), len(ids)) == (True, expected)
            case "sorted by _lastUpdated" | "sorted by -_lastUpdated":
                moments = [r["meta"]["lastUpdated"] for page in _pages(wire, path, parameters) for r in _matches(page)]
                assert moments == sorted(moments, reverse="-" in check)
                assert len(moments) == expected
            case "Prefer: respond-async, _summary=count":
                assert _count_async(wire, f"{path}?{encoded(parameters)}&_summary=count") == expected
            case _:
                pytest.fail(f"no such check: {check}")


@pytest.mark.parametrize("number", RECORDS)
@pytest.mark.parametrize("count", ["", "&_count=100"])
def test_record_holds_exactly(
    number: str, count: str, queries: dict[str, dict[str, Any]], everyone: tuple[Wire, Loaded]
) -> None:
    """R4 lets a server add more of what is referenced: the types that are listed are compared."""
    wire, _ = everyone
    query = queries[number]
    (subject,) = _matches(_get(wire, f"/fhir/{encoded(query['id_of'])}"))
    first = _get(wire, f"/fhir/{query['path'].replace('{id}', subject['id'])}?{count}")
    found = {entry["fullUrl"]: entry["resource"] for page in _following(wire, first) for entry in page["entry"]}
    types = Counter(resource["resourceType"] for resource in found.values())
    assert {type_: types[type_] for type_ in query["expected_by_type"]} == query["expected_by_type"]


def encoded(query: str) -> str:
    """The query as a client sends it: what is not allowed in a URL is percent-encoded."""
    return query.replace("|", "%7C").replace(" ", "%20")


def _get(wire: Wire, target: str) -> dict[str, Any]:
    answer = wire.request("GET", target)
    assert answer.status == 200, answer.body[:1000]
    bundle: dict[str, Any] = answer.json()
    return bundle


def _count(wire: Wire, target: str) -> int:
    total: int = _get(wire, f"{target}_summary=count")["total"]
    return total


def _pages(wire: Wire, path: str, query: str) -> Iterator[dict[str, Any]]:
    yield from _following(wire, _get(wire, f"{path}?{encoded(query)}&_count=1000"))


def _posted(wire: Wire, path: str, query: str) -> Iterator[dict[str, Any]]:
    form = urlencode(parse_qsl(f"{query}&_count=1000")).encode()
    answer = wire.request("POST", f"{path}/_search", form, Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 200, answer.body[:1000]
    yield from _following(wire, answer.json())


def _following(wire: Wire, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        yield page
        link = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        if link is None:
            return
        parts = urlsplit(link)
        page = _get(wire, f"{parts.path}?{parts.query}")


def _matches(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [e["resource"] for e in page.get("entry", []) if e.get("search", {}).get("mode", "match") == "match"]


def _ids(pages: Iterator[dict[str, Any]]) -> list[str]:
    return [resource["id"] for page in pages for resource in _matches(page)]


def _count_async(wire: Wire, target: str) -> int:
    """202 with where to ask, asked until the answer is there.

    http://hl7.org/fhir/R4/async.html
    """
    kicked_off = wire.request("GET", target, Prefer="respond-async")
    assert kicked_off.status == 202, kicked_off.body[:1000]
    status = urlsplit(kicked_off.headers["content-location"]).path
    for _ in range(300):
        answer = wire.request("GET", status)
        if answer.status != 202:
            break
        time.sleep(0.1)
    assert answer.status == 200, answer.body[:1000]
    found = answer.json()
    if found["type"] == "batch-response":
        found = found["entry"][0]["resource"]
    total: int = found["total"]
    return total
