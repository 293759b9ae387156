"""history at its three levels."""

import asyncio
from typing import Any

from fhir_server.context import Prefer
from tests.interactions.client import BASE, Client, observation, patient


async def filled(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    await client.post("Observation", observation("Patient/a"))
    await client.put("Patient/a", patient("a", active=False))
    await client.put("Patient/b", patient("b"))
    await client.delete("Patient/a")


def told(bundle: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(e["request"]["method"], e["request"]["url"], e["response"]["status"]) for e in bundle.get("entry", ())]


A = [
    ("DELETE", "Patient/a", "204 No Content"),
    ("PUT", "Patient/a", "200 OK"),
    ("PUT", "Patient/a", "201 Created"),
]
B = ("PUT", "Patient/b", "201 Created")
O = ("POST", "Observation", "201 Created")  # noqa: E741 - the first letter


async def test_history_of_instance_type_and_system(client: Client) -> None:
    await filled(client)
    instance = await client.get("Patient/a/_history")
    assert (told(instance), instance["type"], instance["total"]) == (A, "history", 3)
    assert [e["response"]["etag"] for e in instance["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [e["fullUrl"] for e in instance["entry"]] == [f"{BASE}/Patient/a"] * 3
    assert [e.get("resource", {}).get("active") for e in instance["entry"]] == [None, False, True]
    assert told(await client.get("Patient/_history")) == [A[0], B, *A[1:]]
    assert told(await client.get("_history")) == [A[0], B, A[1], O, A[2]]
    assert told(await client.get("Condition/_history")) == []
    assert (await client.fails("GET", "Patient/never/_history")).status == 404


async def test_history_by_pages_tells_everything_once(client: Client) -> None:
    await filled(client)
    seen: list[tuple[str, str, str]] = []
    url: str | None = "_history?_count=2"
    pages = 0
    while url is not None:
        page = await client.get(url)
        seen += told(page)
        pages += 1
        await client.post("Patient", patient())
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert (pages, seen) == (3, [A[0], B, A[1], O, A[2]])


async def test_history_shows_a_return_to_life_as_a_creation_on_every_page(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.delete("Patient/a")
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/a", patient("a", active=True))
    statuses = ["200 OK", "201 Created", "204 No Content", "201 Created"]
    assert [status for _, _, status in told(await client.get("Patient/a/_history"))] == statuses
    url, seen = "Patient/a/_history?_count=1", []
    while url:
        page = await client.get(url)
        seen += [status for _, _, status in told(page)]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert seen == statuses


async def test_history_refuses_elements_that_are_none(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True, gender="male"))
    for url in (
        "Patient/a/_history?_elements=foo",
        "Patient/_history?_elements=active,name.family",
        "_history?_elements=foo",
    ):
        error = await client.fails("GET", url)
        assert (error.status, error.issues[0].expression) == (400, ("http._elements",))
        whole = (await client.get(url, prefer=Prefer(handling="lenient")))["entry"][0]["resource"]
        assert whole.keys() == {"resourceType", "id", "meta", "active", "gender"}
    part = (await client.get("_history?_elements=active"))["entry"][0]["resource"]
    assert part.keys() == {"resourceType", "id", "meta", "active"}


async def test_history_page_of_another_history_is_refused(client: Client) -> None:
    await filled(client)
    page = await client.get("Patient/_history?_count=1")
    url = page["link"][-1]["url"]
    assert page["link"][-1]["relation"] == "next"
    assert (await client.fails("GET", url.replace("Patient/", "Observation/"))).status == 400


async def test_since_and_at(client: Client) -> None:
    first = await client.put("Patient/a", patient("a"))
    await asyncio.sleep(0.005)
    second = await client.put("Patient/a", patient("a", active=True))
    start, middle = first["meta"]["lastUpdated"], second["meta"]["lastUpdated"]
    assert len(told(await client.get(f"Patient/a/_history?_since={start}"))) == 2
    assert len(told(await client.get(f"Patient/a/_history?_since={middle}"))) == 1
    assert told(await client.get("Patient/a/_history?_since=2100-01-01")) == []
    assert [e["response"]["etag"] for e in (await client.get(f"Patient/a/_history?_at={start}"))["entry"]] == ['W/"1"']
    assert len(told(await client.get(f"Patient/a/_history?_at={start[:4]}"))) == 2
    assert told(await client.get("Patient/a/_history?_at=2001")) == []


async def test_count_and_summary(client: Client) -> None:
    await filled(client)
    assert (await client.get("_history?_count=0")).keys() >= {"total"}
    counted = await client.get("_history?_summary=count")
    assert (counted["total"], told(counted)) == (5, [])
    page = await client.get("_history?_summary=true")
    assert page["entry"][1]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_wrong_parameters_are_refused(client: Client) -> None:
    for query in (
        "_since=x",
        "_at=2020-13",
        "_count=-1",
        "_count=x",
        "_count=1&_count=2",
        "name=x",
        "_summary=x",
        "_page=x",
    ):
        error = await client.fails("GET", f"Patient/_history?{query}")
        name = query.partition("=")[0]
        assert (error.status, error.issues[0].expression) == (400, (f"http.{name}",))
