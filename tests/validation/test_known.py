"""Conformance resources of the store as validation knows them.

http://hl7.org/fhir/R4/references.html#canonical
"""

from time import process_time
from typing import Any

import pytest

from fhir_server.search.query import UNRESTRICTED
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.known import Known
from tests.interactions.client import Client
from tests.interactions.conftest import client

__all__ = ["client"]

URL = "http://acme.org/Questionnaire/"


def questionnaire(id_: str, name: str, version: str) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "id": id_, "url": f"{URL}{name}", "version": version, "status": "active"}


@pytest.mark.parametrize("at_once", [100, 2])
async def test_many_are_found_at_once_each_by_its_version(
    client: Client, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("fhir_server.validation.known.MOST_VERSIONS", at_once)
    for id_, name, version in (("a1", "a", "1.9"), ("a2", "a", "1.10"), ("b", "b", "1")):
        await client.put(f"Questionnaire/{id_}", questionnaire(id_, name, version))
    wanted = {"a": "a2", "a|1.9": "a1", "a|2": None, "b": "b", **{f"no{n}": None for n in range(150)}}
    known = Known(CoreCodes())

    def ask() -> dict[str, str | None]:
        found = {name: known.find("Questionnaire", f"{URL}{name}") for name in wanted}
        return {name: None if one is None else str(one["id"]) for name, one in found.items()}

    assert await known.settled(client.server.store.reader(UNRESTRICTED), ask) == wanted


async def test_thousands_of_claims_are_looked_for_in_moments(client: Client) -> None:
    claims = {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"profile": [f"{URL}{n}" for n in range(5_000)]}}
    began = process_time()
    await client.post("Basic", claims)
    assert client.response.status == 201
    assert process_time() - began < 3
