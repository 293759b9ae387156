"""The record of added search parameters: what changes when a source says what it adds."""

from dataclasses import replace
from hashlib import blake2b

from fhir_server.definitions import SearchParameter, definitions
from fhir_server.indexing import record
from fhir_server.indexing.record import Record, ask, declare, latest, read
from fhir_server.model import Key, Version, now
from fhir_server.search.parameters import stored
from fhir_server.search.query import UNRESTRICTED
from fhir_server.search.registry import R4
from fhir_server.storage.base import Store, Write

MAIDEN = SearchParameter("maiden", "urn:m", ("Patient",), "string", "Patient.photo.title")
BOTH = SearchParameter("both", "urn:b", ("Patient", "Person"), "string", "Patient.photo.title | Person.photo.title")


async def declared(store: Store, source: str, *parameters: SearchParameter) -> bool:
    return await store.transact(UNRESTRICTED, lambda transaction: declare(transaction.state, source, parameters))


async def summary(store: Store) -> tuple[list[tuple[str, str, int, bool]], list[tuple[int, tuple[str, ...]]]]:
    found, _ = await read(store.state)
    return (
        [(a.source, a.definition.code, a.serial, a.ready) for a in found.added],
        [(w.serial, w.types) for w in found.wanted],
    )


async def test_a_new_parameter_waits_for_its_types(store: Store) -> None:
    assert await read(store.state) == (Record(), 0)
    assert await declared(store, "a", BOTH) is True
    assert await summary(store) == ([("a", "both", 1, False)], [(1, ("Patient", "Person"))])
    assert await declared(store, "a", BOTH) is False


async def test_a_changed_one_gets_another_serial_a_new_description_does_not(store: Store) -> None:
    await declared(store, "a", MAIDEN)
    assert await declared(store, "a", replace(MAIDEN, description="new")) is True
    assert await summary(store) == ([("a", "maiden", 1, False)], [(1, ("Patient",))])
    assert await declared(store, "a", replace(BOTH, code="maiden", url="urn:m")) is True
    assert await summary(store) == ([("a", "maiden", 2, False)], [(2, ("Patient", "Person"))])


async def test_one_that_goes_leaves_its_types_to_be_cleared(store: Store) -> None:
    await declared(store, "a", MAIDEN)
    await declared(store, "b", BOTH)
    assert await declared(store, "a") is True
    assert await summary(store) == ([("b", "both", 2, False)], [(2, ("Patient", "Person")), (3, ("Patient",))])


async def test_what_r4s_entries_hold_needs_no_walk(store: Store) -> None:
    await declared(store, "a", SearchParameter("born", "urn:born", ("Patient",), "date", "Patient.birthDate"))
    assert await summary(store) == ([("a", "born", 1, True)], [])


async def test_latest_is_the_same_registry_until_the_record_changes(store: Store) -> None:
    assert await latest(store.state, R4) is R4
    await declared(store, "a", MAIDEN)
    found = await latest(store.state, R4)
    assert ([a.definition for a in found.added], found.wanted, found.revision) == (
        [MAIDEN],
        True,
        await record.revision(store.state),
    )
    assert await latest(store.state, found) is found


async def test_asking_wants_all_types_and_tries_again_what_failed(store: Store) -> None:
    await declared(store, "a", MAIDEN)
    found, number = await read(store.state)
    failed = replace(found.added[0], failed="why")
    await record.write(store.state, Record((failed,), (), found.serial), number)
    await store.transact(UNRESTRICTED, lambda transaction: ask(transaction.state))
    found, _ = await read(store.state)
    assert [(a.serial, a.failed, a.ready) for a in found.added] == [(3, "", False)]
    assert [(w.serial, w.types, w.repair) for w in found.wanted] == [
        (2, definitions().resource_types, True),
        (3, ("Patient",), False),
    ]


async def test_a_database_of_another_format_is_indexed_again_and_searches_say_so(store: Store) -> None:
    await record.keep_up(store)
    assert await read(store.state) == (Record(), 0)
    body = b'{"resourceType":"Patient","id":"1"}'
    await store.transact(
        UNRESTRICTED, lambda t: t.append([Write(Version(Key("Patient", "1"), "1", now(), body), (), None)])
    )
    await record.keep_up(store)
    assert await read(store.state) == (Record(), 0)
    kept = await store.state.read("search", "format")
    assert kept is not None
    await store.state.write("search", "format", b"1", expected=kept.revision)
    await record.keep_up(store)
    await record.keep_up(store)
    found, _ = await read(store.state)
    assert [(w.types, w.repair, w.behind) for w in found.wanted] == [(("Patient",), False, True)]
    assert (await latest(store.state, R4)).behind is True


def test_what_is_indexed_has_the_number_of_its_format() -> None:
    """Whoever changes what R4's own parameters index counts FORMAT up, and writes the new digest here."""
    said = sorted(
        (type_, code, *(repr(way.steps) + way.type for way in ways))
        for type_ in definitions().resource_types
        for code, ways in stored(type_).items()
    )
    assert (record.FORMAT, blake2b(repr(said).encode(), digest_size=8).hexdigest()) == (4, "d7064174908643c7")
