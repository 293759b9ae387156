"""One server for the tests of HTTP: they make resources of their own and do not disturb each other."""

from collections.abc import Iterator

import httpx
import pytest

from tests.http.site import site
from tests.stores import NewFolder


@pytest.fixture(scope="session")
def server(new_folder: NewFolder) -> Iterator[httpx.Client]:
    with site(new_folder("site")) as client:
        yield client


@pytest.fixture
def client(server: httpx.Client) -> httpx.Client:
    """A client that says nothing of its own accord."""
    for name in ("accept", "accept-encoding", "user-agent"):
        server.headers.pop(name, None)
    return server


@pytest.fixture
def patient(client: httpx.Client) -> str:
    """The path of a new Patient."""
    made = client.post(
        "/fhir/Patient",
        json={"resourceType": "Patient", "name": [{"family": "Okafor", "given": ["Ada"]}], "gender": "female"},
    )
    assert made.status_code == 201
    return f"/fhir/Patient/{made.json()['id']}"
