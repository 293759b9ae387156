"""transaction: order, answers, all or nothing.

http://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
import copy
import itertools
from pathlib import Path

import orjson
import pytest

from fhir_server.context import Prefer
from fhir_server.outcome import FhirError
from tests.interactions.client import (
    BASE,
    ONE,
    Client,
    P,
    Q,
    bundle,
    encounter,
    entry,
    expressions,
    identified,
    observation,
    patient,
    server,
    statuses,
    the,
)


async def test_empty_transaction(client: Client) -> None:
    assert await client.transaction() == bundle("transaction-response")


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


async def test_purge_is_no_entry_of_a_transaction(folder: Path) -> None:
    running = await server(folder, purge=True)
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


async def test_too_many_entries(folder: Path) -> None:
    running = await server(folder, max_entries=2)
    client = Client(running)
    await client.transaction(*[entry("POST", "Patient", patient())] * 2)
    for type_ in ("transaction", "batch"):
        sent = bundle(type_, *[entry("POST", "Patient", patient())] * 3)
        assert (await client.fails("POST", "", sent)).status == 413
    await running.store.close()


async def test_referential_integrity_is_judged_at_the_end(folder: Path) -> None:
    running = await server(folder, referential_integrity=True)
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


async def test_order_of_entries_does_not_matter(client: Client, folder: Path) -> None:
    entries = [
        entry("POST", "Observation", observation(P)),
        entry("POST", "Patient", identified("1"), P, ifNoneExist=ONE),
        entry("DELETE", "Patient/old"),
        entry("POST", "Encounter", encounter(f"Patient?{ONE}")),
        entry("GET", "Patient"),
    ]
    outcomes = set()
    for number, order in enumerate(itertools.permutations(range(5))):
        if number % 12:
            continue
        place = folder / str(number)
        place.mkdir()
        running = await server(place)
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
