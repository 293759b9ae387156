"""save: hooks, and what they may do."""

from pathlib import Path

import orjson
import pytest

from fhir_server.context import Context, Hooks, Request
from fhir_server.interactions.create import create
from fhir_server.interactions.write import prepare, says_the_same
from fhir_server.model import Change, Key, Version, now
from fhir_server.outcome import Unprocessable
from tests.interactions.client import Client, body, bundle, entry, expressions, patient, server


async def test_before_write_may_refuse_amend_and_write_more(folder: Path) -> None:
    async def refuse(ctx: Context, change: Change) -> None:
        if not change.after.deleted and change.after.resource.get("active") is False:
            raise Unprocessable("no")

    async def amend(ctx: Context, change: Change) -> Version | None:
        if change.after.deleted:
            return None
        after = change.after
        tree = {**after.resource, "birthDate": "1980-01-01"}
        return Version(after.key, after.version_id, after.last_updated, orjson.dumps(tree), method=after.method)

    async def record(ctx: Context, change: Change) -> None:
        basic = {"resourceType": "Basic", "code": {"text": str(change.after.key)}}
        await create(ctx, Request("POST", "Basic", body=body(basic, "")))

    hooks = Hooks(before_write={"Patient": (refuse, amend), "*": ()}, after_commit={})
    running = await server(folder, hooks=hooks)
    client = Client(running)
    assert (await client.put("Patient/a", patient("a")))["birthDate"] == "1980-01-01"
    assert await client.ids("Patient?birthdate=1980") == ["a"]
    assert (await client.fails("PUT", "Patient/b", patient("b", active=False))).status == 422
    assert [key for key, _, _, _ in await client.everything()] == ["Patient/a"]
    await running.store.close()

    (folder / "2").mkdir()
    running = await server(folder / "2", hooks=Hooks(before_write={"Patient": (record,)}))
    client = Client(running)
    await client.put("Patient/a", patient("a"))
    await client.delete("Patient/a")
    texts = [e["resource"]["code"]["text"] for e in (await client.get("Basic"))["entry"]]
    assert texts == ["Patient/a", "Patient/a"]
    before = await client.everything()
    await client.fails(
        "POST", "", bundle("transaction", entry("POST", "Patient", patient()), entry("GET", "Patient/x"))
    )
    assert await client.everything() == before
    await running.store.close()


async def test_after_commit_sees_what_is_durable_and_cannot_fail_the_request(folder: Path) -> None:
    seen: list[tuple[str, bool]] = []

    async def note(ctx: Context, change: Change) -> None:
        stored = await ctx.reader.read(change.after.key)
        seen.append((str(change.after.key), stored is not None and stored.version_id == change.after.version_id))
        raise RuntimeError("too late")

    running = await server(folder, hooks=Hooks(after_commit={"*": (note,)}))
    client = Client(running)
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/a", patient("a"))
    await client.fails("PUT", "Patient/a", patient("a", active=True), if_match="9")
    await client.transaction(entry("PUT", "Patient/b", patient("b")), entry("DELETE", "Patient/a"))
    assert seen == [("Patient/a", True), ("Patient/a", True), ("Patient/b", True)]
    await running.store.close()


@pytest.mark.parametrize(
    ("sent", "same"),
    [
        (b'{"resourceType":"Patient","id":"x","active":true,"extension":[{"url":"u","valueDecimal":1.0}]}', True),
        (b'{"extension":[{"valueDecimal":1.0,"url":"u"}],"active":true,"resourceType":"Patient"}', True),
        (b'{"resourceType":"Patient","active":true,"extension":[{"url":"u","valueDecimal":1.00}]}', False),
        (b'{"resourceType":"Patient","active":true,"extension":[{"url":"u","valueDecimal":1e0}]}', False),
        (b'{"resourceType":"Patient","active":true,"extension":[{"url":"v","valueDecimal":1.0}]}', False),
        (b'{"resourceType":"Patient","active":true}', False),
        (b'{"resourceType":"Patient","meta":{"tag":[{"code":"t"}]},"active":true}', False),
    ],
)
def test_says_the_same(sent: bytes, same: bool) -> None:
    stored = (
        b'{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2026-11-22T17:00:00.123Z"},'
        b'"active":true,"extension":[{"url":"u","valueDecimal":1.0}]}'
    )
    moment = now().replace(year=2026, month=11, day=22, hour=17, minute=0, second=0, microsecond=123000)
    current = Version(Key("Patient", "a"), "1", moment, stored)
    assert says_the_same(prepare("Patient", None, body(sent, "")).tree, current) is same


CONDITIONAL = {"reference": "Practitioner?identifier=http://acme.org|7"}


async def test_a_conditional_reference_is_resolved_within_a_transaction_alone(client: Client) -> None:
    sent = patient(generalPractitioner=[{"reference": "Practitioner/1"}, CONDITIONAL])
    made = await client.post("Patient", patient())
    tries = [("POST", "Patient", sent), ("PUT", "Patient/a", {**sent, "id": "a"}), ("PUT", "Patient?identifier=http://acme.org|1", sent)]  # fmt: skip
    for method, url, resource in tries:
        error = await client.fails(method, url, resource)
        assert (error.status, expressions(error)) == (400, [("Patient.generalPractitioner[1].reference",)])
    change = [{"op": "add", "path": "/managingOrganization", "value": {"reference": "Organization?name=x"}}]
    error = await client.fails("PATCH", f"Patient/{made['id']}", change, media_type="application/json-patch+json")
    assert expressions(error) == [("Patient.managingOrganization.reference",)]
    batch = await client.post("", {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": sent, "request": {"method": "POST", "url": "Patient"}}]})  # fmt: skip
    assert batch["entry"][0]["response"]["status"][:3] == "400"
    assert len(await client.everything()) == 1
    practitioner = await client.post("Practitioner", {"resourceType": "Practitioner", "identifier": [{"system": "http://acme.org", "value": "7"}]})  # fmt: skip
    answer = await client.transaction({"resource": patient(generalPractitioner=[CONDITIONAL]), "request": {"method": "POST", "url": "Patient"}})  # fmt: skip
    stored = await client.get(answer["entry"][0]["response"]["location"].partition("/_history")[0])
    assert stored["generalPractitioner"] == [{"reference": f"Practitioner/{practitioner['id']}"}]


async def test_what_only_looks_like_a_conditional_reference_is_stored(client: Client) -> None:
    texts = [{"text": '"reference":"Practitioner?x"'}, {"text": "Practitioner?identifier=1"}]
    await client.post("Patient", patient(name=texts, link=[{"other": {"reference": "http://a.b/Patient?x=y"}, "type": "seealso"}]))  # fmt: skip
    assert client.response.status == 201
