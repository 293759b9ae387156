"""Searches of a compartment."""

from tests.interactions.client import BASE, Client, observation, patient


async def filled(client: Client) -> None:
    for id_ in "ab":
        await client.put(f"Patient/{id_}", patient(id_))
    await client.put("Observation/of-a", {**observation("Patient/a"), "id": "of-a"})
    await client.put(
        "Observation/by-a", {**observation("Patient/b"), "id": "by-a", "performer": [{"reference": "Patient/a"}]}
    )
    await client.put("Observation/of-b", {**observation("Patient/b"), "id": "of-b"})
    await client.put("Observation/url", {**observation(f"{BASE}/Patient/a"), "id": "url", "code": {"text": "other"}})
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/a"}}
    await client.put("Condition/c", condition)


async def test_one_type(client: Client) -> None:
    await filled(client)
    assert await client.ids("Patient/a/Observation") == ["url", "by-a", "of-a"]
    assert await client.ids("Patient/a/Observation?subject=Patient/b") == ["by-a"]
    assert await client.ids("Patient/none/Observation") == []
    assert await client.ids("Patient/a/Observation?_count=1") == ["url", "by-a", "of-a"]


async def test_all_types_with_the_focus_itself(client: Client) -> None:
    await filled(client)
    assert await client.ids("Patient/a/*") == ["c", "url", "by-a", "of-a", "a"]
    assert (await client.request("POST", "Patient/a/*/_search?_count=1"))["entry"][0]["resource"]["id"] == "c"


async def test_some_of_all_types(client: Client) -> None:
    await filled(client)
    page = await client.get("Patient/a/*?_type=Condition,Patient&_count=1")
    assert [e["resource"]["id"] for e in page["entry"]] == ["c"]
    assert page["link"][0]["url"] == f"{BASE}/Patient/a/*?_type=Condition,Patient&_count=1"
    assert await client.ids("Patient/a/*?_type=Condition,Patient&_count=1") == ["c", "a"]
    assert await client.ids("Patient/a/*?_type=Observation&code:text=other") == ["url"]
    for url in ("Patient/a/*?_type=Organization", "Patient/a/*?_type=Foo", "Patient/a/Observation?_type=Observation"):
        assert (await client.fails("GET", url)).issues[0].expression == ("http._type",)


async def test_what_no_compartment_has_is_404(client: Client) -> None:
    for url in ("Organization/1/Observation", "Patient/a/Organization"):
        assert (await client.fails("GET", url)).status == 404


async def test_compartments_are_announced(client: Client) -> None:
    made = await client.get("metadata")
    assert "http://hl7.org/fhir/CompartmentDefinition/patient" in made["rest"][0]["compartment"]
