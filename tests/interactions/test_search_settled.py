"""Searches that something else decides first: value sets, hierarchies of codes, hierarchies of resources."""

from typing import Any

import pytest

from tests.interactions.client import BASE, Client

SYSTEM = "http://acme.org/animals"
ANIMALS = {
    "resourceType": "CodeSystem",
    "id": "animals",
    "url": SYSTEM,
    "status": "active",
    "content": "complete",
    "concept": [
        {"code": "animal", "concept": [
            {"code": "mammal", "concept": [{"code": "cat"}, {"code": "dog"}]},
            {"code": "bird"},
        ]},
        {"code": "bat", "property": [{"code": "parent", "valueCode": "mammal"}]},
    ],
}  # fmt: skip
CODES = ("animal", "mammal", "cat", "dog", "bird", "bat")


def value_set(id_: str, **compose: Any) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "id": id_,
        "url": f"http://acme.org/vs/{id_}",
        "status": "active",
        "compose": compose,
    }


def is_a(code: str, op: str = "is-a") -> dict[str, Any]:
    return {"system": SYSTEM, "filter": [{"property": "concept", "op": op, "value": code}]}


VALUE_SETS = [
    value_set("pets", include=[{"system": SYSTEM, "concept": [{"code": "cat"}, {"code": "dog"}]}]),
    value_set("mammals", include=[is_a("mammal")]),
    value_set("kinds-of-mammals", include=[is_a("mammal", "descendent-of")]),
    value_set("all", include=[{"system": SYSTEM}]),
    value_set("not-mammals", include=[{"system": SYSTEM}], exclude=[is_a("mammal")]),
    value_set("wild", include=[{"valueSet": ["http://acme.org/vs/mammals"]}], exclude=[{"valueSet": ["http://acme.org/vs/pets"]}]),
    value_set("both", include=[{"system": SYSTEM, "valueSet": ["http://acme.org/vs/pets"]}]),
    value_set("round", include=[{"valueSet": ["http://acme.org/vs/round"]}]),
    value_set("unknown-part", include=[{"system": "http://acme.org/none", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]}]),
]  # fmt: skip


@pytest.fixture
async def zoo(client: Client) -> Client:
    await client.put("CodeSystem/animals", ANIMALS)
    for one in VALUE_SETS:
        await client.put(f"ValueSet/{one['id']}", one)
    for code in CODES:
        coding = [{"system": SYSTEM, "code": code}]
        await client.put(f"Basic/{code}", {"resourceType": "Basic", "id": code, "code": {"coding": coding}})
    await client.put("Basic/bare", {"resourceType": "Basic", "id": "bare", "code": {"coding": [{"code": "cat"}]}})
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("code:in=http://acme.org/vs/pets", {"cat", "dog"}),
        ("code:in=ValueSet/pets", {"cat", "dog"}),
        (f"code:in={BASE}/ValueSet/pets", {"cat", "dog"}),
        ("code:in=http://acme.org/vs/mammals", {"mammal", "cat", "dog", "bat"}),
        ("code:in=http://acme.org/vs/kinds-of-mammals", {"cat", "dog", "bat"}),
        ("code:in=http://acme.org/vs/all", set(CODES)),
        ("code:in=http://acme.org/vs/not-mammals", {"animal", "bird"}),
        ("code:in=http://acme.org/vs/wild", {"mammal", "bat"}),
        ("code:in=http://acme.org/vs/both", {"cat", "dog"}),
        ("code:in=http://acme.org/vs/pets,http://acme.org/vs/wild", {"cat", "dog", "mammal", "bat"}),
        ("code:not-in=http://acme.org/vs/mammals", {"animal", "bird", "bare"}),
        (f"code:below={SYSTEM}|mammal", {"mammal", "cat", "dog", "bat"}),
        (f"code:below={SYSTEM}|cat", {"cat"}),
        (f"code:above={SYSTEM}|bat", {"bat", "mammal", "animal"}),
        (f"code:above={SYSTEM}|cat", {"cat", "mammal", "animal"}),
        ("code:above=cat", {"cat", "mammal", "animal"}),
        (f"code:below={SYSTEM}|cat,{SYSTEM}|bird", {"cat", "bird"}),
        (f"code:below={SYSTEM}|mammal&code:not-in=ValueSet/pets", {"mammal", "bat"}),
    ],
)
async def test_codes_are_found_by_what_they_mean(zoo: Client, query: str, found: set[str]) -> None:
    assert set(await zoo.ids(f"Basic?{query}")) == found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("code:in=http://acme.org/vs/none", "the value set http://acme.org/vs/none is not known here"),
        ("code:in=ValueSet/none", "there is no value set at ValueSet/none"),
        ("code:in=http://acme.org/vs/round", "imports itself"),
        ("code:in=http://acme.org/vs/unknown-part", "the code system http://acme.org/none is not known here"),
        ("code:below=http://acme.org/none|x", "the code system http://acme.org/none is not known here"),
        (f"code:below={SYSTEM}|fish", f"the code system {SYSTEM} has no code 'fish'"),
        ("code:below=fish", "no code system that is known here has the code 'fish'"),
    ],
)
async def test_what_is_not_known_is_refused_by_its_name(zoo: Client, query: str, text: str) -> None:
    error = await zoo.fails("GET", f"Basic?{query}")
    assert (error.status, error.issues[0].expression) == (400, (f"http.{query.partition('=')[0]}",))
    assert text in str(error)


