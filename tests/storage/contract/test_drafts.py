"""Drafts of code systems: what is put down by parts is what is defined at once, and nobody sees it before.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.concepts import EVERY, Below, Concept, Condition, Property, Saying, System, Valued
from fhir_server.model import Key
from fhir_server.outcome import Conflict
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Store, Transaction
from fhir_server.terminology.hierarchy import placed
from tests.storage.contract.shorthand import save, written
from tests.storage.contract.test_concepts import CAT, CODES, URL, conditions, define, graphs

T = TypeVar("T")


async def run(store: Store, work: Callable[[Transaction], Awaitable[T]]) -> T:
    return await store.transact(UNRESTRICTED, work)


async def put(store: Store, name: str, concepts: list[Concept], start: int = 0, stop: int | None = None) -> int:
    """Begins a draft and adds a part of the concepts; returns how many were there before."""
    found = list(placed(concepts))

    async def work(transaction: Transaction) -> int:
        there = await transaction.drafts.begin(name, len(found))
        await transaction.drafts.add(name, start, found[start:stop])
        return there

    return await run(store, work)


async def swept(store: Store, most: int = 1) -> int:
    """How many concepts are freed, step by step."""
    total = 0
    while found := await run(store, lambda transaction: transaction.drafts.sweep(most)):
        total += found
    return total


async def codes(store: Store, where: Condition = EVERY) -> list[str]:
    concepts = store.reader(UNRESTRICTED).concepts
    return [c.code for s in await concepts.systems(URL) for c in await concepts.select(s, where, count=99)]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(concepts=graphs(), asked=st.lists(conditions(), min_size=6, max_size=12), step=st.integers(1, 9))
async def test_a_draft_that_is_published_is_what_is_defined_at_once(
    store: Store, concepts: list[Concept], asked: list[Condition], step: int
) -> None:
    system = System(URL, "1")
    await define(store, "once", System("http://acme.org/once", "1"), concepts)
    assert await put(store, "d", concepts, 0, 0) == 0
    for start in range(0, len(concepts), step):
        await define(store, f"between-{start}", System("http://acme.org/between"), CAT)
        assert await put(store, "d", concepts, start, start + step) == start
    await run(store, lambda transaction: transaction.drafts.publish("d", "parts", system))
    reader = store.reader(UNRESTRICTED).concepts
    (once,), (parts,) = await reader.systems("http://acme.org/once"), await reader.systems(URL)
    for where in asked:
        right = await reader.select(once, where, count=99)
        assert await reader.select(parts, where, count=99) == right
        assert await reader.count(parts, where) == len(right)
    assert await reader.find(parts, [*CODES, "z"]) == await reader.find(once, [*CODES, "z"])
    assert list(await store.check()) == []


async def test_nobody_sees_a_draft(store: Store) -> None:
    await define(store, "animals", System(URL), CAT[:1])
    await put(store, "d", [Concept("cow"), Concept("dog", "Cat's foe")], 0, 2)
    concepts = store.reader(UNRESTRICTED).concepts
    assert await codes(store) == ["animal"]
    assert await codes(store, Saying(("cat",))) == []
    assert await concepts.having("cow") == []
    assert [system.url for system in await concepts.every()] == [URL]
    assert list(await store.check()) == []
    await run(store, lambda transaction: transaction.drafts.publish("d", "animals", System(URL, "2")))
    assert await codes(store) == ["cow", "dog"]
    assert await codes(store, Saying(("cat",))) == ["dog"]


async def test_a_draft_is_filled_in_order_to_its_size_and_published_once(store: Store) -> None:
    three = [Concept("a"), Concept("b"), Concept("c")]
    await put(store, "d", three, 0, 1)
    for start, stop in ((0, 1), (2, 3)):
        with pytest.raises(Conflict):
            await put(store, "d", three, start, stop)
    with pytest.raises(Conflict):
        await run(store, lambda transaction: transaction.drafts.publish("d", "x", System(URL)))
    more = list(placed([*three, Concept("d")]))
    with pytest.raises(Conflict):
        await run(store, lambda transaction: transaction.drafts.add("d", 1, more[1:]))
    await put(store, "d", three, 1)
    await run(store, lambda transaction: transaction.drafts.publish("d", "x", System(URL)))
    for name in ("d", "never"):
        with pytest.raises(Conflict):
            await run(store, lambda transaction, name=name: transaction.drafts.publish(name, "x", System(URL)))  # type: ignore[misc]
        with pytest.raises(Conflict):
            await run(store, lambda transaction, name=name: transaction.drafts.add(name, 0, more[:1]))  # type: ignore[misc]
    assert await codes(store) == ["a", "b", "c"]


async def test_a_draft_of_another_size_is_begun_anew(store: Store) -> None:
    await put(store, "d", [Concept("a"), Concept("b")], 0, 1)
    assert await put(store, "d", [Concept("x")]) == 0
    await run(store, lambda transaction: transaction.drafts.publish("d", "x", System(URL)))
    assert await codes(store) == ["x"]
    assert await swept(store) == 1


async def test_a_transaction_that_fails_adds_nothing_to_a_draft(store: Store) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.drafts.begin("d", 1)
        await transaction.drafts.add("d", 0, list(placed([Concept("a")])))
        await transaction.drafts.publish("d", "x", System(URL))
        raise KeyError

    with pytest.raises(KeyError):
        await run(store, work)
    assert await codes(store) == []
    assert await run(store, lambda transaction: transaction.drafts.begin("d", 1)) == 0
    assert list(await store.check()) == []


async def test_what_came_as_a_draft_goes_at_once_and_its_space_is_freed_by_parts(store: Store) -> None:
    of = Property("legs", "4")
    animals = [Concept("animal"), *(Concept(f"cat{n}", f"Cat {n}", ("animal",), properties=(of, of)) for n in range(9))]
    await save(store, written("CodeSystem/animals", "words"))
    await put(store, "d", animals)
    await run(store, lambda transaction: transaction.drafts.publish("d", "animals", System(URL)))
    await put(store, "other", animals[:7], 0, 5)
    await put(store, "third", animals[:3])
    await run(store, lambda transaction: transaction.drafts.publish("third", "third", System("http://acme.org/third")))
    assert await swept(store) == 0

    await run(store, lambda transaction: transaction.purge(Key("CodeSystem", "animals")))
    await run(store, lambda transaction: transaction.drafts.drop("other"))
    assert await codes(store) == []
    assert await store.reader(UNRESTRICTED).concepts.having("cat8") == []
    assert list(await store.check()) == []
    await define(store, "new", System(URL), [Concept("cat1", "Cat", properties=(of,))])
    assert await run(store, lambda transaction: transaction.drafts.sweep(4)) == 4
    assert list(await store.check()) == []
    assert await swept(store, 4) == 11
    assert list(await store.check()) == []
    assert await codes(store, Saying(("cat",))) == ["cat1"]
    assert await codes(store, Valued("legs")) == ["cat1"]
    concepts = store.reader(UNRESTRICTED).concepts
    (third,) = await concepts.systems("http://acme.org/third")
    assert await concepts.count(third, Below("animal")) == 3


async def test_a_code_system_is_told_otherwise_and_keeps_its_concepts(store: Store) -> None:
    await define(store, "animals", System(URL, value_set="http://acme.org/vs"), CAT)
    told = System("http://acme.org/beasts", "2", "Beasts", value_set="http://acme.org/all")
    await run(store, lambda transaction: transaction.describe("animals", told))
    await run(store, lambda transaction: transaction.describe("none", System(URL)))
    concepts = store.reader(UNRESTRICTED).concepts
    assert await concepts.systems(URL) == []
    (there,) = await concepts.systems("http://acme.org/beasts")
    assert (there.version, there.name) == ("2", "Beasts")
    assert [c.code for c in await concepts.select(there, EVERY, count=9)] == ["animal", "cat"]
    assert await concepts.of_value_set("http://acme.org/vs") is None
    assert await concepts.of_value_set("http://acme.org/all") == there
