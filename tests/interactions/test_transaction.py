"""transaction: links, conditions, order, all or nothing."""

import asyncio
import base64
import copy
import itertools
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_server.context import Prefer
from fhir_server.outcome import FhirError
from tests.interactions.client import (
    BASE,
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
Q = "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"
ONE = "identifier=http://acme.org/mrn|1"


async def the(client: Client, type_: str) -> dict[str, Any]:
    """The only resource of its type."""
    (entry_,) = (await client.get(type_))["entry"]
    found: dict[str, Any] = entry_["resource"]
    return found


async def test_empty_transaction(client: Client) -> None:
    assert await client.transaction() == bundle("transaction-response")


async def test_references_to_new_resources_are_replaced_everywhere(client: Client) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{P}">{P}</a></div>'
    sent = observation(
        P,
        text={"status": "generated", "div": div},
        performer=[{"reference": f"{P}/_history/9"}],
        extension=[
            {"url": "http://x/uri", "valueUri": P},
            {"url": "http://x/url", "valueUrl": f"{P}#part"},
            {"url": "http://x/canonical", "valueCanonical": P},
            {"url": "http://x/string", "valueString": P},
        ],
    )
    answer = await client.transaction(entry("POST", "Observation", sent, Q), entry("POST", "Patient", patient(), P))
    assert statuses(answer) == ["201 Created", "201 Created"]
    stored, subject = await the(client, "Observation"), await the(client, "Patient")
    key = f"Patient/{subject['id']}"
    assert [e["response"]["location"] for e in answer["entry"]] == [
        f"Observation/{stored['id']}/_history/1",
        f"{key}/_history/1",
    ]
    assert stored == sent | {
        "id": stored["id"],
        "meta": stored["meta"],
        "subject": {"reference": key},
        "text": {"status": "generated", "div": div.replace(f'href="{P}"', f'href="{key}"')},
        "performer": [{"reference": f"{key}/_history/1"}],
        "extension": [
            {"url": "http://x/uri", "valueUri": key},
            {"url": "http://x/url", "valueUrl": f"{key}#part"},
            {"url": "http://x/canonical", "valueCanonical": P},
            {"url": "http://x/string", "valueString": P},
        ],
    }
    assert await client.ids(f"Observation?subject={key}") == [stored["id"]]


async def test_relative_and_absolute_full_urls(client: Client) -> None:
    other = "http://other.org/fhir"
    await client.transaction(
        entry("POST", "Patient", patient("p"), f"{other}/Patient/p"),
        entry("POST", "Observation", observation("Patient/p"), f"{other}/Observation/o"),
        entry("POST", "Encounter", _encounter(f"{other}/Patient/p"), P),
        entry("POST", "Group", {"resourceType": "Group", "type": "person", "actual": True}, "Group/g"),
        entry("POST", "Condition", {"resourceType": "Condition", "subject": {"reference": "Group/g"}}),
    )
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert (await the(client, "Observation"))["subject"]["reference"] == key
    assert (await the(client, "Encounter"))["subject"]["reference"] == key
    group = f"Group/{(await the(client, 'Group'))['id']}"
    assert (await the(client, "Condition"))["subject"]["reference"] == group


def _encounter(subject: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": subject},
        **more,
    }


async def test_circular_references(client: Client) -> None:
    await client.transaction(
        entry("POST", "Patient", patient(link=[{"other": {"reference": Q}, "type": "seealso"}]), P),
        entry("POST", "Patient", patient(link=[{"other": {"reference": P}, "type": "seealso"}]), Q),
    )
    first, second = [e["resource"] for e in (await client.get("Patient"))["entry"]]
    assert first["link"][0]["other"]["reference"] == f"Patient/{second['id']}"
    assert second["link"][0]["other"]["reference"] == f"Patient/{first['id']}"


async def test_references_to_what_is_not_in_the_bundle_stay(client: Client) -> None:
    await client.transaction(entry("POST", "Observation", observation("http://elsewhere.org/Patient/1")))
    assert (await the(client, "Observation"))["subject"]["reference"] == "http://elsewhere.org/Patient/1"


async def test_urn_that_leads_nowhere_is_refused_with_its_place(client: Client) -> None:
    error = await client.fails(
        "POST",
        "",
        bundle("transaction", entry("POST", "Patient", patient()), entry("POST", "Observation", observation(P))),
    )
    assert (error.status, expressions(error)) == (400, [("Bundle.entry[1].resource.subject.reference",)])
    assert await client.everything() == []


async def test_conditional_reference_to_what_is_stored(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    await client.transaction(entry("POST", "Observation", observation(f"Patient?{ONE}")))
    assert (await the(client, "Observation"))["subject"]["reference"] == "Patient/a"
    assert len(await client.ids("Observation?subject=Patient/a")) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_conditional_reference_to_what_the_bundle_itself_brings(client: Client, method: str) -> None:
    url = "Patient" if method == "POST" else "Patient/a"
    await client.transaction(
        entry("POST", "Observation", observation(f"Patient?{ONE}")),
        entry("POST", "Encounter", _encounter(P, partOf={"reference": "Encounter?identifier=e"}), Q),
        entry("POST", "Encounter", _encounter(P, identifier=[{"value": "e"}])),
        entry(method, url, identified("1", id="a"), P),
    )
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert (await the(client, "Observation"))["subject"]["reference"] == key


async def test_conditional_reference_without_a_match(client: Client) -> None:
    for extra in ([], [entry("POST", "Patient", identified("2"))]):
        sent = bundle("transaction", *extra, entry("POST", "Observation", observation(f"Patient?{ONE}")))
        error = await client.fails("POST", "", sent)
        assert (error.status, expressions(error)) == (
            412,
            [(f"Bundle.entry[{len(extra)}].resource.subject.reference",)],
        )
    assert await client.everything() == []


async def test_conditional_reference_with_several_matches_in_the_end(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    sent = bundle(
        "transaction",
        entry("POST", "Observation", observation(f"Patient?{ONE}")),
        entry("POST", "Patient", identified("1")),
    )
    error = await client.fails("POST", "", sent)
    assert (error.status, error.issues[0].code) == (412, "multiple-matches")
    assert expressions(error) == [("Bundle.entry[0].resource.subject.reference",)]
    assert len(await client.everything()) == 1


async def test_conditional_reference_with_wrong_criteria(client: Client) -> None:
    sent = bundle("transaction", entry("POST", "Observation", observation("Patient?nonsense=1")))
    error = await client.fails("POST", "", sent)
    assert (error.status, expressions(error)) == (400, [("Bundle.entry[0].resource.subject.reference",)])


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
        entry("POST", "Encounter", _encounter(P)),
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


async def test_reads_and_searches_see_the_outcome_of_the_writes(client: Client) -> None:
    await client.put("Patient/gone", patient("gone"))
    answer = await client.transaction(
        entry("GET", "Patient?_sort=_id"),
        entry("GET", "Patient/a"),
        entry("HEAD", "Patient/a"),
        entry("GET", "Patient/a/_history"),
        entry("GET", "Patient/a?_elements=active"),
        entry("PUT", "Patient/a", patient("a", active=True)),
        entry("DELETE", "Patient/gone"),
    )
    assert statuses(answer) == ["200 OK"] * 5 + ["201 Created", "204 No Content"]
    searched, read, head, history, part, *_ = answer["entry"]
    assert [e["resource"]["id"] for e in searched["resource"]["entry"]] == ["a"]
    assert read["resource"] == await client.get("Patient/a")
    assert "resource" not in head
    assert len(history["resource"]["entry"]) == 1
    assert part["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_failing_read_fails_the_transaction(client: Client) -> None:
    sent = bundle("transaction", entry("POST", "Patient", patient()), entry("GET", "Patient/none"))
    error = await client.fails("POST", "", sent)
    assert (error.status, expressions(error)) == (404, [("Bundle.entry[1]",)])
    assert await client.everything() == []


async def test_purge_is_no_entry_of_a_transaction(tmp_path: Path) -> None:
    running = await server(tmp_path, purge=True)
    client = Client(running)
    await client.put("Patient/a", patient("a"))
    for url in ("Patient/a/_history", "Patient/a/_history/1"):
        error = await client.fails("POST", "", bundle("transaction", entry("DELETE", url)))
        assert (error.status, expressions(error)) == (400, [("Bundle.entry[0].request.url",)])
    assert len(await client.everything()) == 1
    await running.store.close()


async def test_one_resource_twice_is_refused(client: Client) -> None:
    await client.put("Patient/a", identified("1", id="a"))
    twice = [
        [entry("PUT", "Patient/b", patient("b")), entry("PUT", "Patient/b", patient("b"))],
        [entry("PUT", "Patient/a", patient("a")), entry("DELETE", "Patient/a")],
        [entry("PUT", "Patient/a", patient("a")), entry("DELETE", f"Patient?{ONE}")],
        [entry("PUT", f"Patient?{ONE}", patient(active=True)), entry("DELETE", "Patient/a")],
        [entry("PUT", "Patient?identifier=2", identified("2")), entry("PUT", "Patient?identifier=2", identified("2"))],
        [entry("POST", "Patient", identified("3"), ifNoneExist="identifier=3")] * 2,
    ]
    for entries in twice:
        error = await client.fails("POST", "", bundle("transaction", *copy.deepcopy(entries)))
        assert (error.status, expressions(error)) == (400, [("Bundle.entry[0]", "Bundle.entry[1]")])
    assert len(await client.everything()) == 1


async def test_one_full_url_twice_is_refused(client: Client) -> None:
    sent = bundle("transaction", entry("POST", "Patient", patient(), P), entry("POST", "Patient", patient(), P))
    error = await client.fails("POST", "", sent)
    assert (error.status, expressions(error)) == (400, [("Bundle.entry[0].fullUrl", "Bundle.entry[1].fullUrl")])


async def test_everything_that_is_wrong_is_told_at_once(client: Client) -> None:
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(gender="x")),
        entry("POST", "Patient", patient()),
        entry("PUT", "Patient/a", patient("a", nonsense=1, birthDate="x")),
    )
    error = await client.fails("POST", "", sent)
    assert error.status == 400
    assert sorted(expressions(error)) == [
        ("Bundle.entry[0].resource.gender",),
        ("Bundle.entry[2].resource.birthDate",),
        ("Bundle.entry[2].resource.nonsense",),
    ]
    sent = bundle(
        "transaction",
        entry("POST", "Nonsense", patient()),
        entry("PUT", "Patient/a", patient("b")),
        entry("PUT", "Patient/b"),
        entry("DELETE", "Patient"),
        entry("GET", "http://elsewhere.org/Patient/1"),
        entry("POST", "Patient", observation("Patient/1")),
        entry("POST", "", patient()),
    )
    del sent["entry"][-1]
    error = await client.fails("POST", "", sent)
    assert [e for e, *_ in expressions(error)] == [
        "Bundle.entry[0]",
        "Bundle.entry[1].resource.id",
        "Bundle.entry[2].resource",
        "Bundle.entry[3].request.url",
        "Bundle.entry[4].request.url",
        "Bundle.entry[5].resource.resourceType",
    ]


@pytest.mark.parametrize("type_", ["collection", "history", "document", None])
async def test_other_bundles_are_refused(client: Client, type_: str | None) -> None:
    error = await client.fails("POST", "", {"resourceType": "Bundle", "type": type_})
    assert (error.status, expressions(error)) == (400, [("Bundle.type",)])


async def test_other_resources_are_refused(client: Client) -> None:
    assert (await client.fails("POST", "", patient())).status == 400


async def test_bundle_within_a_bundle(client: Client) -> None:
    document = bundle("collection", {"fullUrl": Q, "resource": observation(P)}, {"fullUrl": P, "resource": patient()})
    await client.transaction(entry("POST", "Bundle", document), entry("POST", "Patient", patient(), P))
    stored = await the(client, "Bundle")
    assert stored["entry"] == document["entry"]
    error = await client.fails("POST", "", bundle("transaction", entry("POST", "/", bundle("batch"))))
    assert (error.status, expressions(error)) == (400, [("Bundle.entry[0].request.url",)])


async def test_preferred_answers(client: Client) -> None:
    sent = (entry("PUT", "Patient/a", patient("a", active=True)),)
    minimal = await client.transaction(*sent)
    assert minimal["entry"][0].keys() == {"response"}
    assert minimal["entry"][0]["response"].keys() == {"status", "location", "etag", "lastModified"}
    whole = await client.transaction(*sent, prefer=Prefer("representation"))
    assert whole["entry"][0]["resource"] == await client.get("Patient/a")
    assert whole["entry"][0]["fullUrl"] == f"{BASE}/Patient/a"
    told = await client.transaction(*sent, prefer=Prefer("OperationOutcome"))
    assert "resource" not in told["entry"][0]
    assert told["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_too_many_entries(tmp_path: Path) -> None:
    running = await server(tmp_path, max_entries=2)
    client = Client(running)
    await client.transaction(*[entry("POST", "Patient", patient())] * 2)
    for type_ in ("transaction", "batch"):
        sent = bundle(type_, *[entry("POST", "Patient", patient())] * 3)
        assert (await client.fails("POST", "", sent)).status == 413
    await running.store.close()


async def test_referential_integrity_is_judged_at_the_end(tmp_path: Path) -> None:
    running = await server(tmp_path, referential_integrity=True)
    client = Client(running)
    await client.put("Patient/old", patient("old"))
    await client.put("Observation/o", {**observation("Patient/old"), "id": "o"})
    await client.transaction(
        entry("DELETE", "Patient/old"),
        entry("PUT", "Observation/o", {**observation("Patient/new"), "id": "o"}),
        entry("PUT", "Patient/new", patient("new")),
    )
    before = await client.everything()
    error = await client.fails(
        "POST",
        "",
        bundle(
            "transaction",
            entry("POST", "Patient", patient()),
            entry("POST", "Observation", observation("Patient/none")),
            entry("DELETE", "Patient/new"),
        ),
    )
    assert {e for issue in expressions(error) for e in issue} == {
        "Bundle.entry[1].resource.subject.reference",
        "Bundle.entry[2].resource",
    }
    assert await client.everything() == before
    await running.store.close()


async def test_decimals_keep_their_digits(client: Client) -> None:
    raw = b'{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00},'
    raw += b'"subject":{"reference":"%b"}}' % P.encode()
    sent = b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Observation"},'
    sent += b'"resource":%b},{"fullUrl":"%b","request":{"method":"POST","url":"Patient"},' % (raw, P.encode())
    sent += b'"resource":{"resourceType":"Patient"}}]}'
    await client.post("", sent)
    stored = next(body for key, _, _, body in await client.everything() if key.startswith("Observation"))
    assert stored is not None
    assert b'"value":1.00}' in stored
    assert P.encode() not in stored


async def test_order_of_entries_does_not_matter(client: Client, tmp_path: Path) -> None:
    entries = [
        entry("POST", "Observation", observation(P)),
        entry("POST", "Patient", identified("1"), P, ifNoneExist=ONE),
        entry("DELETE", "Patient/old"),
        entry("POST", "Encounter", _encounter(f"Patient?{ONE}")),
        entry("GET", "Patient"),
    ]
    outcomes = set()
    for number, order in enumerate(itertools.permutations(range(5))):
        if number % 12:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        running = await server(folder)
        own = Client(running)
        await own.put("Patient/old", identified("0", id="old"))
        answer = await own.transaction(*(copy.deepcopy(entries[index]) for index in order))
        told = dict(zip(order, statuses(answer), strict=True))
        patient_id = (await the(own, "Patient"))["id"]
        for type_ in ("Observation", "Encounter"):
            assert (await the(own, type_))["subject"]["reference"] == f"Patient/{patient_id}"
        outcomes.add(orjson.dumps([told[index] for index in range(5)]))
        await running.store.close()
    assert len(outcomes) == 1


async def test_failure_at_any_entry_leaves_the_store_unchanged(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.put("Patient/b", patient("b"))
    before = await client.everything()
    entries = [
        entry("DELETE", "Patient/b"),
        entry("POST", "Patient", patient(), P),
        entry("POST", "Observation", observation(P)),
        entry("PUT", "Patient/c", patient("c")),
        entry("GET", "Patient"),
    ]
    failing = [
        entry("PUT", "Patient/a", patient("a", active=True), ifMatch="9"),
        entry("DELETE", "Patient/a", ifMatch="9"),
        entry("GET", "Patient/never"),
        entry("POST", "Observation", observation("Patient?identifier=none")),
        entry("PATCH", "Patient/never", {"resourceType": "Parameters"}),
    ]
    for place, bad in itertools.product(range(6), failing):
        sent = [*entries[:place], bad, *entries[place:]]
        error = await client.fails("POST", "", bundle("transaction", *copy.deepcopy(sent)))
        assert all(e.startswith(f"Bundle.entry[{place}]") for issue in expressions(error) for e in issue)
        assert await client.everything() == before


async def test_transaction_is_never_half_visible(client: Client) -> None:
    done = asyncio.Event()

    async def watch() -> set[int]:
        seen = set()
        while not done.is_set():
            seen.add((await Client(client.server).get("Patient?_count=0"))["total"])
            await asyncio.sleep(0)
        return seen

    watching = asyncio.create_task(watch())
    for _ in range(5):
        await client.transaction(*[entry("POST", "Patient", patient()) for _ in range(40)])
        with pytest.raises(FhirError):
            await client.transaction(
                *[entry("POST", "Patient", patient()) for _ in range(40)], entry("GET", "Patient/never")
            )
    done.set()
    assert await watching <= {0, 40, 80, 120, 160, 200}


async def test_concurrent_transactions_with_the_same_conditions_make_one_resource(client: Client) -> None:
    async def one() -> None:
        await Client(client.server).transaction(
            entry("POST", "Patient", identified("1"), P, ifNoneExist=ONE), entry("POST", "Observation", observation(P))
        )

    await asyncio.gather(*(one() for _ in range(40)))
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert len(await client.ids(f"Observation?subject={key}&_count=100")) == 40