async def test_value_sets_of_r4_are_known(client: Client) -> None:
    for gender in ("male", "female"):
        await client.put(f"Patient/{gender}", {"resourceType": "Patient", "id": gender, "gender": gender})
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert set(await client.ids(f"Patient?gender:in={url}")) == {"male", "female"}
    assert await client.ids(f"Patient?gender:not-in={url}|4.0.1") == []


async def test_a_chain_and_a_reverse_chain_end_in_a_value_set(zoo: Client) -> None:
    owner = {"resourceType": "Patient", "id": "owner"}
    await zoo.put("Patient/owner", owner)
    subject = {"subject": {"reference": "Patient/owner"}, "code": {"coding": [{"system": SYSTEM, "code": "cat"}]}}
    await zoo.put("Basic/pet", {"resourceType": "Basic", "id": "pet", **subject})
    assert await zoo.ids("Patient?_has:Basic:subject:code:in=ValueSet/pets") == ["owner"]
    assert await zoo.ids("Patient?_has:Basic:subject:code:not-in=ValueSet/pets") == []


async def test_criteria_of_conditional_interactions_know_value_sets(zoo: Client) -> None:
    await zoo.delete("Basic?code:in=ValueSet/pets")
    assert set(await zoo.ids("Basic")) == {*CODES, "bare"} - {"cat", "dog"}
    assert (await zoo.fails("DELETE", "Basic?code:in=ValueSet/none")).status == 400


@pytest.fixture
async def hospital(client: Client) -> Client:
    """A building, a ward in it, a bed in that; another building. Parts that go round in a circle."""
    for id_, whole in {"building": "", "ward": "building", "bed": "ward", "other": "", "x": "y", "y": "x"}.items():
        part = {"partOf": {"reference": f"Location/{whole}"}} if whole else {}
        await client.put(f"Location/{id_}", {"resourceType": "Location", "id": id_, **part})
    for id_ in ("building", "ward", "bed", "other", "x", "y"):
        place = [{"location": {"reference": f"Location/{id_}"}}]
        encounter = {
            "resourceType": "Encounter",
            "id": id_,
            "status": "planned",
            "class": {"code": "IMP"},
            "location": place,
        }
        await client.put(f"Encounter/{id_}", encounter)
    return client


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("Encounter?location:below=building", {"building", "ward", "bed"}),
        ("Encounter?location:below=Location/ward", {"ward", "bed"}),
        (f"Encounter?location:below={BASE}/Location/ward", {"ward", "bed"}),
        ("Encounter?location:above=bed", {"building", "ward", "bed"}),
        ("Encounter?location:above=ward,other", {"building", "ward", "other"}),
        ("Encounter?location:below=x", {"x", "y"}),
        ("Encounter?location:above=x", {"x", "y"}),
        ("Encounter?location:below=nowhere", set()),
        ("Location?partof:below=building", {"ward", "bed"}),
        ("Location?_has:Encounter:location:location:below=ward", {"ward", "bed"}),
    ],
)
async def test_places_are_found_with_their_parts(hospital: Client, url: str, found: set[str]) -> None:
    assert set(await hospital.ids(url)) == found
