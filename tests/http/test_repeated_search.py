"""A search that comes again is not understood again, and yet answers for what is there now.

http://hl7.org/fhir/R4/search.html
"""

import httpx

SYSTEM = "urn:tests:repeated-search"


def total(client: httpx.Client, query: str) -> int:
    answer = client.get(f"/fhir/{query}")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total"])


def observation(code: str, **more: object) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": SYSTEM, "code": code}]},
        **more,
    }


def test_search_repeated_after_a_new_system_and_code_finds_them(client: httpx.Client) -> None:
    queries = [f"Observation?code={SYSTEM}|new&_total=accurate", "Observation?code=new-alone&_total=accurate"]
    assert [total(client, query) for query in queries * 3] == [0] * 6
    client.post("/fhir/Observation", json=observation("new"))
    client.post("/fhir/Observation", json=observation("new-alone"))
    assert [total(client, query) for query in queries * 2] == [1] * 4


def test_search_repeated_while_codes_change_their_frequency_stays_right(client: httpx.Client) -> None:
    """The plan is led by the rarest condition; which one that is changes here."""
    query = f"Observation?code={SYSTEM}|swing&status=amended&_total=accurate"
    for number in range(6):
        client.post("/fhir/Observation", json=observation("swing"))
        client.post("/fhir/Observation", json=observation("other", status="amended"))
        client.post("/fhir/Observation", json=observation("swing", status="amended"))
        assert total(client, query) == number + 1


def test_search_repeated_after_delete_and_update_forgets_what_is_gone(client: httpx.Client) -> None:
    query = f"Observation?code={SYSTEM}|gone&_total=accurate"
    made = client.post("/fhir/Observation", json=observation("gone")).json()
    assert total(client, query) == 1
    client.put(f"/fhir/Observation/{made['id']}", json=observation("changed") | {"id": made["id"]})
    assert total(client, query) == 0
    client.put(f"/fhir/Observation/{made['id']}", json=observation("gone") | {"id": made["id"]})
    assert total(client, query) == 1
    client.delete(f"/fhir/Observation/{made['id']}")
    assert total(client, query) == 0
