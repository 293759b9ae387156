"""_query: named queries, as an extension of the server brings them.

http://hl7.org/fhir/R4/search.html#query
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from fhir_server.context import Prefer, Query, Server
from fhir_server.outcome import BadRequest
from fhir_server.routes import Routes
from fhir_server.search.query import Compare, Match, Node, Op, String
from fhir_server.settings import Settings
from tests.interactions.client import BASE, Client, patient
from tests.stores import opened


def namesakes(_type: str, values: Mapping[str, tuple[str, ...]]) -> Node:
    """Patients who have this text in their names."""
    if len(values.get("like", ())) != 1:
        raise BadRequest("like is needed, once", expression="http.like")
    return Match("name", ((Compare(String, "folded", Op.CONTAINS, values["like"][0]),),))


QUERY = Query("namesakes", namesakes, "http://acme.org/namesakes", ("Patient",), ("like",))


@pytest.fixture
async def named(folder: Path) -> AsyncIterator[Client]:
    store = await opened(folder)
    client = Client(Server(Settings(), store, Routes(queries=(QUERY,)), BASE, b"k" * 32))
    for id_, family in (("a", "Carpenter"), ("b", "Carpet"), ("c", "Smith")):
        await client.put(f"Patient/{id_}", patient(id_, name=[{"family": family}], active=id_ != "a"))
    yield client
    await store.close()


async def test_query_limits_the_search(named: Client) -> None:
    assert set(await named.ids("Patient?_query=namesakes&like=carpe")) == {"a", "b"}
    assert await named.ids("Patient?_query=namesakes&like=carpe&active=true") == ["b"]


async def test_links_keep_the_query(named: Client) -> None:
    page = await named.get("Patient?_query=namesakes&like=carpe&_count=1")
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert links["self"] == f"{BASE}/Patient?_query=namesakes&like=carpe&_count=1"
    assert len(await named.ids(links["next"])) == 1


@pytest.mark.parametrize("handling", ["strict", "lenient"])
async def test_unknown_query_is_400_and_lists_those_there_are(named: Client, handling: str) -> None:
    prefer = Prefer(handling=handling)
    error = await named.fails("GET", "Patient?_query=nonsense", prefer=prefer)
    assert (error.status, error.issues[0].expression) == (400, ("http._query",))
    assert str(error).endswith("there are namesakes")
    error = await named.fails("GET", "Observation?_query=namesakes", prefer=prefer)
    assert str(error).endswith("there are no named queries here")
    for query in (
        "_query=namesakes&_query=namesakes&like=x",
        "_query=namesakes",
        "_query=namesakes&like=x&nonsense:x=1",
    ):
        assert (await named.fails("GET", f"Patient?{query}")).status == 400


async def test_capability_statement_lists_it_as_an_operation(named: Client) -> None:
    made = await named.get("metadata")
    (resource,) = [each for each in made["rest"][0]["resource"] if each["type"] == "Patient"]
    assert {"name": "namesakes", "definition": "http://acme.org/namesakes"} in resource["operation"]
    assert (await named.fails("GET", "Patient/$namesakes")).status == 404
