"""create and conditional create."""

import asyncio
import re

from fhir_server.context import Prefer
from tests.interactions.client import Client, expressions, identified, patient, plain


async def test_create_assigns_id_version_and_instant(client: Client) -> None:
    made = await client.post("Patient", patient("mine", meta={"versionId": "7", "profile": ["http://p"]}, active=True))
    assert client.response.status == 201
    assert made["id"] != "mine"
    assert made["meta"]["versionId"] == "1"
    assert made["meta"]["profile"] == ["http://p"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["meta"]["lastUpdated"])
    assert client.response.location == f"Patient/{made['id']}/_history/1"
    assert client.response.etag == 'W/"1"'
    assert await client.get(f"Patient/{made['id']}") == made
    assert plain(made) == {"resourceType": "Patient", "active": True}


async def test_create_keeps_every_digit(client: Client) -> None:
    raw = b'{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00}}'
    await client.post("Observation", raw)
    assert client.response.version is not None
    assert client.response.version.body is not None
    assert b'"value":1.00}' in client.response.version.body


async def test_create_of_another_type_is_refused(client: Client) -> None:
    error = await client.fails("POST", "Patient", {"resourceType": "Observation"})
    assert (error.status, expressions(error)) == (400, [("resourceType",)])
    assert (await client.fails("POST", "Patient")).status == 400


async def test_create_of_an_invalid_resource_tells_all_that_is_wrong(client: Client) -> None:
    error = await client.fails("POST", "Patient", patient(gender="x", birthDate="soon", nonsense=1))
    assert error.status == 400
    assert {e for issue in expressions(error) for e in issue} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.nonsense",
    }
    assert await client.everything() == []


async def test_preferred_answers(client: Client) -> None:
    assert await client.post("Patient", patient(), prefer=Prefer("minimal")) is None
    outcome = await client.post("Patient", patient(), prefer=Prefer("OperationOutcome"))
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["severity"] == "information"


async def test_conditional_create(client: Client) -> None:
    criteria = "identifier=http://acme.org/mrn|1"
    made = await client.post("Patient", identified("1"), if_none_exist=criteria)
    assert client.response.status == 201
    again = await client.post("Patient", identified("1", active=True), if_none_exist=f"?{criteria}")
    assert (client.response.status, again) == (200, made)
    assert client.response.location == f"Patient/{made['id']}/_history/1"
    await client.post("Patient", identified("1"))
    error = await client.fails("POST", "Patient", identified("1"), if_none_exist=criteria)
    assert (error.status, error.issues[0].code) == (412, "multiple-matches")


async def test_conditional_create_with_wrong_criteria(client: Client) -> None:
    for criteria, status in (("", 412), ("nonsense=1", 400), ("_count=3", 400)):
        error = await client.fails("POST", "Patient", patient(), if_none_exist=criteria)
        assert (error.status, expressions(error)) == (status, [("http.If-None-Exist",)])
    assert await client.everything() == []


async def test_200_concurrent_conditional_creates_make_one_resource(client: Client) -> None:
    async def one(number: int) -> int:
        racer = Client(client.server)
        text = "identifier=http://acme.org/mrn|1" if number % 2 else "identifier=http%3A%2F%2Facme.org%2Fmrn%7C1"
        await racer.post("Patient", identified("1"), if_none_exist=text)
        return racer.response.status

    answers = await asyncio.gather(*(one(number) for number in range(200)))
    assert sorted(answers) == [200] * 199 + [201]
    assert len(await client.everything()) == 1
