"""Where code systems and value sets come from.

http://hl7.org/fhir/R4/references.html#canonical
"""

from typing import Any

import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.query import UNRESTRICTED
from fhir_server.terminology.expansion import Asked, expanded
from fhir_server.terminology.memory import table_of
from fhir_server.terminology.sources import Sources
from fhir_server.terminology.valuesets import understood
from tests.interactions.client import BASE, Client
from tests.interactions.conftest import client
from tests.operations.zoo import VS, value_set

__all__ = ["client"]

SCT = "http://snomed.info/sct"
GENDER = "http://hl7.org/fhir/administrative-gender"


def system(id_: str, url: str, *concepts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "CodeSystem", "id": id_, "url": url, "status": "active", "content": "complete", "concept": list(concepts), **more}  # fmt: skip


def below(code: str, parent: str) -> dict[str, Any]:
    return {"code": code, "property": [{"code": "parent", "valueCode": parent}]}


async def members(client: Client, url: str) -> list[str]:
    sources = Sources(client.server.store.reader(UNRESTRICTED), BASE)
    return [m.concept.code for m in (await expanded(sources, await understood(sources, url), Asked())).members]


async def test_implicit_value_sets_of_snomed_ct(client: Client) -> None:
    refset = {"code": "3", "property": [{"code": "refset", "valueCode": "77"}]}
    itself = {"code": "77", "property": [{"code": "referenceSet", "valueBoolean": True}]}
    await client.put("CodeSystem/old", system("old", SCT, {"code": "1"}, version=f"{SCT}/900/version/20200101"))
    new = system("new", SCT, {"code": "1"}, below("2", "1"), refset, itself, version=f"{SCT}/900/version/20240101")
    await client.put("CodeSystem/new", new)
    assert await members(client, f"{SCT}?fhir_vs") == ["1", "2", "3", "77"]
    assert await members(client, f"{SCT}?fhir_vs=isa/1") == ["1", "2"]
    assert await members(client, f"{SCT}?fhir_vs=refset/77") == ["3"]
    assert await members(client, f"{SCT}?fhir_vs=refset") == ["77"]
    assert await members(client, f"{SCT}/900/version/20200101?fhir_vs") == ["1"]
    with pytest.raises(BadRequest, match="is not known here"):
        await members(client, f"{SCT}/900/version/19990101?fhir_vs")
    with pytest.raises(BadRequest, match="are understood"):
        await members(client, f"{SCT}?fhir_vs=ecl/<1")


async def test_implicit_value_sets_of_loinc(client: Client) -> None:
    loinc = system("loinc", "http://loinc.org", {"code": "LL1-1"}, below("LA1-1", "LL1-1"), {"code": "LP1-1"}, below("1-1", "LP1-1"))  # fmt: skip
    await client.put("CodeSystem/loinc", loinc)
    assert await members(client, "http://loinc.org/vs") == ["LL1-1", "LA1-1", "LP1-1", "1-1"]
    assert await members(client, "http://loinc.org/vs/LL1-1") == ["LA1-1"]
    assert await members(client, "http://loinc.org/vs/LP1-1") == ["LP1-1", "1-1"]
    with pytest.raises(BadRequest, match="is not known here"):
        await members(client, "http://loinc.org/vs/LL9-9")


async def test_versions(client: Client) -> None:
    url = "http://acme.org/x"
    for n, version in enumerate(("1.2", "1.10", "2.0")):
        await client.put(f"CodeSystem/s{n}", system(f"s{n}", url, {"code": f"in-{version}"}, version=version))
        one = {**value_set(f"v{n}", include=[{"system": url, "version": version}]), "url": f"{VS}x", "version": version}
        await client.put(f"ValueSet/v{n}", one)
    assert await members(client, f"{VS}x") == ["in-2.0"]
    assert await members(client, f"{VS}x|1") == ["in-1.10"]
    assert await members(client, f"{VS}x|1.2") == ["in-1.2"]
    with pytest.raises(BadRequest, match="is not known here"):
        await members(client, f"{VS}x|3")


async def test_what_came_along_wins_over_what_is_stored_and_that_over_r4(client: Client) -> None:
    reader = client.server.store.reader(UNRESTRICTED)
    for given, version in (((), "4.0.1"), ((), "stored"), ((table_of(system("x", GENDER, {"code": "x"}, version="came")),), "came")):  # fmt: skip
        if version == "stored":
            await client.put("CodeSystem/g", system("g", GENDER, {"code": "x"}, version="stored"))
        found = await Sources(reader, BASE, given).required(GENDER)
        assert found.system.version == version
    assert (await Sources(reader).required(f"{GENDER}|4.0.1")).system.version == "4.0.1"


async def test_a_supplement_defines_no_concepts(client: Client) -> None:
    await client.put("CodeSystem/s", system("s", "http://acme.org/s", {"code": "x"}, content="supplement"))
    assert await Sources(client.server.store.reader(UNRESTRICTED)).system("http://acme.org/s") is None


async def test_a_long_list_is_read_once_and_again_when_it_changes(client: Client) -> None:
    concepts = [{"code": f"C{n:04}", "display": f"Number {n}"} for n in range(500)]
    await client.put("CodeSystem/s", {**system("s", "http://acme.org/s", *concepts), "caseSensitive": False})
    for codes in (["c0007", "C0003", *(f"C{n:04}" for n in range(100, 200))], [f"c{n:04}" for n in range(60)]):
        listing = [{"code": code, "display": f"Own name of {code}"} for code in codes]
        one = value_set("long", include=[{"system": "http://acme.org/s", "concept": listing}])
        await client.put("ValueSet/long", one)
        for _ in range(2):
            assert await members(client, f"{VS}long") == [code.upper() for code in codes]
            answer = await client.get("ValueSet/long/$expand?filter=own c0003")
            (found,) = answer["expansion"]["contains"]
            assert (found["code"], found["display"].lower()) == ("C0003", "own name of c0003")
            answer = await client.get("ValueSet/long/$expand?filter=number&count=2&offset=1")
            assert [c["code"] for c in answer["expansion"]["contains"]] == [code.upper() for code in codes[1:3]]
