"""_query: named queries, as an extension of the server brings them.

http://hl7.org/fhir/R4/search.html#query
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

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


CRITERIA = "urn:fhir-server:StructureDefinition:query-criteria"


def query(criteria: str, *parameters: tuple[str, int, str], **more: Any) -> dict[str, Any]:
    """An OperationDefinition of kind query."""
    found = {
        "resourceType": "OperationDefinition",
        "id": "called",
        "url": "http://acme.org/called",
        "name": "Called",
        "status": "active",
        "kind": "query",
        "code": "called",
        "resource": ["Patient"],
        "extension": [{"url": CRITERIA, "valueString": criteria}],
        "parameter": [
            {"name": name, "use": "in", "min": least, "max": most, "type": "string", "searchType": "string"}
            for name, least, most in parameters
        ],
        **more,
    }
    levels = {"system": False, "type": True, "instance": False}
    return levels | {name: value for name, value in found.items() if value not in (None, [])}


@pytest.fixture
async def people(client: Client) -> Client:
    for id_, family, born in (("a", "Carpenter", "1980"), ("b", "Carpet", "1990"), ("c", "Smith", "1990")):
        await client.put(f"Patient/{id_}", patient(id_, name=[{"family": family}], birthDate=born))
    return client


async def test_a_stored_definition_is_a_named_query(people: Client) -> None:
    definition = query("family=carp&birthdate=ge{since}&name:contains={part}", ("since", 0, "1"), ("part", 0, "*"))
    assert (await people.fails("GET", "Patient?_query=called")).status == 400
    await people.put("OperationDefinition/called", definition)
    assert set(await people.ids("Patient?_query=called")) == {"a", "b"}
    assert await people.ids("Patient?_query=called&since=1985") == ["b"]
    assert await people.ids("Patient?_query=called&part=pet&part=car") == ["b"]
    assert set(await people.ids("Patient?_query=called&part=pet,ter")) == {"a", "b"}
    assert await people.ids("Patient?_query=called&part=smi") == []
    assert await people.ids("Patient?_query=called&birthdate=1980") == ["a"]
    page = await people.get("Patient?_query=called&part=car&_count=1")
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert links["self"] == f"{BASE}/Patient?_query=called&part=car&_count=1"
    assert len(await people.ids(links["next"])) == 1
    (resource,) = [r for r in (await people.get("metadata"))["rest"][0]["resource"] if r["type"] == "Patient"]
    assert {"name": "called", "definition": "http://acme.org/called"} in resource["operation"]
    for wrong, place in (
        ("since=1985&since=1990", "http.since"),
        ("since=x", "http.since"),
        ("colour=red", "http.colour"),
    ):
        error = await people.fails("GET", f"Patient?_query=called&{wrong}")
        assert (error.status, error.issues[0].expression) == (400, (place,)), wrong
    assert "there are no named queries" in str(await people.fails("GET", "Observation?_query=called"))
    await people.put("OperationDefinition/called", {**definition, "status": "retired"})
    assert (await people.fails("GET", "Patient?_query=called")).status == 400
    await people.put("OperationDefinition/called", definition)
    await people.delete("OperationDefinition/called")
    assert (await people.fails("GET", "Patient?_query=called")).status == 400


async def test_a_stored_query_with_a_parameter_that_is_needed_and_a_value_set(people: Client) -> None:
    criteria = "gender:in={set}&_has:Observation:patient:code=x"
    await people.put("OperationDefinition/called", query(criteria, ("set", 1, "1")))
    error = await people.fails("GET", "Patient?_query=called")
    assert (error.issues[0].code, error.issues[0].expression) == ("required", ("http.set",))
    assert await people.ids("Patient?_query=called&set=http://hl7.org/fhir/ValueSet/administrative-gender") == []
    assert (await people.fails("GET", "Patient?_query=called&set=http://acme.org/unknown")).status == 400


async def test_a_query_of_the_system(people: Client) -> None:
    await people.put("OperationDefinition/called", query("_id={which}", ("which", 1, "1"), system=True, type=False))
    assert await people.ids("?_query=called&which=c&_type=Patient,Group") == ["c"]
    assert (await people.fails("GET", "Patient?_query=called&which=c")).status == 400


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        (query("family={x}"), "extension"),
        (query("family=x", ("x", 0, "1")), "parameter"),
        (query("colour={x}", ("x", 0, "1")), "extension"),
        (query("family={_count}&_count=1"), "extension"),
        (query("family={_count}", ("_count", 0, "1")), "parameter[0].name"),
        (query("_sort=family"), "extension"),
        (query("family=x", url=None), "url"),
    ],
)
async def test_a_query_that_cannot_be_asked_is_refused(client: Client, definition: dict[str, Any], place: str) -> None:
    error = await client.fails("PUT", "OperationDefinition/called", definition)
    assert error.status == 422
    assert f"OperationDefinition.{place}" in {each for issue in error.issues for each in issue.expression}
    await client.put("OperationDefinition/called", {**definition, "status": "draft"})


async def test_two_queries_of_one_name_are_refused(client: Client) -> None:
    await client.put("OperationDefinition/called", query("family=x"))
    await client.put("OperationDefinition/called", query("family=y"))
    error = await client.fails("PUT", "OperationDefinition/other", query("family=y", id="other"))
    assert (error.status, error.issues[0].code) == (422, "duplicate")
