"""$lookup, $validate-code, $subsumes, $translate.

http://hl7.org/fhir/R4/terminology-service.html
"""

from typing import Any

import pytest

from tests.interactions.client import Client
from tests.operations.zoo import ANIMALS, SYSTEM, VS, stocked


@pytest.fixture
async def zoo(client: Client) -> Client:
    return await stocked(client)


def told(answer: Any) -> dict[str, Any]:
    """The parameters with one value each."""
    return {p["name"]: next((v for n, v in p.items() if n.startswith("value")), None) for p in answer["parameter"]}


def properties(answer: Any) -> list[tuple[str, Any]]:
    found = []
    for parameter in answer["parameter"]:
        if parameter["name"] == "property":
            parts = told({"parameter": parameter["part"]})
            found.append((parts["code"], parts["value"]))
    return found


async def test_lookup_says_what_the_code_system_says(zoo: Client) -> None:
    answer = await zoo.get(f"CodeSystem/$lookup?system={SYSTEM}&code=mammal")
    assert {k: told(answer)[k] for k in ("name", "version", "display")} == {"name": "Animals", "version": "1", "display": "Mammal"}  # fmt: skip
    assert properties(answer) == [
        ("definition", "It suckles"),
        ("inactive", False),
        ("parent", "animal"),
        ("child", "cat"),
        ("child", "dog"),
        ("child", "bat"),
    ]
    only = await zoo.get(f"CodeSystem/$lookup?system={SYSTEM}&code=cat&property=legs&displayLanguage=de")
    assert (told(only)["display"], properties(only)) == ("Katze", [("legs", 4)])
    own = await zoo.get("CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male")
    assert told(own)["display"] == "Male"


@pytest.mark.parametrize(
    ("query", "status"),
    [(f"system={SYSTEM}&code=unicorn", 404), ("system=http://acme.org/none&code=x", 404), ("code=cat", 400)],
)
async def test_lookup_of_what_is_not_there(zoo: Client, query: str, status: int) -> None:
    assert (await zoo.fails("GET", f"CodeSystem/$lookup?{query}")).status == status


@pytest.mark.parametrize(
    ("path", "result", "text"),
    [
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat", True, ""),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=CAT", False, "has no code 'CAT'"),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat&display=grey%20CAT", True, ""),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat&display=Katze", True, ""),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat&display=Dog", False, "'Dog' is no display of"),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=animal", True, ""),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=animal&abstract=false", False, "is abstract"),
        ("CodeSystem/animals/$validate-code?code=cat", True, ""),
        ("CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mg/dL", True, ""),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=cat", True, ""),
        (f"ValueSet/$validate-code?url={VS}pets&code=cat", True, ""),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=bat", False, "is not in the value set"),
        (f"ValueSet/$validate-code?url={VS}pets&system=http://acme.org/none&code=cat", False, "is not in"),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=dog&display=Good%20boy", True, ""),
        (f"ValueSet/$validate-code?url={VS}pets&system={SYSTEM}&code=dog&display=Bad", False, "'Bad' is no display"),
        (f"ValueSet/$validate-code?url={VS}elsewhere&system=http://acme.org/none&code=x", True, ""),
        (f"ValueSet/$validate-code?url={VS}unknown&system=http://acme.org/none&code=x", False, "is not known here"),
        (f"ValueSet/$validate-code?url={VS}units&system=http://unitsofmeasure.org&code=mg", True, ""),
        (f"ValueSet/wild/$validate-code?system={SYSTEM}&code=bat", True, ""),
        (f"ValueSet/$validate-code?url={VS}tongues&system=urn:ietf:bcp:47&code=de-CH", True, ""),
        (f"ValueSet/$validate-code?url={VS}tongues&system=urn:ietf:bcp:47&code=d_e", False, "is not in"),
    ],
)  # fmt: skip
async def test_validate_code(zoo: Client, path: str, result: bool, text: str) -> None:
    answer = told(await zoo.get(path))
    assert answer["result"] is result
    assert text in answer.get("message", "")


async def test_one_coding_of_a_concept_is_enough(zoo: Client) -> None:
    concept = {"coding": [{"system": SYSTEM, "code": "bat"}, {"system": SYSTEM, "code": "cat"}]}
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": f"{VS}pets"},
            {"name": "codeableConcept", "valueCodeableConcept": concept},
        ],
    }
    assert told(await zoo.post("ValueSet/$validate-code", body)) == {"result": True, "display": "Grey cat"}


async def test_a_code_system_may_come_along(client: Client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "codeSystem", "resource": ANIMALS},
            {"name": "coding", "valueCoding": {"system": SYSTEM, "code": "cat"}},
        ],
    }
    assert told(await client.post("CodeSystem/$validate-code", body))["result"] is True


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("mammal", "bat", "subsumes"),
        ("bat", "flier", "subsumed-by"),
        ("animal", "bat", "subsumes"),
        ("cat", "cat", "equivalent"),
        ("cat", "dog", "not-subsumed"),
        ("bird", "bat", "not-subsumed"),
    ],
)
async def test_subsumes(zoo: Client, one: str, other: str, outcome: str) -> None:
    expected = {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": outcome}]}
    assert await zoo.get(f"CodeSystem/$subsumes?system={SYSTEM}&codeA={one}&codeB={other}") == expected
    assert await zoo.get(f"CodeSystem/animals/$subsumes?codeA={one}&codeB={other}") == expected


async def test_subsumes_of_unknown_codes(zoo: Client) -> None:
    assert (await zoo.fails("GET", f"CodeSystem/$subsumes?system={SYSTEM}&codeA=cat&codeB=x")).status == 404
    assert (await zoo.fails("GET", "CodeSystem/$subsumes?codeA=cat&codeB=x")).status == 400


def matches(answer: Any) -> list[tuple[str, str | None]]:
    found = []
    for parameter in answer["parameter"]:
        if parameter["name"] == "match":
            parts = told({"parameter": parameter["part"]})
            found.append((parts["equivalence"], (parts.get("concept") or {}).get("code")))
    return found


@pytest.mark.parametrize(
    ("query", "result", "found"),
    [
        (f"system={SYSTEM}&code=cat", True, [("wider", "felis")]),
        (f"url=http://acme.org/map/latin&system={SYSTEM}&code=cat", True, [("wider", "felis")]),
        (f"system={SYSTEM}&code=cat&targetsystem=http://acme.org/other", False, []),
        (f"system={SYSTEM}&code=dodo", False, [("unmatched", None)]),
        (f"system={SYSTEM}&code=bat", True, [("inexact", "bestia")]),
        ("system=http://acme.org/latin&code=felis&reverse=true", True, [("narrower", "cat")]),
        ("system=http://acme.org/none&code=cat", False, []),
    ],
)
async def test_translate(zoo: Client, query: str, result: bool, found: list[tuple[str, str | None]]) -> None:
    answer = await zoo.get(f"ConceptMap/$translate?{query}")
    assert (told(answer)["result"], matches(answer)) == (result, found)


async def test_a_batch_may_ask(zoo: Client) -> None:
    entries = [
        {"request": {"method": "GET", "url": f"ValueSet/$expand?url={VS}pets"}},
        {"request": {"method": "GET", "url": f"CodeSystem/$lookup?system={SYSTEM}&code=cat"}},
        {"request": {"method": "GET", "url": "ValueSet/$expand?url=http://acme.org/none"}},
    ]
    answer = await zoo.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["200", "200", "404"]
    assert answer["entry"][0]["resource"]["expansion"]["total"] == 2
