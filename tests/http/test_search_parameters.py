"""Search parameters that are added, changed and removed while two worker processes serve: nobody gets partial results."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.server import Process, running
from tests.stores import NewFolder, store_in

URL = "http://example.org/fhir/StructureDefinition/colour"
COLOURS = ("red", "green", "blue", "grey")


@pytest.fixture(scope="module")
def server(new_folder: NewFolder) -> Iterator[Process]:
    folder = new_folder("parameters")
    with running("--store", store_in(folder), "--workers", "2", cwd=folder) as process:
        yield process


@pytest.fixture
async def http(server: Process) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=0)  # each request may meet another worker
    async with httpx.AsyncClient(base_url=server.base, timeout=60, limits=limits) as client:
        yield client


def parameter(code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"http://example.org/fhir/SearchParameter/{code}",
        "name": code,
        "status": "active",
        "description": f"The {code} of a patient",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": f"Patient.extension.where(url = '{URL}/{code}').value.as(string)",
        **more,
    }


def patient(code: str, number: int, colour: str, **more: Any) -> dict[str, Any]:
    """Each test has patients and a parameter of its own."""
    return {
        "resourceType": "Patient",
        "id": f"{code}{number}",
        "extension": [{"url": f"{URL}/{code}", "valueString": colour}],
        **more,
    }


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def until(done: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await done():
        assert time.monotonic() < deadline, "it did not come to an end"
        await asyncio.sleep(0.02)


async def indexed(http: httpx.AsyncClient) -> bool:
    return (await http.get("/$reindex")).status_code == 200


async def found(http: httpx.AsyncClient, **asked: str) -> set[str]:
    """The ids of all matches, of whatever page; the search must be answered in full."""
    ids: set[str] = set()
    url: str | None = str(httpx.URL("/Patient", params={"_count": "1000", **asked}))
    while url:
        answer = await http.get(url, headers={"Prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids |= {entry["resource"]["id"] for entry in page.get("entry", ())}
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return ids


async def listed(http: httpx.AsyncClient) -> set[str]:
    statement = (await http.get("/metadata")).json()
    (resource,) = (each for each in statement["rest"][0]["resource"] if each["type"] == "Patient")
    return {each["name"] for each in resource["searchParam"]}


async def test_a_parameter_is_refused_until_all_are_indexed_and_then_works_on_every_worker(
    http: httpx.AsyncClient,
) -> None:
    await http.post("", json=bundle(*(patient("colour", n, COLOURS[n % 4]) for n in range(1200))))
    assert (await http.put("/SearchParameter/colour", json=parameter("colour"))).status_code == 201
    seen: set[int] = set()
    while not await indexed(http):
        strict = await http.get("/Patient?colour=red", headers={"Prefer": "handling=strict"})
        seen.add(strict.status_code)
        if strict.status_code == 200:
            break
        (issue,) = strict.json()["issue"]
        assert "it is being indexed and cannot be searched by yet" in issue["details"]["text"]
        lenient = (await http.get("/Patient?colour=red&_summary=count", headers={"Prefer": "handling=lenient"})).json()
        if lenient["total"] != 300:
            assert lenient["total"] >= 1200
            assert "being indexed" in lenient["entry"][-1]["resource"]["issue"][0]["details"]["text"]
    assert 400 in seen
    for _ in range(8):
        assert await found(http, colour="red") == {f"colour{n}" for n in range(0, 1200, 4)}
        assert "colour" in await listed(http)


async def test_no_write_slips_through_whatever_worker_takes_it(http: httpx.AsyncClient) -> None:
    """Creates, updates, transactions and deletions go on, on both workers, while a parameter comes, changes and goes."""
    for first in range(0, 2000, 500):
        await http.post("", json=bundle(*(patient("tint", n, "none") for n in range(first, first + 500))))
    colours: dict[str, str] = {f"tint{n}": "none" for n in range(2000)}
    going = True

    async def write(lane: int) -> None:
        turn = 0
        while going:
            turn += 1
            numbers = [(lane * 250 + turn * 7 + k) % 250 + lane * 250 for k in range(3)]
            colour = COLOURS[(turn + lane) % 4]
            if turn % 5 == 0:
                answer = await http.delete(f"/Patient/tint{numbers[0]}")
                assert answer.status_code in (200, 204), answer.text
                colours.pop(f"tint{numbers[0]}", None)
            elif turn % 3 == 0:
                answer = await http.post("", json=bundle(*(patient("tint", n, colour) for n in numbers)))
                assert answer.status_code == 200, answer.text
                colours.update({f"tint{n}": colour for n in numbers})
            else:
                answer = await http.put(
                    f"/Patient/tint{numbers[0]}", json=patient("tint", numbers[0], colour, active=turn % 2 == 0)
                )
                assert answer.status_code in (200, 201), answer.text
                colours[f"tint{numbers[0]}"] = colour

    lanes = [asyncio.create_task(write(lane)) for lane in range(8)]
    await asyncio.sleep(0.3)
    for change in (
        parameter("tint"),
        parameter(
            "tint", expression=f"Patient.extension.where(url = '{URL}/tint').value.as(string) | Patient.photo.title"
        ),
    ):
        assert (await http.put("/SearchParameter/tint", json=change)).status_code in (200, 201)
        await until(lambda: indexed(http))
    assert (await http.delete("/SearchParameter/tint")).status_code in (200, 204)
    await asyncio.sleep(0.3)
    assert (await http.put("/SearchParameter/tint", json=parameter("tint"))).status_code == 201
    await until(lambda: indexed(http))
    await asyncio.sleep(0.3)
    going = False
    await asyncio.gather(*lanes)
    for colour in ("none", *COLOURS):
        expected = {id_ for id_, its in colours.items() if its == colour}
        assert await found(http, tint=colour) == expected, colour
    assert not {id_ for id_ in await found(http, **{"tint:missing": "true"}) if id_.startswith("tint")}


async def test_a_search_never_mixes_two_meanings_of_a_code(http: httpx.AsyncClient) -> None:
    """The definition changes again and again under readers: each sees one meaning in full, or is refused."""
    await http.post("", json=bundle(*(patient("shade", n, "a", gender="male") for n in range(400))))
    meanings = {
        True: parameter("shade"),
        False: parameter("shade", type="token", expression="Patient.gender | Patient.language"),
    }
    totals: set[tuple[int, int]] = set()
    going = True

    async def read() -> None:
        while going:
            answer = await http.get("/Patient?shade=a&_summary=count", headers={"Prefer": "handling=strict"})
            totals.add((answer.status_code, answer.json().get("total", 0)))

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for turn in range(6):
        assert (await http.put("/SearchParameter/shade", json=meanings[turn % 2 == 0])).status_code in (200, 201)
        await until(lambda: indexed(http))
    going = False
    await asyncio.gather(*readers)
    assert totals <= {(400, 0), (200, 400), (200, 0)}
    assert (200, 400) in totals


async def test_a_deleted_parameter_is_unknown_at_once_and_its_entries_go(http: httpx.AsyncClient) -> None:
    await http.post("", json=bundle(*(patient("hue", n, "red") for n in range(50))))
    await http.put("/SearchParameter/hue", json=parameter("hue"))
    await until(lambda: indexed(http))
    assert len(await found(http, hue="red")) == 50
    await http.delete("/SearchParameter/hue")
    for _ in range(6):
        answer = await http.get("/Patient?hue=red", headers={"Prefer": "handling=strict"})
        assert answer.status_code == 400
        assert "has no search parameter 'hue'" in answer.json()["issue"][0]["details"]["text"]
        assert "hue" not in await listed(http)
    await until(lambda: indexed(http))


async def test_killed_in_the_middle_a_walk_goes_on_after_the_restart(folder: Path) -> None:
    """kill -9 three times while resources are indexed: each server goes on, and in the end nothing is missing."""
    options = ("--store", store_in(folder), "--workers", "2")
    with running(*options, cwd=folder) as server, httpx.Client(base_url=server.base, timeout=60) as http:
        for first in range(0, 3000, 500):
            http.post("", json=bundle(*(patient("kill", n, COLOURS[n % 4]) for n in range(first, first + 500))))
        assert http.put("/SearchParameter/kill", json=parameter("kill")).status_code == 201
        time.sleep(0.4)
        server.kill()
    done: list[int] = []
    for _ in range(2):
        with running(*options, cwd=folder) as server, httpx.Client(base_url=server.base, timeout=60) as http:
            answer = http.get("/$reindex")
            assert answer.status_code in (200, 202)
            done += [p["valueInteger"] for p in answer.json()["parameter"] if p["name"] == "done"]
            strict = http.get("/Patient?kill=red&_summary=count", headers={"Prefer": "handling=strict"})
            assert (strict.status_code, strict.json().get("total")) in ((400, None), (200, 750))
            time.sleep(0.1)
            server.kill()
    with running(*options, cwd=folder) as server:
        async with httpx.AsyncClient(base_url=server.base, timeout=60) as client:
            await until(lambda: indexed(client))
            assert len(await found(client, kill="red")) == 750
            status = (await client.get("/$reindex")).json()["parameter"]
            told = {part["name"]: part.get("valueInteger") for part in status}
            assert (told["done"], told["total"]) == (3000, 3000)
    assert done == sorted(done)


async def test_reindex_tells_how_far_it_is_in_the_manner_of_asynchronous_requests(http: httpx.AsyncClient) -> None:
    await http.post("", json=bundle(*(patient("tone", n, "red") for n in range(900))))
    await http.put("/SearchParameter/tone", json=parameter("tone"))
    running_ = await http.get("/$reindex")
    if running_.status_code == 202:
        assert running_.headers["retry-after"] == "1"
        assert running_.headers["x-progress"]
    one = await http.get("/SearchParameter/tone/$reindex")
    assert one.status_code in (200, 202)
    (told,) = (part["part"] for part in one.json()["parameter"] if part["name"] == "searchParameter")
    assert {part["name"]: next(iter(set(part) - {"name"})) for part in told}["status"] == "valueCode"
    await until(lambda: indexed(http))
    asked = await http.post("/$reindex?type=Patient")
    assert (asked.status_code, asked.headers["content-location"].endswith("/fhir/$reindex")) == (202, True)
    await until(lambda: indexed(http))
    assert (await http.post("/$reindex?type=Human")).status_code == 400
    assert (await http.get("/SearchParameter/never/$reindex")).status_code == 404
    assert len(await found(http, tone="red")) == 900


async def test_what_a_parameter_does_not_list_is_refused(http: httpx.AsyncClient) -> None:
    limited = {"comparator": ["ge", "lt"], "multipleOr": False, "multipleAnd": False}
    born = parameter("born", type="date", expression="Patient.birthDate", **limited)
    assert (await http.put("/SearchParameter/born", json=born)).status_code == 201
    patient = {"resourceType": "Patient", "id": "born1", "birthDate": "1980"}
    assert (await http.put("/Patient/born1", json=patient)).status_code == 201
    assert await found(http, born="lt1990", _id="born1") == {"born1"}
    for query, right in (
        ("born=gt1990", "it has ge, lt"),
        ("born=ge1970,ge1975", "takes one value"),
        ("born=ge1970&born=lt1990", "may be given once"),
    ):
        answer = await http.get(f"/Patient?{query}")
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["expression"]) == (400, ["http.born"])
        assert right in issue["details"]["text"]


def line(number: int, *details: tuple[str, float]) -> dict[str, Any]:
    """An item of a claim with its details."""
    return {
        "sequence": number,
        "productOrService": {"text": "visit"},
        "detail": [
            {"sequence": n, "productOrService": {"coding": [{"code": code}]}, "quantity": {"value": quantity}}
            for n, (code, quantity) in enumerate(details, 1)
        ],
    }


def claim(id_: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Claim",
        "id": id_,
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "oral"}]},
        "use": "claim",
        "patient": {"reference": "Patient/1"},
        "created": "2020-01-01",
        "provider": {"reference": "Practitioner/1"},
        "priority": {"text": "normal"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "own"}}],
        "item": list(items),
    }


async def test_a_composite_whose_base_repeats_within_what_repeats_speaks_of_one_element(
    http: httpx.AsyncClient,
) -> None:
    of_claims = {"base": ["Claim"], "description": "Of a detail of a claim's item"}
    parts = [
        {"definition": "http://example.org/fhir/SearchParameter/service", "expression": "productOrService"},
        {"definition": "http://example.org/fhir/SearchParameter/amount", "expression": "quantity"},
    ]
    await http.post("", json=bundle(claim("before", line(1, ("a", 1), ("b", 2)), line(2, ("a", 3), ("b", 4)))))
    for made in (
        parameter("service", type="token", expression="Claim.item.detail.productOrService", **of_claims),
        parameter("amount", type="quantity", expression="Claim.item.detail.quantity", **of_claims),
        parameter("detail", type="composite", expression="Claim.item.detail", component=parts, **of_claims),
    ):
        answer = await http.put(f"/SearchParameter/{made['id']}", json=made)
        assert answer.status_code == 201, answer.text
    await until(lambda: indexed(http))
    await http.post("", json=bundle(claim("after", line(1, ("a", 1)), line(2, ("b", 2), ("a", 3)))))

    async def matches(detail: str) -> set[str]:
        answer = await http.get("/Claim", params={"detail": detail}, headers={"Prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}

    assert await matches("a$1") == {"before", "after"}
    assert await matches("a$3") == {"before", "after"}
    assert await matches("b$2") == {"before", "after"}
    assert await matches("b$4") == {"before"}
    for other in ("a$2", "a$4", "b$1", "b$3"):
        assert await matches(other) == set(), other
