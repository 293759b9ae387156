"""$closure: a client's table of what lies below what, as it grows.

http://hl7.org/fhir/R4/conceptmap-operation-closure.html
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.interactions.client import Client
from tests.operations.zoo import SYSTEM, stocked


@pytest.fixture
async def zoo(client: Client) -> Client:
    return await stocked(client)


def asked(name: str, *codes: str, version: str = "", system: str = SYSTEM) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [{"name": "name", "valueString": name}]
    parameters += [{"name": "concept", "valueCoding": {"system": system, "code": code}} for code in codes]
    if version:
        parameters.append({"name": "version", "valueString": version})
    return {"resourceType": "Parameters", "parameter": parameters}


def told(answer: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(below, above)."""
    assert answer["resourceType"] == "ConceptMap"
    found = set()
    for group in answer.get("group", ()):
        assert (group["source"], group["target"]) == (SYSTEM, SYSTEM)
        for element in group["element"]:
            for target in element["target"]:
                assert target["equivalence"] == "subsumes"
                found.add((element["code"], target["code"]))
    return found


async def test_a_table_tells_what_is_new(zoo: Client) -> None:
    begun = await zoo.post("$closure", asked("mine"))
    assert (begun["version"], told(begun)) == ("0", set())
    first = await zoo.post("$closure", asked("mine", "mammal", "bird"))
    assert (first["version"], told(first)) == ("1", set())
    second = await zoo.post("$closure", asked("mine", "cat", "animal", "bird"))
    assert (second["version"], told(second)) == (
        "2", {("cat", "mammal"), ("mammal", "animal"), ("bird", "animal"), ("cat", "animal")},
    )  # fmt: skip
    third = await zoo.post("$closure", asked("mine", "bat"))
    assert told(third) == {("bat", "mammal"), ("bat", "animal")}
    assert told(await zoo.post("$closure", asked("mine", version="2"))) == told(third)
    assert told(await zoo.post("$closure", asked("mine", version="0"))) == told(second) | told(third)
    assert told(await zoo.post("$closure", asked("mine", "flier"))) == {("bat", "flier")}
    again = await zoo.post("$closure", asked("mine"))
    assert (again["version"], told(await zoo.post("$closure", asked("mine", version="0")))) == ("0", set())


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (asked("other", "cat"), 404, "no closure table other: begin it with its name alone"),
        (asked("other", version="1"), 404, "no closure table other"),
        (asked("mine", "unicorn"), 404, "has no code 'unicorn'"),
        (asked("mine", "x", system="http://acme.org/none"), 404, "is not known here"),
        (asked("mine", version="7"), 400, "is at version 0, not yet at 7"),
        (asked("mine", "cat", version="0"), 422, "without concepts"),
        ({"resourceType": "Parameters"}, 400, "name is needed"),
    ],
)
async def test_what_cannot_be_told(zoo: Client, body: Any, status: int, text: str) -> None:
    await zoo.post("$closure", asked("mine"))
    error = await zoo.fails("POST", "$closure", body)
    assert (error.status, text in str(error)) == (status, True)


async def test_reading_does_not_change_a_table(zoo: Client) -> None:
    await zoo.post("$closure", asked("mine"))
    await zoo.post("$closure", asked("mine", "cat", "mammal"))
    assert (await zoo.fails("GET", "$closure?name=mine")).status == 422
    assert told(await zoo.get("$closure?name=mine&version=0")) == {("cat", "mammal")}
