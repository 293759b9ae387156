"""$preferred-id: which identifier of a naming system to use.

http://hl7.org/fhir/R4/namingsystem-operation-preferred-id.html
"""

import pytest

from tests.interactions.client import Client

OID, URI, OLD = "2.999.1", "http://acme.org/ids", "http://acme.org/old-ids"
SYSTEM = {
    "resourceType": "NamingSystem",
    "id": "ids",
    "name": "Ids",
    "status": "active",
    "kind": "identifier",
    "date": "2024-01-01",
    "uniqueId": [
        {"type": "uri", "value": OLD},
        {"type": "uri", "value": URI, "preferred": True},
        {"type": "oid", "value": OID},
    ],
}


@pytest.fixture
async def named(client: Client) -> Client:
    await client.put("NamingSystem/ids", SYSTEM)
    await client.put(
        "NamingSystem/other", {**SYSTEM, "id": "other", "uniqueId": [{"type": "uri", "value": f"{URI}/more"}]}
    )
    return client


@pytest.mark.parametrize(
    ("id_", "kind", "result"),
    [(OID, "uri", URI), (f"urn:oid:{OID}", "uri", URI), (OLD, "oid", OID), (OLD, "uri", URI), (f"{URI}/more", "uri", f"{URI}/more")],
)  # fmt: skip
async def test_the_preferred_id_of_a_type(named: Client, id_: str, kind: str, result: str) -> None:
    answer = await named.get(f"NamingSystem/$preferred-id?id={id_}&type={kind}")
    assert answer["parameter"] == [{"name": "result", "valueString": result}]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        (f"id={OID}&type=uuid", 404, "no uuid of the naming system"),
        ("id=2.999.2&type=uri", 404, "no naming system with the id"),
        ("id=http://ACME.org/ids&type=uri", 404, "is known here"),
        (f"id={OID}", 400, "id and type are needed"),
        (f"id={OID}&type=url", 400, "expected one of oid, uuid, uri, other"),
    ],
)
async def test_what_is_not_there(named: Client, query: str, status: int, text: str) -> None:
    error = await named.fails("GET", f"NamingSystem/$preferred-id?{query}")
    assert (error.status, text in str(error)) == (status, True)
