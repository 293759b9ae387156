"""batch: every entry for itself."""

from typing import Any

import pytest

from fhir_server.context import Context, Hooks, Prefer
from fhir_server.model import Change
from tests.interactions.client import (
    Client,
    bundle,
    entry,
    expressions,
    identified,
    observation,
    patient,
    server,
    statuses,
)

P = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


async def batch(client: Client, *entries: dict[str, Any], **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = await client.post("", bundle("batch", *entries), **given)
    return made


async def test_entries_succeed_and_fail_by_themselves(client: Client) -> None:
    await client.put("Patient/old", patient("old"))
    answer = await batch(
        client,
        entry("GET", "Patient/a"),
        entry("POST", "Patient", patient(gender="x")),
        entry("PUT", "Patient/a", patient("a")),
        entry("DELETE", "Patient/old"),
        entry("GET", "Patient?_sort=_id&_elements=id"),
        entry("GET", "Patient/none"),
        entry("GET", "Nonsense/1"),
        entry("PUT", "Patient/b", patient("b"), ifMatch="9"),
        entry("GET", "metadata"),
        entry("HEAD", "Patient/a"),
    )
    assert answer["type"] == "batch-response"
    assert statuses(answer) == [
        "200 OK",
        "400 Bad Request",
        "201 Created",
        "204 No Content",
        "200 OK",
        "404 Not Found",
        "404 Not Found",
        "412 Precondition Failed",
        "200 OK",
        "200 OK",
    ]
    failed = answer["entry"][1]["response"]["outcome"]["issue"][0]
    assert failed["expression"] == ["Bundle.entry[1].resource.gender"]
    assert [e["resource"]["id"] for e in answer["entry"][4]["resource"]["entry"]] == ["a"]
    assert answer["entry"][7]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[7].request.ifMatch"]
    assert answer["entry"][8]["resource"]["resourceType"] == "CapabilityStatement"
    assert answer["entry"][9].keys() == {"response"}


async def test_posted_search_has_its_parameters_in_the_url(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/b", patient("b"))
    form = {"resourceType": "Parameters", "parameter": [{"name": "_id", "valueString": "a"}]}
    answer = await batch(
        client,
        entry("POST", "Patient/_search?_id=a"),
        entry("POST", "Patient/_search", form),
        entry("POST", "_search?_type=Patient", patient()),
        entry("POST", "Patient/a/Observation/_search", form),
    )
    assert statuses(answer) == ["200 OK"] + ["400 Bad Request"] * 3
    assert [e["resource"]["id"] for e in answer["entry"][0]["resource"]["entry"]] == ["a"]
    issues = [e["response"]["outcome"]["issue"][0] for e in answer["entry"][1:]]
    assert [issue["expression"] for issue in issues] == [[f"Bundle.entry[{n}].resource"] for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("url", "request_", "expression"),
    [
        ("Patient?name=%zz", {}, "url"),
        ("Patient?name=%00", {}, "url"),
        ("Patient?name=%ff", {}, "url"),
        ("Patient/%00", {}, "url"),
        ("Patient/%ff", {}, "url"),
        ("Patient/a", {"ifNoneMatch": "@@"}, "ifNoneMatch"),
        ("Patient/a", {"ifNoneMatch": 'W/"1'}, "ifNoneMatch"),
        ("Patient/a", {"ifMatch": "a b"}, "ifMatch"),
    ],
)
async def test_entries_are_read_as_strictly_as_http(
    client: Client, url: str, request_: dict[str, Any], expression: str
) -> None:
    await client.put("Patient/a", patient("a"))
    answer = (await batch(client, entry("GET", url, **request_)))["entry"][0]["response"]
    assert answer["status"] == "400 Bad Request"
    assert answer["outcome"]["issue"][0]["expression"] == [f"Bundle.entry[0].request.{expression}"]


async def test_elements_of_reads_and_searches_are_the_types_own(client: Client) -> None:
    await client.put("Patient/a", patient("a", active=True))
    sent = [
        entry("GET", f"{url}?_elements={name}") for url in ("Patient/a", "Patient") for name in ("foo", "name.family")
    ]
    answer = await batch(client, *sent)
    assert statuses(answer) == ["400 Bad Request"] * 4
    answer = await batch(client, *sent, prefer=Prefer(handling="lenient"))
    assert statuses(answer) == ["200 OK"] * 4
    assert [e["resource"]["active"] for e in answer["entry"][:2]] == [True, True]
    for found in answer["entry"][2:]:
        match, remark = found["resource"]["entry"]
        assert match["resource"]["active"]
        assert remark["resource"]["issue"][0]["expression"] == ["http._elements"]


async def test_references_between_entries_are_not_replaced(client: Client) -> None:
    await batch(client, entry("POST", "Patient", patient(), P), entry("POST", "Observation", observation(P)))
    (stored,) = (await client.get("Observation"))["entry"]
    assert stored["resource"]["subject"]["reference"] == P


async def test_conditional_entries(client: Client) -> None:
    sent = [entry("POST", "Patient", identified("1"), ifNoneExist="identifier=1")] * 5
    answer = await batch(client, *sent)
    assert sorted(statuses(answer)) == ["200 OK"] * 4 + ["201 Created"]


async def test_empty_batch(client: Client) -> None:
    assert await batch(client) == bundle("batch-response")


async def test_prefer_holds_for_entries(client: Client) -> None:
    sent = entry("PUT", "Patient/a", patient("a"))
    assert "resource" not in (await batch(client, sent))["entry"][0]
    whole = await batch(client, sent, prefer=Prefer("representation"))
    assert whole["entry"][0]["resource"]["id"] == "a"


@pytest.mark.parametrize(
    ("change", "expression"),
    [
        ({"nonsense": 1}, "Bundle.nonsense"),
        ({"entry": {}}, "Bundle.entry"),
        ({"entry": [1]}, "Bundle.entry[0]"),
        ({"entry": [{"request": {"method": "GET"}}]}, "Bundle.entry[0].request.url"),
        ({"entry": [{"request": {"method": "FETCH", "url": "x"}}]}, "Bundle.entry[0].request.method"),
        ({"entry": [{"resource": 1, "request": {"method": "GET", "url": "x"}}]}, "Bundle.entry[0].resource"),
    ],
)
@pytest.mark.parametrize("type_", ["batch", "transaction"])
async def test_bundle_that_is_not_sound_is_refused_as_a_whole(
    client: Client, type_: str, change: dict[str, Any], expression: str
) -> None:
    error = await client.fails("POST", "", {**bundle(type_), **change})
    assert error.status == 400
    assert expression in {e for issue in expressions(error) for e in issue}


async def test_entry_without_request(client: Client) -> None:
    answer = await batch(client, {"resource": patient()})
    assert statuses(answer) == ["400 Bad Request"]


async def test_defect_in_one_entry_is_500_there_and_tells_nothing(folder: Any) -> None:
    async def broken(ctx: Context, change: Change) -> None:
        raise RuntimeError("secret")

    running = await server(folder, hooks=Hooks(before_write={"Patient": (broken,)}))
    client = Client(running)
    answer = await batch(client, entry("POST", "Patient", patient()), entry("GET", "Patient"))
    assert statuses(answer) == ["500 Internal Server Error", "200 OK"]
    assert "secret" not in str(answer)
    await running.store.close()
