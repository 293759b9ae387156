"""Concepts: what a store answers is what a table in memory answers.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fhir_server.concepts import (
    EVERY,
    Above,
    AllOf,
    AnyOf,
    Below,
    Concept,
    Condition,
    Designation,
    Flagged,
    Listed,
    Matching,
    Not,
    Property,
    Saying,
    System,
    Under,
    Valued,
)
from fhir_server.model import Key
from fhir_server.outcome import Unprocessable
from fhir_server.search.query import EVERYTHING, NOTHING, UNRESTRICTED, Access
from fhir_server.storage.base import Store, Transaction
from fhir_server.terminology.memory import MemoryConcepts, Table
from tests.storage.contract.shorthand import save, written

URL = "http://acme.org/animals"
CODES = ("a", "b", "c", "d", "e", "f", "g", "A")


async def define(store: Store, id_: str, system: System | None, concepts: Sequence[Concept] = ()) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.define(id_, system, concepts)

    await store.transact(UNRESTRICTED, work)


@st.composite
def graphs(draw: st.DrawFn) -> list[Concept]:
    """Concepts above and below each other in any way but a circle, in any order."""
    codes = draw(st.lists(st.sampled_from(CODES), unique=True, max_size=8))
    made = []
    for n, code in enumerate(codes):
        parents = draw(st.lists(st.sampled_from(codes[:n]), unique=True, max_size=3)) if n else []
        made.append(
            Concept(
                code,
                draw(st.sampled_from([None, "Grey cat", "grey dog", "Été", "cattle"])),
                tuple(parents),
                tuple(draw(st.lists(st.sampled_from([Designation("chat gris", "fr"), Designation("Katze", "de")]), max_size=2))),
                tuple(draw(st.lists(st.sampled_from([Property("legs", "4", "integer"), Property("legs", "2"), Property("kind", "x")]), max_size=2))),
                draw(st.sampled_from([None, "what it is"])),
                draw(st.booleans()),
                draw(st.booleans()),
            )
        )  # fmt: skip
    return draw(st.permutations(made))


def conditions() -> st.SearchStrategy[Condition]:
    code = st.sampled_from((*CODES, "z"))
    plain = st.one_of(
        st.just(EVERY),
        st.builds(Listed, st.frozensets(code)),
        st.builds(Below, code, st.booleans()),
        st.builds(Above, code),
        st.builds(Under, code, st.booleans()),
        st.builds(Valued, st.just("legs"), st.none() | st.frozensets(st.sampled_from(["2", "4"]))),
        st.builds(Matching, st.sampled_from(["code", "display", "legs"]), st.sampled_from(["[a-c]", ".*cat.*", "4"])),
        st.builds(Saying, st.sampled_from([("gr",), ("cat",), ("chat", "gris"), ("ete",), ("k", "g"), ("b",)])),
        st.builds(Flagged, st.sampled_from(["inactive", "abstract"])),
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.builds(AllOf, st.tuples(inner, inner)), st.builds(AnyOf, st.tuples(inner, inner)), st.builds(Not, inner)
        ),
        max_leaves=4,
    )


@example(
    concepts=[Concept("a"), Concept("A")],
    others=[],
    asked=[Listed(frozenset(["a"])), Below("A"), Above("a")],
    exact=False,
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(concepts=graphs(), others=graphs(), asked=st.lists(conditions(), min_size=8, max_size=20), exact=st.booleans())
async def test_a_store_selects_what_a_table_in_memory_selects(
    store: Store, concepts: list[Concept], others: list[Concept], asked: list[Condition], *, exact: bool
) -> None:
    system = System(URL, case_sensitive=exact)
    await define(store, "other", System("http://acme.org/other"), others)
    await define(store, "animals", system, concepts)
    memory = MemoryConcepts([Table(system, concepts)])
    stored = store.reader(UNRESTRICTED).concepts
    (there,) = await stored.systems(URL)
    for where in asked:
        right = await memory.select(system, where, count=100)
        assert list(await stored.select(there, where, count=100)) == right
        assert await stored.count(there, where) == len(right)
        assert list(await stored.select(there, where, count=2, offset=1)) == right[1:3]
    codes = [*CODES, "B", "z"]
    assert await stored.find(there, codes) == await memory.find(system, codes)


CAT = [Concept("animal"), Concept("cat", "Cat", ("animal",))]


async def test_systems_are_found_by_url_version_and_value_set(store: Store) -> None:
    for id_, version in (("1", "1.2"), ("2", "1.10"), ("3", None), ("4", "1.2")):
        await define(store, id_, System(URL, version, name=id_, value_set=f"http://acme.org/vs/{id_}"), CAT)
    await define(store, "other", System("http://acme.org/other"), CAT[:1])
    concepts = store.reader(UNRESTRICTED).concepts
    assert [(s.version, s.name) for s in await concepts.systems(URL)] == [("1.10", "2"), ("1.2", "4"), (None, "3")]
    assert [s.url for s in await concepts.every()] == [URL, URL, URL, "http://acme.org/other"]
    assert len(await concepts.having("animal")) == 4
    assert [s.name for s in await concepts.having("cat")] == ["2", "4", "3"]
    found = await concepts.of_value_set("http://acme.org/vs/2")
    assert found is not None
    assert found.name == "2"
    assert await concepts.of_value_set("") is None


async def test_concepts_go_with_their_code_system(store: Store) -> None:
    await save(store, written("CodeSystem/animals", "words"))
    await define(store, "animals", System(URL), CAT)
    await define(store, "animals", System("http://acme.org/new"), CAT[:1])
    concepts = store.reader(UNRESTRICTED).concepts
    assert await concepts.systems(URL) == []
    (there,) = await concepts.systems("http://acme.org/new")
    assert [c.code for c in await concepts.select(there, Saying(("an",)), count=9)] == ["animal"]
    assert await concepts.having("cat") == []
    assert list(await store.check()) == []

    async def purge(transaction: Transaction) -> None:
        await transaction.purge(Key("CodeSystem", "animals"))

    await store.transact(UNRESTRICTED, purge)
    assert await concepts.every() == []
    assert await concepts.select(there, EVERY, count=9) == []


async def test_a_transaction_reads_the_concepts_that_it_defines(store: Store) -> None:
    async def work(transaction: Transaction) -> list[str]:
        await transaction.define("animals", System(URL), CAT)
        (there,) = await transaction.concepts.systems(URL)
        return [c.code for c in await transaction.concepts.select(there, Saying(("cat",)), count=9)]

    assert await store.transact(UNRESTRICTED, work) == ["cat"]


async def test_a_transaction_that_fails_defines_nothing(store: Store) -> None:
    await define(store, "animals", System(URL), CAT)

    async def work(transaction: Transaction) -> None:
        await transaction.define("animals", System(URL), [Concept("x", parents=("y",)), Concept("y", parents=("x",))])

    with pytest.raises(Unprocessable):
        await store.transact(UNRESTRICTED, work)
    concepts = store.reader(UNRESTRICTED).concepts
    (there,) = await concepts.systems(URL)
    assert [c.code for c in await concepts.select(there, Saying(("cat",)), count=9)] == ["cat"]


async def test_concepts_are_seen_by_those_who_see_the_code_system(store: Store) -> None:
    await save(store, written("CodeSystem/animals", "words"))
    await define(store, "animals", System(URL), CAT)
    for tree, seen in ((EVERYTHING, 1), (NOTHING, 0)):
        concepts = store.reader(Access("someone", where={"CodeSystem": tree})).concepts
        assert (
            len(await concepts.systems(URL)) == len(await concepts.having("cat")) == len(await concepts.every()) == seen
        )


async def test_what_lies_in_many_intervals_is_found_from_either_side(store: Store) -> None:
    """A concept above every second one of another's children has as many intervals as these."""
    codes = [f"c{n}" for n in range(60)]
    children = [Concept(c, f"Child {n}", ("one", "other") if n % 2 else ("one",)) for n, c in enumerate(codes)]
    concepts = [Concept("one"), Concept("other"), *children]
    system = System(URL)
    await define(store, "animals", system, concepts)
    memory, stored = MemoryConcepts([Table(system, concepts)]), store.reader(UNRESTRICTED).concepts
    (there,) = await stored.systems(URL)
    below = Below("other")
    for where in (
        below,
        Not(below),
        Below("other", itself=False),
        AllOf((below, Listed(frozenset(["c1", "c2", "c59", "other", "z"])))),
        AllOf((Not(below), Listed(frozenset(["c1", "c2"])))),
        AllOf((below, Saying(("child", "5")))),
        AllOf((Below("one"), below)),
        AnyOf((below, Below("c4"))),
        AnyOf((below, Listed(frozenset(["c6"])))),
        AllOf((AnyOf((below, Below("c4"))), Not(Listed(frozenset(["c5"]))))),
    ):
        right = await memory.select(system, where, count=100)
        assert list(await stored.select(there, where, count=100)) == right
        assert list(await stored.select(there, where, count=7, offset=3)) == right[3:10]
        assert await stored.count(there, where) == len(right)
