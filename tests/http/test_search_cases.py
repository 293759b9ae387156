"""The cases of tests/cases/search, asked over HTTP: the matches, how they come back, the status of what is refused.

http://hl7.org/fhir/R4/search.html
"""

import itertools
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yaml

from fhir_server.settings import Settings
from tests.http.site import site
from tests.search.cases import BASE, FOLDER, Case, cases
from tests.search.test_cases_on_stores import save
from tests.stores import opened

RELATIVE = "=ap"
"""Approximate dates hang on the day of the test."""


def _groups() -> list[list[Case]]:
    """The cases that share their resources."""
    return [list(group) for _, group in itertools.groupby(cases(), key=lambda case: case.resources)]


def _found(answer: httpx.Response) -> list[str]:
    return sorted(
        "/".join(urlsplit(e["fullUrl"]).path.split("/")[-2:])
        for e in answer.json().get("entry", ())
        if e["search"]["mode"] == "match"
    )


@pytest.mark.parametrize("group", _groups(), ids=lambda group: group[0].id)
async def test_examples_of_the_specification(group: list[Case], folder: Path) -> None:
    store = await opened(folder)
    await save(store, group[0])
    await store.close()
    wrong: dict[str, Any] = {}
    with site(folder, Settings(base_url=BASE)) as client:
        for case in group:
            answer = client.get(f"/fhir/{case.type}?{_encoded(case.query)}")
            right: Any = case.expect
            if not isinstance(right, int):
                right = sorted(f"{key.type}/{key.id}" for key in case.matches)
            found: Any = _found(answer) if answer.status_code == 200 else answer.status_code
            if found != right and RELATIVE not in case.query:
                wrong[case.query] = found
    assert wrong == {}


def _encoded(query: str) -> str:
    """As a client sends it: what is percent-encoded or means a space stays as it is."""
    return quote(query, safe="%&=+:/?,.$-_~()'!*;@")


# ---- how they come back


def _results() -> list[Any]:
    folder = FOLDER / "results"
    return [
        pytest.param(group, id=f"{path.stem} {number}")
        for path in sorted(folder.glob("*.yaml"))
        for number, group in enumerate(yaml.safe_load(path.read_text()))
    ]


@pytest.mark.parametrize("group", _results())
def test_results(group: dict[str, Any], folder: Path) -> None:
    with site(folder) as client:
        for name, body in group["resources"].items():
            type_, _, id_ = name.partition("/")
            answer = client.put(f"/fhir/{name}", json={"resourceType": type_, "id": id_, **(body or {})})
            assert answer.status_code == 201, answer.text
        wrong = {
            url: found for url, right in group["requests"].items() if (found := _seen(client, url, right)) != right
        }
        assert wrong == {}


def _seen(client: httpx.Client, url: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What came back, as far as the case speaks of it. Matches keep their order where the URL sorts them."""
    path, _, query = url.partition("?")
    headers = {"Prefer": asked["prefer"]} if "prefer" in asked else {}
    answer = client.get(f"/fhir/{path}?{_encoded(query)}", headers=headers)
    page = answer.json()
    entries = page.get("entry", [])
    modes: dict[str, list[str]] = {"match": [], "include": [], "outcome": []}
    for entry in entries:
        mode = entry["search"]["mode"]
        modes[mode].append("outcome" if mode == "outcome" else _name(entry["resource"], path))
    if "_sort" not in query:
        modes = {mode: sorted(names) for mode, names in modes.items()}
    elements = {
        _name(e["resource"], path): sorted(set(e["resource"]) - {"resourceType", "id", "meta"}) for e in entries
    }
    seen: dict[str, Any] = {
        "status": answer.status_code,
        "prefer": asked.get("prefer"),
        "total": page.get("total"),
        "links": sorted({link["relation"] for link in page.get("link", ())} - {"last"}),
        "self": next(
            (urlsplit(link["url"]).query for link in page.get("link", ()) if link["relation"] == "self"), None
        ),
        "elements": elements,
        **modes,
    }
    asked = asked if answer.status_code == 200 else asked | {"status": 200}
    return {name: seen[name] for name in asked}


def _name(resource: dict[str, Any], path: str) -> str:
    name = f"{resource['resourceType']}/{resource.get('id')}"
    return str(resource.get("id")) if resource["resourceType"] == path else name
