"""$lastn: the newest observations of each kind.

http://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from typing import Any

import pytest

from tests.interactions.client import BASE, Client, observation, patient

VITAL = {"category": [{"coding": [{"code": "vital-signs"}]}]}


def of(id_: str, codes: str, date: str = "", **more: Any) -> dict[str, Any]:
    """An observation with codings of system s, or the text in quotes."""
    coded = {"coding": [{"system": "s", "code": each} for each in codes.split()]}
    code: dict[str, Any] = {"text": codes.strip("'")} if codes.startswith("'") else coded
    dated = {"effectiveDateTime": date} if date else {}
    return {**observation("Patient/eve"), "id": id_, "code": code, **VITAL, **dated, **more}


async def store(client: Client, *resources: dict[str, Any]) -> None:
    await client.put("Patient/eve", patient("eve"))
    for resource in resources:
        await client.put(f"Observation/{resource['id']}", resource)


async def newest(client: Client, more: str = "") -> list[str]:
    page = await client.get(f"Observation/$lastn?patient=eve&category=vital-signs{more}")
    assert page["total"] == len(page.get("entry", []))
    return [entry["resource"]["id"] for entry in page.get("entry", [])]


async def test_newest_of_each_code(client: Client) -> None:
    await store(
        client, of("t1", "t", "2020-01-01"), of("t3", "t", "2020-01-03"), of("t2", "t", "2020-01-02"), of("t0", "t")
    )
    await store(client, of("p2", "p", "2020-01-02T10:00:00Z"), of("p1", "p", "2019"))
    assert await newest(client) == ["t3", "p2"]
    assert await newest(client, "&max=2") == ["t3", "p2", "t2", "p1"]
    assert set(await newest(client, "&max=9")) == {"t3", "t2", "t1", "t0", "p2", "p1"}
    assert (await newest(client, "&max=9"))[-1] == "t0"


@pytest.mark.parametrize(
    ("codes", "kinds"),
    [
        (("a", "b", "c"), 3),
        (("a", "b", "a c"), 2),
        (("a", "b", "a b"), 1),
        (("a b", "c d", "b c"), 1),
        (("'textM'", "'Text'", "'t e x t'"), 3),
        (("'a'", "a", "'a'"), 2),
    ],
)
async def test_kinds_are_joined_by_translations(client: Client, codes: tuple[str, ...], kinds: int) -> None:
    await store(client, *(of(f"o{n}", code, f"2020-01-0{n + 1}") for n, code in enumerate(codes)))
    found = await newest(client)
    assert len(found) == kinds
    assert found[0] == "o2"


async def test_same_time_as_the_last_comes_too(client: Client) -> None:
    await store(client, *(of(f"o{n}", "t", "2020-01-01") for n in range(3)), of("new", "t", "2020-01-02"))
    assert await newest(client) == ["new"]
    assert set(await newest(client, "&max=2")) == {"new", "o0", "o1", "o2"}


async def test_other_search_parameters_filter(client: Client) -> None:
    await store(client, of("a", "t", "2020-01-01"), of("b", "t", "2020-01-02", status="entered-in-error"))
    assert await newest(client) == ["b"]
    assert await newest(client, "&status=final") == ["a"]
    assert await newest(client, "&code=nothing") == []
    page = await client.get("Observation/$lastn?subject=Patient/eve&code=t&_include=Observation:subject&_elements=code")
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in page["entry"]] == [("b", "match"), ("eve", "include")]
    assert "category" not in page["entry"][0]["resource"]
    assert page["link"] == [
        {
            "relation": "self",
            "url": f"{BASE}/Observation/$lastn?subject=Patient/eve&code=t&_include=Observation:subject&_elements=code",
        }
    ]


async def test_posted_parameters_ask_the_same(client: Client) -> None:
    await store(client, of("a", "t", "2020-01-01"))
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueString": "eve"},
            {"name": "category", "valueCode": "vital-signs"},
            {"name": "max", "valuePositiveInt": 3},
        ],
    }
    posted = await client.post("Observation/$lastn", body)
    got = await client.get("Observation/$lastn?patient=eve&category=vital-signs&max=3")
    assert (posted["entry"], posted["link"]) == (got["entry"], got["link"])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "patient=eve",
        "category=vital-signs",
        "patient=eve&category=x&max=0",
        "patient=eve&category=x&max=1&max=2",
        "patient=eve&category=x&_sort=date",
        "patient=eve&category=x&_count=3",
        "patient=eve&category=x&nonsense=1",
    ],
)
async def test_wrong_calls_are_400(client: Client, query: str) -> None:
    assert (await client.fails("GET", f"Observation/$lastn?{query}")).status == 400
