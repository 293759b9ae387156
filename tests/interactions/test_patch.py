"""patch in its formats, conditional patch."""

import asyncio
from typing import Any

import orjson
import pytest

from fhir_server.outcome import FhirError
from tests.interactions.client import Client, expressions, identified, patient

JSON_PATCH = "application/json-patch+json"
XML_PATCH = "application/xml-patch+xml"


def replace_active(value: bool) -> bytes:
    return orjson.dumps([{"op": "replace", "path": "/active", "value": value}])


def fhirpath(value: bool) -> dict[str, Any]:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


XML = b'<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:active/@value">false</replace></diff>'


@pytest.mark.parametrize(
    ("sent", "media_type"),
    [
        (replace_active(False), JSON_PATCH),
        (XML, XML_PATCH),
        (fhirpath(False), "application/fhir+json"),
        (b'{"active": false}', "application/merge-patch+json"),
    ],
)
async def test_patch_makes_a_new_version(client: Client, sent: Any, media_type: str) -> None:
    before = await client.put("Patient/a", patient("a", active=True, birthDate="1980-01-01"))
    after = await client.request("PATCH", "Patient/a", sent, media_type=media_type)
    assert (client.response.status, client.response.etag) == (200, 'W/"2"')
    assert after == before | {"active": False, "meta": after["meta"]}
    assert (await client.everything())[0][2] == "PATCH"


async def test_patch_that_changes_nothing_makes_no_version(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    await client.request("PATCH", "Patient/a", replace_active(True), media_type=JSON_PATCH)
    assert (client.response.status, client.response.etag) == (200, 'W/"1"')


async def test_patch_keeps_the_digits_of_what_it_does_not_touch(client: Client) -> None:
    await client.put(
        "Observation/o",
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00}}',
    )
    change = b'[{"op":"replace","path":"/status","value":"amended"}]'
    await client.request("PATCH", "Observation/o", change, media_type=JSON_PATCH)
    assert client.response.version is not None
    assert b'"value":1.00}' in (client.response.version.body or b"")


async def test_patch_of_what_is_not_there(client: Client) -> None:
    assert (await client.fails("PATCH", "Patient/a", replace_active(True), media_type=JSON_PATCH)).status == 404
    await client.put("Patient/a", patient("a"))
    await client.delete("Patient/a")
    assert (await client.fails("PATCH", "Patient/a", replace_active(True), media_type=JSON_PATCH)).status == 410


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (422, [{"op": "test", "path": "/active", "value": False}]),
        (422, [{"op": "replace", "path": "/gender", "value": "male"}]),
        (422, [{"op": "add", "path": "/gender", "value": "x"}]),
        (422, [{"op": "replace", "path": "/id", "value": "b"}]),
        (422, [{"op": "replace", "path": "/resourceType", "value": "Group"}]),
        (422, [{"op": "replace", "path": "", "value": 1}]),
        (400, [{"op": "nonsense"}]),
    ],
)
async def test_patch_that_does_not_fit(client: Client, status: int, change: Any) -> None:
    await client.put("Patient/a", patient("a", active=True))
    error = await client.fails("PATCH", "Patient/a", orjson.dumps(change), media_type=JSON_PATCH)
    assert error.status == status
    assert len(await client.everything()) == 1


async def test_patch_in_another_format_is_415(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    assert (await client.fails("PATCH", "Patient/a", patient("a"))).status == 415
    assert (await client.fails("PATCH", "Patient/a")).status == 400


async def test_patch_under_if_match(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    error = await client.fails("PATCH", "Patient/a", replace_active(False), media_type=JSON_PATCH, if_match='W/"2"')
    assert (error.status, expressions(error)) == (412, [("http.If-Match",)])
    await client.request("PATCH", "Patient/a", replace_active(False), media_type=JSON_PATCH, if_match='W/"1"')
    assert client.response.etag == 'W/"2"'


async def test_concurrent_patches_all_count(client: Client) -> None:
    await client.put("Patient/a", patient("a", name=[{"text": "0"}]))

    async def one(number: int) -> None:
        change = [{"op": "add", "path": "/name/-", "value": {"text": str(number)}}]
        await Client(client.server).request("PATCH", "Patient/a", orjson.dumps(change), media_type=JSON_PATCH)

    await asyncio.gather(*(one(number) for number in range(1, 30)))
    names = [name["text"] for name in (await client.get("Patient/a"))["name"]]
    assert sorted(names, key=int) == [str(number) for number in range(30)]


async def test_conditional_patch(client: Client) -> None:
    async def tried() -> int:
        url = "Patient?identifier=http://acme.org/mrn|1"
        try:
            await client.request("PATCH", url, replace_active(False), media_type=JSON_PATCH)
        except FhirError as error:
            return error.status
        return client.response.status

    assert await tried() == 404
    await client.put("Patient/a", identified("1", id="a", active=True))
    assert (await tried(), (await client.get("Patient/a"))["active"]) == (200, False)
    await client.put("Patient/b", identified("1", id="b", active=True))
    assert await tried() == 412
    assert (await client.fails("PATCH", "Patient", replace_active(False), media_type=JSON_PATCH)).status == 400
