"""transaction: conditional entries, patches, version conditions.

http://hl7.org/fhir/R4/http.html#trules
"""

import asyncio
import base64
import copy

from tests.interactions.client import (
    ONE,
    Client,
    P,
    bundle,
    encounter,
    entry,
    expressions,
    identified,
    observation,
    patient,
    statuses,
    the,
)


async def test_conditional_create(client: Client) -> None:
    sent = [
        entry("POST", "Patient", identified("1"), P, ifNoneExist=ONE),
        entry("POST", "Observation", observation(P)),
    ]
    assert statuses(await client.transaction(*copy.deepcopy(sent))) == ["201 Created", "201 Created"]
    again = await client.transaction(*copy.deepcopy(sent))
    assert statuses(again) == ["200 OK", "201 Created"]
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert again["entry"][0]["response"]["location"] == f"{key}/_history/1"
    assert len(await client.ids(f"Observation?subject={key}")) == 2


async def test_conditional_update_and_its_links(client: Client) -> None:
    sent = [
        entry("PUT", f"Patient?{ONE}", identified("1", active=True), P),
        entry("POST", "Observation", observation(f"{P}/_history/1")),
        entry("POST", "Encounter", encounter(P)),
    ]
    assert statuses(await client.transaction(*copy.deepcopy(sent))) == ["201 Created"] * 3
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert (await the(client, "Observation"))["subject"]["reference"] == f"{key}/_history/1"
    sent[0]["resource"]["active"] = False
    assert statuses(await client.transaction(*copy.deepcopy(sent))) == ["200 OK", "201 Created", "201 Created"]
    newest = (await client.get("Observation"))["entry"][0]["resource"]
    assert newest["subject"]["reference"] == f"{key}/_history/2"
    assert [e["resource"]["subject"]["reference"] for e in (await client.get("Encounter"))["entry"]] == [key] * 2


async def test_conditional_delete_and_patch(client: Client) -> None:
    for id_ in "ab":
        await client.put(f"Patient/{id_}", identified("1", id=id_))
    await client.put("Patient/c", identified("2", id="c", active=True))
    change = base64.b64encode(b'[{"op":"replace","path":"/active","value":false}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": change}
    answer = await client.transaction(
        entry("PATCH", "Patient?identifier=2", binary), entry("DELETE", f"Patient?{ONE}"), entry("GET", "Patient")
    )
    assert statuses(answer) == ["200 OK", "204 No Content", "200 OK"]
    assert await client.ids("Patient") == ["c"]
    assert (await client.get("Patient/c"))["active"] is False


async def test_fhirpath_patch(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "managingOrganization"},
        {"name": "value", "valueReference": {"reference": P}},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = await client.transaction(
        entry("PATCH", "Patient/a", parameters),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "o"}, P),
    )
    assert statuses(answer) == ["200 OK", "201 Created"]
    organization = (await the(client, "Organization"))["id"]
    assert (await client.get("Patient/a"))["managingOrganization"]["reference"] == f"Organization/{organization}"


async def test_conditions_of_entries(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    cases = [
        (entry("PUT", "Patient/a", patient("a", active=True), ifMatch='W/"7"'), "ifMatch"),
        (entry("PUT", "Patient/a", patient("a", active=True), ifNoneMatch="*"), "ifNoneMatch"),
        (entry("DELETE", "Patient/a", ifMatch='W/"7"'), "ifMatch"),
    ]
    for sent, name in cases:
        error = await client.fails("POST", "", bundle("transaction", entry("POST", "Patient", patient()), sent))
        assert (error.status, expressions(error)) == (412, [(f"Bundle.entry[1].request.{name}",)])
    assert len(await client.everything()) == 1
    answer = await client.transaction(
        entry("PUT", "Patient/a", patient("a", active=True), ifMatch='W/"1"'),
        entry("GET", "Patient/a", ifNoneMatch='W/"2"'),
        entry("GET", "Patient/a", ifModifiedSince="2100-01-01T00:00:00Z"),
    )
    assert statuses(answer) == ["200 OK", "304 Not Modified", "304 Not Modified"]


async def test_concurrent_transactions_with_the_same_conditions_make_one_resource(client: Client) -> None:
    async def one() -> None:
        await Client(client.server).transaction(
            entry("POST", "Patient", identified("1"), P, ifNoneExist=ONE), entry("POST", "Observation", observation(P))
        )

    await asyncio.gather(*(one() for _ in range(40)))
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert len(await client.ids(f"Observation?subject={key}&_count=100")) == 40
