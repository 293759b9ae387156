"""near: how far away each match is, and matches in that order.

http://hl7.org/fhir/R4/location.html#search and http://hl7.org/fhir/R4/extension-location-distance.html
"""

from typing import Any

from tests.interactions.client import Client

DISTANCE = "http://hl7.org/fhir/StructureDefinition/location-distance"


def location(id_: str, latitude: float, longitude: float) -> dict[str, Any]:
    position = {"latitude": latitude, "longitude": longitude}
    return {"resourceType": "Location", "id": id_, "position": position}


def away(page: dict[str, Any]) -> dict[str, float]:
    """Id → kilometres, in the order of the page."""
    found = {}
    for entry in page["entry"]:
        (extension,) = entry["search"]["extension"]
        quantity = extension["valueDistance"]
        assert (extension["url"], quantity["code"]) == (DISTANCE, "km")
        found[entry["resource"]["id"]] = quantity["value"]
    return found


async def test_distance_is_said_and_sorted_by(client: Client) -> None:
    for id_, latitude in (("b", 1.0), ("a", 0.5), ("here", 0.0), ("far", 60.0)):
        await client.put(f"Location/{id_}", location(id_, latitude, 0.0))
    page = await client.get("Location?near=0|0|200|km&_sort=near")
    assert list(away(page)) == ["here", "a", "b"]
    assert {id_: round(km) for id_, km in away(page).items()} == {"here": 0, "a": 56, "b": 111}
    page = await client.get("Location?near=0|0|200|km&_sort=-near&_count=2")
    assert list(away(page)) == ["b", "a"]
    next_ = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert list(away(await client.get(next_))) == ["here"]


async def test_other_searches_say_no_distance(client: Client) -> None:
    await client.put("Location/a", location("a", 0.0, 0.0))
    (entry,) = (await client.get("Location"))["entry"]
    assert entry["search"] == {"mode": "match"}
