"""History of a resource, a type and everything, newest first, in stable pages."""

import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, Access, Ids
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import at, coded, deletion, key, save, save_each, token, write


def told(versions: object) -> list[str]:
    return [f"{each.key}/{each.version_id}" for each in versions]  # type: ignore[attr-defined]


@pytest.fixture
async def filled(store: Store) -> Store:
    await save_each(
        store,
        write("Patient/1", token("label", "open"), when=at(0)),
        write("Observation/1", when=at(1)),
        write("Patient/1", token("label", "secret"), number=2, when=at(2)),
        write("Patient/2", token("label", "open"), when=at(3)),
        deletion("Patient/1", 3, at(4)),
    )
    return store


async def test_each_level_newest_first_with_its_total(filled: Store) -> None:
    reader = filled.reader(UNRESTRICTED)
    one = await reader.history(key("Patient/1"), count=10)
    assert (told(one.versions), one.next, one.total) == (["Patient/1/3", "Patient/1/2", "Patient/1/1"], None, 3)
    type_ = await reader.history("Patient", count=10)
    assert told(type_.versions) == ["Patient/1/3", "Patient/2/1", "Patient/1/2", "Patient/1/1"]
    assert type_.total == 4
    system = await reader.history(None, count=10)
    assert told(system.versions) == ["Patient/1/3", "Patient/2/1", "Patient/1/2", "Observation/1/1", "Patient/1/1"]
    assert system.total == 5


async def test_count_0_is_the_total_alone(filled: Store) -> None:
    page = await filled.reader(UNRESTRICTED).history("Patient", count=0)
    assert (page.versions, page.next, page.total) == ((), None, 4)


async def test_unknown_scopes_are_empty(filled: Store) -> None:
    for scope in ("Basic", key("Patient/9"), key("Basic/1")):
        page = await filled.reader(UNRESTRICTED).history(scope, count=10)
        assert (page.versions, page.next, page.total) == ((), None, 0)


async def test_since_includes_its_moment(filled: Store) -> None:
    reader = filled.reader(UNRESTRICTED)
    assert told((await reader.history(None, since=at(3), count=10)).versions) == ["Patient/1/3", "Patient/2/1"]
    assert told((await reader.history(None, since=at(3.0001), count=10)).versions) == ["Patient/1/3"]
    page = await reader.history(key("Patient/1"), since=at(1), count=1)
    assert (told(page.versions), page.total) == (["Patient/1/3"], 2)


async def test_at_shows_what_was_current_then(filled: Store) -> None:
    reader = filled.reader(UNRESTRICTED)
    assert told((await reader.history("Patient", at=(at(1), at(1.5)), count=10)).versions) == ["Patient/1/1"]
    assert told((await reader.history("Patient", at=(at(1.9), at(3.5)), count=10)).versions) == [
        "Patient/2/1",
        "Patient/1/2",
        "Patient/1/1",
    ]
    assert told((await reader.history(key("Patient/1"), at=(at(2), at(4)), count=10)).versions) == ["Patient/1/2"]


@pytest.mark.parametrize("scope", [None, "Patient", key("Patient/1")])
async def test_pages_join_to_the_whole_whatever_is_written_meanwhile(store: Store, scope: object) -> None:
    await save_each(store, *(write("Patient/1", number=n, when=at(n // 3)) for n in range(1, 12)))
    reader = store.reader(UNRESTRICTED)
    page = await reader.history(scope, count=3)  # type: ignore[arg-type]
    found = told(page.versions)
    number = 12
    while page.next:
        await save(store, write("Patient/1", number=number, when=at(50)), write(f"Patient/new-{number}", when=at(-50)))
        number += 1
        page = await reader.history(scope, count=3, after=page.next)  # type: ignore[arg-type]
        found += told(page.versions)
        assert page.total == 11
    assert found == [f"Patient/1/{n}" for n in range(11, 0, -1)]


async def test_a_clock_that_steps_back_does_not_reorder_one_resource(store: Store) -> None:
    await save_each(store, write("Patient/1", when=at(5)), write("Patient/1", number=2, when=at(0)))
    page = await store.reader(UNRESTRICTED).history(key("Patient/1"), count=10)
    assert told(page.versions) == ["Patient/1/2", "Patient/1/1"]


@pytest.mark.parametrize("after", ["", "x", "AAAA", "lapjb2Rl", "\u00e9", "=" * 9, "a" * 5000])
async def test_a_foreign_page_link_is_a_bad_request(filled: Store, after: str) -> None:
    with pytest.raises(BadRequest):
        await filled.reader(UNRESTRICTED).history(None, count=2, after=after)


async def test_each_version_shows_by_its_own_image(filled: Store) -> None:
    """A deletion shows to whom the last state before it showed."""
    reader = filled.reader(Access("someone", where={"Patient": coded("label", "open")}))
    assert told((await reader.history(None, count=10)).versions) == ["Patient/2/1", "Patient/1/1"]
    assert await reader.read(key("Patient/1")) is None
    assert await reader.vread(key("Patient/1"), "3") is None
    assert await reader.vread(key("Patient/1"), "2") is None
    assert await reader.vread(key("Patient/1"), "1") is not None
    one = await reader.history(key("Patient/1"), count=10)
    assert (told(one.versions), one.total) == (["Patient/1/1"], 1)
    secret = filled.reader(Access("someone", where={"Patient": coded("label", "secret")}))
    assert told((await secret.history("Patient", count=10)).versions) == ["Patient/1/3", "Patient/1/2"]


async def test_a_type_that_is_not_granted_does_not_exist(filled: Store) -> None:
    reader = filled.reader(Access("someone", where={"Observation": EVERYTHING}))
    assert told((await reader.history(None, count=10)).versions) == ["Observation/1/1"]
    assert (await reader.history("Patient", count=10)).total == 0
    assert await reader.read(key("Patient/2")) is None
    by_id = filled.reader(Access("someone", where={"Patient": Ids(("2",))}))
    assert told((await by_id.history(None, count=10)).versions) == ["Patient/2/1"]
