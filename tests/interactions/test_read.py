"""read, vread and their conditional forms."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_server.outcome import Gone
from tests.interactions.client import Client, patient


async def test_read_gives_the_stored_bytes_with_version_and_date(client: Client) -> None:
    made = await client.put("Patient/a", patient("a", active=True))
    assert await client.get("Patient/a") == made
    response = client.response
    assert (response.status, response.etag) == (200, 'W/"1"')
    assert response.version is not None
    assert response.last_modified == response.version.last_updated


async def test_read_of_what_never_was_is_404(client: Client) -> None:
    for url in ("Patient/a", "Patient/not_an_id", "Patient/" + "x" * 65, "Patient/a/_history/1"):
        assert (await client.fails("GET", url)).status == 404


async def test_read_of_a_deleted_resource_is_410_with_the_etag_of_the_deletion(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    await client.delete("Patient/a")
    for url in ("Patient/a", "Patient/a/_history/2"):
        error = await client.fails("GET", url)
        assert isinstance(error, Gone)
        assert error.headers == {"ETag": 'W/"2"'}


async def test_vread_gives_each_version(client: Client) -> None:
    first = await client.put("Patient/a", patient("a", active=True))
    second = await client.put("Patient/a", patient("a", active=False))
    assert await client.get("Patient/a/_history/1") == first
    assert client.response.etag == 'W/"1"'
    assert await client.get("Patient/a/_history/2") == second
    assert (await client.fails("GET", "Patient/a/_history/3")).status == 404
    assert (await client.fails("GET", "Patient/a/_history/x")).status == 404


async def test_if_none_match_and_if_modified_since(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    now = datetime.now(UTC)
    cases: list[tuple[int, dict[str, Any]]] = [
        (304, {"if_none_match": "1"}),
        (304, {"if_none_match": 'W/"7", W/"1"'}),
        (304, {"if_none_match": "*"}),
        (200, {"if_none_match": "2"}),
        (304, {"if_modified_since": now}),
        (200, {"if_modified_since": now - timedelta(days=1)}),
        (200, {"if_none_match": "2", "if_modified_since": now}),
    ]
    for url in ("Patient/a", "Patient/a/_history/1"):
        for status, condition in cases:
            await client.get(url, **condition)
            assert (client.response.status, condition) == (status, condition)
            assert client.response.etag == 'W/"1"'
