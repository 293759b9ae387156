"""transaction: references between entries, and to what criteria find.

http://hl7.org/fhir/R4/http.html#trules
"""

import pytest

from tests.interactions.client import (
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
    statuses,
    the,
)


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
        entry("POST", "Encounter", encounter(f"{other}/Patient/p"), P),
        entry("POST", "Group", {"resourceType": "Group", "type": "person", "actual": True}, "Group/g"),
        entry("POST", "Condition", {"resourceType": "Condition", "subject": {"reference": "Group/g"}}),
    )
    key = f"Patient/{(await the(client, 'Patient'))['id']}"
    assert (await the(client, "Observation"))["subject"]["reference"] == key
    assert (await the(client, "Encounter"))["subject"]["reference"] == key
    group = f"Group/{(await the(client, 'Group'))['id']}"
    assert (await the(client, "Condition"))["subject"]["reference"] == group


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
        entry("POST", "Encounter", encounter(P, partOf={"reference": "Encounter?identifier=e"}), Q),
        entry("POST", "Encounter", encounter(P, identifier=[{"value": "e"}])),
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
