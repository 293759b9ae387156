"""$find-matches: codes by their properties.

http://hl7.org/fhir/R4/codesystem-operation-find-matches.html
"""

from typing import Any

import pytest

from fhir_server.operations.terminology import find_matches as module
from tests.interactions.client import Client
from tests.operations.zoo import SYSTEM, stocked


@pytest.fixture
async def zoo(client: Client) -> Client:
    return await stocked(client)


def asked(*properties: tuple[str, Any], system: str = SYSTEM, exact: bool | None = False) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [{"name": "system", "valueUri": system}] if system else []
    if exact is not None:
        parameters.append({"name": "exact", "valueBoolean": exact})
    for code, value in properties:
        kind = {int: "valueInteger", bool: "valueBoolean", dict: "valueCoding", str: "valueString"}[type(value)]
        parts = [{"name": "code", "valueCode": code}, {"name": "value", kind: value}]
        parameters.append({"name": "property", "part": parts})
    return {"resourceType": "Parameters", "parameter": parameters}


def told(answer: Any) -> list[tuple[str, str | None]]:
    """(code, property that it lacks)."""
    found = []
    for match in answer.get("parameter", ()):
        parts = {part["name"]: part for part in match["part"]}
        lacks = parts["unmatched"]["part"][0]["valueCode"] if "unmatched" in parts else None
        assert parts["code"]["valueCoding"]["system"] == SYSTEM
        found.append((parts["code"]["valueCoding"]["code"], lacks))
    return found


async def test_all_properties_are_matched(zoo: Client) -> None:
    path = "CodeSystem/$find-matches"
    assert told(await zoo.post(path, asked(("legs", 4)))) == [("cat", None), ("dog", None)]
    assert told(await zoo.post(path, asked(("legs", 4), ("display", "Dog"), exact=True))) == [("dog", None)]
    assert told(await zoo.post(path, asked(("inactive", True)))) == [("dodo", None)]
    assert told(await zoo.post(path, asked(("parent", "bird")))) == [("dodo", None)]
    assert told(await zoo.post("CodeSystem/animals/$find-matches", asked(("legs", 2), system=""))) == [("bird", None)]
    assert told(await zoo.post(path, asked(("legs", 9)))) == []


async def test_where_nothing_matches_all_it_is_told_what_is_lacking(zoo: Client) -> None:
    answer = await zoo.post("CodeSystem/$find-matches", asked(("legs", 4), ("status", {"code": "retired"})))
    assert told(answer) == [("dodo", "legs"), ("cat", "status"), ("dog", "status")]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (asked(), 400, "property is needed"),
        (asked(("legs", 4), exact=None), 400, "exact is needed"),
        (asked(("legs", 4), system=""), 400, "system is needed"),
        (asked(("legs", 4), system="http://acme.org/none"), 404, "is not known here"),
        (asked(("legs", 2), ("legs", 4), *[("legs", n) for n in range(20)]), 422, "20 properties at most"),
    ],
)
async def test_what_cannot_be_asked(zoo: Client, body: Any, status: int, text: str) -> None:
    error = await zoo.fails("POST", "CodeSystem/$find-matches", body)
    assert (error.status, text in str(error)) == (status, True)


async def test_too_many_are_never_some(zoo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    error = await zoo.fails("POST", "CodeSystem/$find-matches", asked(("legs", 4)))
    assert (error.status, error.issues[0].code) == (422, "too-costly")
