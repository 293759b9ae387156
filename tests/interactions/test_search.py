"""search at type and system level, as far as it is the Bundle's business."""

from pathlib import Path
from typing import Any

from fhir_server.context import Prefer
from tests.interactions.client import BASE, Client, identified, observation, patient, server


def links(page: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in page["link"]}


async def test_searchset_holds_the_stored_resources(client: Client) -> None:
    made = await client.put("Patient/a", identified("1", id="a"))
    await client.put("Patient/b", identified("2", id="b"))
    page = await client.get("Patient?identifier=http://acme.org/mrn|1&_total=accurate")
    assert page.pop("timestamp")
    assert page == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [
            {"relation": "self", "url": f"{BASE}/Patient?identifier=http://acme.org/mrn|1&_total=accurate"},
        ],
        "entry": [{"fullUrl": f"{BASE}/Patient/a", "resource": made, "search": {"mode": "match"}}],
    }


async def test_search_without_matches_has_no_entry(client: Client) -> None:
    page = await client.get("Patient?name=nobody")
    assert "entry" not in page


async def test_post_search_says_the_same_as_get(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    got, posted = await client.get("Patient?identifier=1"), await client.request("POST", "Patient/_search?identifier=1")
    assert (got["entry"], got["link"]) == (posted["entry"], posted["link"])
    assert (await client.request("POST", "_search?_type=Patient"))["entry"] == got["entry"]


async def test_pages_follow_on_in_both_directions(client: Client) -> None:
    for number in range(7):
        await client.put(f"Patient/p{number}", patient(f"p{number}", active=True))
    first = await client.get("Patient?active=true&_count=3")
    assert links(first).keys() == {"self", "next", "last"}
    second = await client.get(links(first)["next"])
    assert links(second).keys() == {"self", "first", "previous", "next", "last"}
    third = await client.get(links(second)["next"])
    assert links(third).keys() == {"self", "first", "previous"}
    every = [e["resource"]["id"] for page in (first, second, third) for e in page["entry"]]
    assert every == [f"p{number}" for number in reversed(range(7))]
    assert (await client.get(links(third)["previous"]))["entry"] == second["entry"]
    assert (await client.get(links(second)["first"]))["entry"] == first["entry"]
    assert (await client.get(links(second)["self"]))["entry"] == second["entry"]


async def test_page_of_another_search_is_refused(client: Client) -> None:
    for number in range(3):
        await client.put(f"Patient/p{number}", patient(f"p{number}"))
    next_ = links(await client.get("Patient?_count=1"))["next"]
    for url in (next_.replace("_count=1", "_count=2"), next_.replace("Patient", "Observation"), "Patient?_page=x"):
        assert (await client.fails("GET", url)).issues[0].expression == ("http._page",)


async def test_count_zero_and_summary_count_give_the_total_alone(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    for query in ("_count=0", "_summary=count"):
        page = await client.get(f"Patient?{query}")
        assert (page["total"], "entry" in page) == (1, False)


async def test_strict_and_lenient_handling(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    error = await client.fails("GET", "Patient?nonsense=1")
    assert (error.status, error.issues[0].expression) == (400, ("http.nonsense",))
    page = await client.get("Patient?nonsense=1&active:missing=true", prefer=Prefer(handling="lenient"))
    assert [e["search"]["mode"] for e in page["entry"]] == ["match", "outcome"]
    assert page["entry"][1]["resource"]["issue"][0]["severity"] == "warning"
    assert links(page)["self"] == f"{BASE}/Patient?active:missing=true"


async def test_pages_of_a_lenient_search_keep_what_was_understood(client: Client) -> None:
    for number in range(5):
        await client.put(f"Patient/p{number}", patient(f"p{number}", active=True))
    lenient = Prefer(handling="lenient")
    for good, bad in (
        ("_include=Patient:organization", "_include=Patient:colour"),
        ("_elements=active", "_elements=colour"),
        ("_sort=_id", "_sort=-_id,colour"),
        ("", "_sort=-_id,colour"),
    ):
        page = await client.get(f"Patient?{good}&{bad}&_count=2", prefer=lenient)
        alone = await client.get(f"Patient?{good}&_count=2")
        assert [e["fullUrl"] for e in page["entry"][:2]] == [e["fullUrl"] for e in alone["entry"]]
        assert links(page)["self"] == links(alone)["self"]
        second, expected = await client.get(links(page)["next"]), await client.get(links(alone)["next"])
        assert second["entry"] == expected["entry"]
        assert (await client.get(links(page)["last"]))["entry"] == (await client.get(links(alone)["last"]))["entry"]


async def test_summary_and_elements_shape_the_matches(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True, birthDate="1980-01-01", maritalStatus={"text": "m"}))
    entry = (await client.get("Patient?_elements=birthDate"))["entry"][0]["resource"]
    assert entry.keys() == {"resourceType", "id", "meta", "active", "birthDate"}
    entry = (await client.get("Patient?_summary=true"))["entry"][0]["resource"]
    assert entry.keys() == {"resourceType", "id", "meta", "active", "birthDate"}


async def test_include(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.put("Observation/o", {**observation("Patient/a"), "id": "o"})
    page = await client.get("Observation?_include=Observation:subject")
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in page["entry"]] == [("o", "match"), ("a", "include")]
    page = await client.get("Patient?_revinclude=Observation:subject")
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in page["entry"]] == [("a", "match"), ("o", "include")]


async def test_system_search(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.put("Observation/o", {**observation("Patient/a"), "id": "o"})
    assert await client.ids("") == ["o", "a"]
    assert await client.ids("?_type=Patient") == ["a"]
    assert await client.ids("?_id=o") == ["o"]


async def test_count_is_cut_to_the_setting(folder: Path) -> None:
    running = await server(folder, max_count=2, default_count=1)
    client = Client(running)
    for number in range(4):
        await client.put(f"Patient/p{number}", patient(f"p{number}"))
    assert len((await client.get("Patient"))["entry"]) == 1
    assert len((await client.get("Patient?_count=1000"))["entry"]) == 2
    assert len((await client.get("_history?_count=1000"))["entry"]) == 2
    await running.store.close()


async def test_self_says_what_count_was_used(folder: Path) -> None:
    running = await server(folder, max_count=2)
    client = Client(running)
    assert links(await client.get("Patient?_count=1000"))["self"] == f"{BASE}/Patient?_count=2"
    assert links(await client.get("Patient?_count=0"))["self"] == f"{BASE}/Patient?_count=0"
    await running.store.close()


async def test_sorted_by_what_is_referred_to(client: Client) -> None:
    for id_, family in (("a", "Zuse"), ("b", "Adams"), ("c", "Miller")):
        await client.put(f"Patient/{id_}", patient(id_, name=[{"family": family}]))
        await client.put(f"Observation/{id_}", {**observation(f"Patient/{id_}"), "id": id_})
    await client.put("Observation/x", {**observation("Patient/nobody"), "id": "x"})
    assert await client.ids("Observation?_sort=subject:Patient.family") == ["b", "c", "a", "x"]
    assert await client.ids("Observation?_sort=-patient.family&_count=1") == ["a", "c", "b", "x"]
