"""Gate R4: races over HTTP, two server processes on one store. One winner where one is promised; no update lost; nothing half visible."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.http.several import Servers, several
from tests.stores import NewFolder


@pytest.fixture(scope="module")
def servers(new_folder: NewFolder) -> Iterator[Servers]:
    with several(2, new_folder("races")) as servers:
        yield servers


@pytest.fixture
def base(servers: Servers) -> str:
    return servers.base


def patient(value: str, **more: object) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:tests:race", "value": value}], **more}


async def test_200_conditional_creates_with_one_criteria_make_one_resource(servers: Servers, base: str) -> None:
    criteria = "identifier=urn:tests:race|one"
    async with servers.client() as http:
        posts = [
            http.post(f"{base}/Patient", json=patient("one"), headers={"If-None-Exist": criteria}) for _ in range(200)
        ]
        answers = await asyncio.gather(*posts)
        found = (await http.get(f"{base}/Patient?{criteria}")).json()
    assert sorted({a.status_code for a in answers}) == [200, 201]
    assert [a.status_code for a in answers].count(201) == 1
    assert found["total"] == 1
    assert {a.headers["location"].split("/_history")[0] for a in answers} == {found["entry"][0]["fullUrl"]}


async def test_200_conditional_updates_with_one_criteria_make_one_resource(servers: Servers, base: str) -> None:
    criteria = "identifier=urn:tests:race|put"
    async with servers.client() as http:
        puts = [http.put(f"{base}/Patient?{criteria}", json=patient("put", multipleBirthInteger=n)) for n in range(200)]
        answers = await asyncio.gather(*puts)
        found = (await http.get(f"{base}/Patient?{criteria}")).json()
    assert [a.status_code for a in answers].count(201) == 1
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["meta"]["versionId"] == "200"


async def test_200_updates_with_if_match_let_one_win_per_version(servers: Servers, base: str) -> None:
    async with servers.client() as http:
        made = (await http.post(f"{base}/Patient", json=patient("match"))).json()
        url = f"{base}/Patient/{made['id']}"

        async def put(number: int) -> int:
            body = patient("match", multipleBirthInteger=number) | {"id": made["id"]}
            return (await http.put(url, json=body, headers={"If-Match": 'W/"1"'})).status_code

        statuses = await asyncio.gather(*(put(n) for n in range(200)))
        versions = (await http.get(f"{url}/_history")).json()["total"]
    assert (statuses.count(200), statuses.count(412)) == (1, 199)
    assert versions == 2


async def test_increments_under_if_match_are_never_lost(servers: Servers, base: str) -> None:
    async with servers.client() as http:
        made = (await http.post(f"{base}/Patient", json=patient("count", multipleBirthInteger=0))).json()
        url = f"{base}/Patient/{made['id']}"

        async def increment() -> None:
            while True:
                read = await http.get(url)
                body = read.json()
                body["multipleBirthInteger"] += 1
                answer = await http.put(url, json=body, headers={"If-Match": read.headers["etag"]})
                if answer.status_code == 200:
                    return
                assert answer.status_code == 412

        await asyncio.gather(*(increment() for _ in range(40)))
        final = (await http.get(url)).json()
    assert (final["multipleBirthInteger"], final["meta"]["versionId"]) == (40, "41")


async def test_transaction_is_never_half_visible(servers: Servers, base: str) -> None:
    """Writers add ten resources at once while readers count; a failing transaction leaves nothing."""

    def bundle(value: str, last: dict[str, object]) -> dict[str, object]:
        entries = [{"resource": patient(value), "request": {"method": "POST", "url": "Patient"}} for _ in range(9)]
        return {"resourceType": "Bundle", "type": "transaction", "entry": [*entries, last]}

    good: dict[str, object] = {"resource": patient("tx"), "request": {"method": "POST", "url": "Patient"}}
    bad: dict[str, object] = {
        "request": {"method": "PATCH", "url": "Patient/never-there"},
        "resource": {"resourceType": "Parameters"},
    }
    async with servers.client() as http:
        seen: set[int] = set()
        writing = True

        async def count() -> None:
            while writing:
                answer = await http.get(f"{base}/Patient?identifier=urn:tests:race|tx&_summary=count")
                seen.add(answer.json()["total"])

        readers = [asyncio.create_task(count()) for _ in range(4)]
        for number in range(40):
            answer = await http.post(base, json=bundle("tx", bad if number % 2 else good))
            assert answer.status_code == (404 if number % 2 else 200)
        writing = False
        await asyncio.gather(*readers)
        final = (await http.get(f"{base}/Patient?identifier=urn:tests:race|tx&_summary=count")).json()["total"]
    assert {total % 10 for total in seen} == {0}
    assert final == 200
