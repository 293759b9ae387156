"""What validation asks of terminology: R4's own value sets at once, stored ones after a look into the store.

http://hl7.org/fhir/R4/terminologies.html#binding
"""

import pytest

from fhir_server.search.query import UNRESTRICTED
from fhir_server.validation.codes import StoredCodes
from fhir_server.validation.known import Known
from tests.interactions.client import Client
from tests.interactions.conftest import client
from tests.operations.zoo import ANIMALS, SYSTEM, VS, stocked, value_set

__all__ = ["client"]

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"


def test_value_sets_of_r4_are_answered_at_once() -> None:
    codes = StoredCodes()
    assert codes.member(f"{GENDER}|4.0.1", None, "male") is True
    assert codes.member(GENDER, None, "males") is False
    assert not codes.missing


@pytest.mark.parametrize(
    ("value_set", "system", "code", "member"),
    [
        (f"{VS}pets", SYSTEM, "cat", True),
        (f"{VS}pets", SYSTEM, "bat", False),
        (f"{VS}pets", None, "cat", True),
        (f"{VS}pets", "", "cat", False),
        (f"{VS}mammals", SYSTEM, "bat", True),
        (f"{VS}none", SYSTEM, "cat", None),
        (f"{VS}round", SYSTEM, "cat", None),
        (f"{VS}unknown", "http://acme.org/none", "x", None),
        (f"{VS}unknown", SYSTEM, "cat", False),
        (f"{VS}units", "http://unitsofmeasure.org", "mg", True),
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "text/plain", True),
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "text plain", False),
    ],
)
async def test_stored_value_sets_are_answered_after_a_look(
    client: Client, value_set: str, system: str | None, code: str, member: bool | None
) -> None:
    zoo = await stocked(client)
    known = zoo.server.known
    assert known.codes.member(value_set, system, code) is None
    reader = zoo.server.store.reader(UNRESTRICTED)
    assert await known.settled(reader, lambda: known.codes.member(value_set, system, code)) is member
    assert known.codes.member(value_set, system, code) is member
    assert not known.codes.missing


async def test_a_change_in_the_store_is_seen(client: Client) -> None:
    zoo = await stocked(client)
    known = zoo.server.known
    reader = zoo.server.store.reader(UNRESTRICTED)

    async def bat() -> bool | None:
        return await known.settled(reader, lambda: known.codes.member(f"{VS}pets", SYSTEM, "bat"))

    assert await bat() is False
    await zoo.put("ValueSet/pets", value_set("pets", include=[{"system": SYSTEM}]))
    assert await bat() is True
    await zoo.put("CodeSystem/animals", {**ANIMALS, "concept": [{"code": "cat"}]})
    assert await bat() is False


async def test_answers_are_kept_in_bounds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo = await stocked(client)
    monkeypatch.setattr("fhir_server.validation.codes.MOST_ANSWERS", 2)
    known = Known(StoredCodes())
    reader = zoo.server.store.reader(UNRESTRICTED)
    for code in ("cat", "dog", "bat", "cat"):
        member = await known.settled(reader, lambda code=code: known.codes.member(f"{VS}pets", SYSTEM, code))  # type: ignore[misc]
        assert member is (code != "bat")
