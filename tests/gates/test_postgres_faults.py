"""A database that goes away and comes back, under two servers and sixteen writers: clean refusals, no acknowledged write lost,
none there twice, none by halves.

https://www.postgresql.org/docs/current/server-shutdown.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

import httpx
import pytest

from fhir_server.pages.health import FRESH
from tests.http.several import Servers, several
from tests.postgres.cluster import Cluster, running
from tests.postgres.databases import Databases
from tests.stores import prepare

WRITERS = 16
SYSTEM = "urn:tests:fault"


@dataclass
class Told:
    """What the servers answered: writes by their value, refused or acknowledged; `odd` is any answer that is neither."""

    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    longest: float = 0.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A database that writes what it acknowledges to the disk, reached over TCP."""
    with running({}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def servers(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Databases(cluster, prepare) as databases:
        databases.create("fault")
    url = cluster.url("fault", tcp=True)
    with several(2, tmp_path_factory.mktemp("faults"), store=url, FHIR_DATABASE_PATIENCE="1") as servers:
        yield servers


def pair(value: str) -> dict[str, object]:
    """A transaction of two resources that belong together."""
    entries = [{"resource": patient(value), "request": {"method": "POST", "url": "Patient"}} for _ in range(2)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def patient(value: str) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}]}


async def write(http: httpx.AsyncClient, base: str, name: str, told: Told, until: Callable[[], bool]) -> None:
    """Writes one after the other: conditional creates, and transactions."""
    number = 0
    while not until():
        number += 1
        value = f"{name}-{number}"
        start = monotonic()
        if number % 3:
            criteria = {"If-None-Exist": f"identifier={SYSTEM}|{value}"}
            answer = await http.post(f"{base}/Patient", json=patient(value), headers=criteria)
        else:
            answer = await http.post(base, json=pair(value))
        told.longest = max(told.longest, monotonic() - start)
        if answer.status_code in (200, 201):
            told.acknowledged.add(value)
        elif answer.status_code == 503 and answer.headers.get("retry-after", "").isdecimal():
            assert answer.json()["resourceType"] == "OperationOutcome"
            told.refused.add(value)
            await asyncio.sleep(0.05)
        else:
            told.odd.append(f"{value}: {answer.status_code} {dict(answer.headers)} {answer.text[:300]}")


async def disturbed(servers: Servers, disturb: Callable[[], Awaitable[None]], name: str) -> Told:
    """What sixteen writers were told while `disturb` ran, and until both servers take writes again."""
    told, over = Told(), False
    async with servers.client(timeout=120) as http:
        writers = [
            asyncio.create_task(write(http, servers.base, f"{name}-{n}", told, lambda: over)) for n in range(WRITERS)
        ]
        await disturb()
        await asyncio.sleep(1)
        over = True
        await asyncio.gather(*writers)
    await ready(servers)
    return told


async def ready(servers: Servers) -> None:
    """All servers take writes again."""
    deadline = monotonic() + 60
    async with httpx.AsyncClient(timeout=60) as http:
        for each in servers.processes:
            while (await http.get(f"{each.root}/health/ready")).status_code != 200:
                assert monotonic() < deadline
                await asyncio.sleep(0.1)


async def there(servers: Servers) -> dict[str, int]:
    """How often each value is in the store."""
    found: dict[str, int] = {}
    async with servers.client() as http:
        url: str | None = f"{servers.base}/Patient?_count=1000"
        while url is not None:
            page = (await http.get(url)).json()
            for each in page["entry"]:
                value = each["resource"]["identifier"][0]["value"]
                found[value] = found.get(value, 0) + 1
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return found


async def judge(servers: Servers, told: Told, name: str) -> None:
    found = {value: count for value, count in (await there(servers)).items() if value.startswith(f"{name}-")}
    assert told.odd == []
    assert told.acknowledged - set(found) == set()
    assert found == {value: 1 if int(value.rpartition("-")[2]) % 3 else 2 for value in found}
    assert set(found) <= told.acknowledged | told.refused


@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_a_database_that_is_stopped_and_started_again(cluster: Cluster, servers: Servers, seconds: float) -> None:
    async def disturb() -> None:
        await asyncio.sleep(1)
        await asyncio.to_thread(cluster.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(cluster.start)

    told = await disturbed(servers, disturb, f"stop{seconds}")
    await judge(servers, told, f"stop{seconds}")
    assert len(told.acknowledged) > WRITERS
    assert len(told.refused) >= WRITERS


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
async def test_a_database_that_is_killed_again_and_again(cluster: Cluster, servers: Servers, times: int) -> None:
    async def disturb() -> None:
        for _ in range(times):
            await asyncio.sleep(1)
            await asyncio.to_thread(cluster.kill)
            await asyncio.to_thread(cluster.start)

    told = await disturbed(servers, disturb, f"kill{times}")
    await judge(servers, told, f"kill{times}")
    assert len(told.acknowledged) > WRITERS


async def test_servers_whose_database_is_away_say_so(cluster: Cluster, servers: Servers) -> None:
    await asyncio.to_thread(cluster.stop)
    await asyncio.sleep(FRESH)  # so long an earlier answer holds
    async with httpx.AsyncClient(timeout=60) as http:
        for each in servers.processes:
            assert (await http.get(f"{each.root}/health/live")).status_code == 200
            assert (await http.get(f"{each.root}/health/ready")).status_code == 503
            refused = await http.get(f"{each.base}/Patient/x")
            assert (refused.status_code, refused.headers["retry-after"].isdecimal()) == (503, True)
    await asyncio.to_thread(cluster.start)
    await ready(servers)
