"""Places sorted by how far away they are."""

from tests.interactions.client import Client


async def test_places_come_in_the_order_of_their_distance(client: Client) -> None:
    for id_, latitude in {"far": 42.3, "here": 42.2565, "close": 42.28}.items():
        position = {"latitude": latitude, "longitude": -83.69}
        await client.put(f"Location/{id_}", {"resourceType": "Location", "id": id_, "position": position})
    assert await client.ids("Location?near=42.2565|-83.69|10&_sort=near") == ["here", "close", "far"]
    assert await client.ids("Location?near=42.2565|-83.69|10&_sort=-near&_count=2") == ["far", "close", "here"]
    assert (await client.fails("GET", "Location?_sort=near")).status == 400
