"""Together: conditions that one and the same base element fulfils (composite parameters)."""

import pytest

from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    And,
    Chain,
    IndexEntry,
    Match,
    Node,
    Not,
    Op,
    Or,
    Quantity,
    Text,
    Together,
    Token,
)
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import coded, either, ids, key, reference, save, save_each, where, write

SYSTOLIC, DIASTOLIC = coded("code", "systolic"), coded("code", "diastolic")


def above(limit: float) -> Match:
    return where("value", Quantity, ("low", Op.GT, limit))


def component(group: int, code: str, value: float, *more: IndexEntry) -> list[IndexEntry]:
    return [
        IndexEntry("code", Token("http://loinc.org", code), group),
        IndexEntry("value", Quantity(value, value, "", "mm[Hg]"), group),
        *more,
    ]


async def kept(store: Store) -> None:
    await save(
        store,
        write("Observation/high", *component(1, "systolic", 150), *component(2, "diastolic", 80)),
        write("Observation/low", *component(1, "systolic", 120), *component(2, "diastolic", 80)),
        write("Observation/swapped", *component(1, "diastolic", 150), *component(2, "systolic", 80)),
        write("Observation/same", *component(1, "systolic", 150), *component(2, "systolic", 150)),
        write("Observation/text", *component(1, "other", 150, IndexEntry("code", Text("systolic pressure"), 1))),
        write("Observation/whole", *component(0, "systolic", 150), reference("subject", "Patient/1")),
        write("Observation/half", IndexEntry("code", Token("http://loinc.org", "systolic"), 1)),
        write("Patient/1"),
        write("Encounter/1", reference("seen", "Observation/high")),
        write("Encounter/2", reference("seen", "Observation/low")),
    )


ALL = ["half", "high", "low", "same", "swapped", "text", "whole"]
HIGH = Together((SYSTOLIC, above(140)))
WORDS = either(SYSTOLIC, where("code", Text, ("folded", Op.WORDS, "systolic")))
CASES: list[tuple[str, Node, list[str]]] = [
    ("of one element", HIGH, ["high", "same", "whole"]),
    ("the other order", Together((above(140), SYSTOLIC)), ["high", "same", "whole"]),
    ("none", Together((DIASTOLIC, above(200))), []),
    ("an unknown code", Together((coded("code", "nothing"), above(1))), []),
    ("a parameter that nobody has", Together((SYSTOLIC, coded("nothing", "x"))), []),
    ("several kinds in one part", Together((WORDS, above(140))), ["high", "same", "text", "whole"]),
    ("commas in both parts", Together((either(SYSTOLIC, DIASTOLIC), above(140))), ["high", "same", "swapped", "whole"]),
    ("three parts", Together((SYSTOLIC, above(140), where("value", Quantity, ("code", Op.EQ, "mm[Hg]")))), ["high", "same", "whole"]),
    ("one part", Together((DIASTOLIC,)), ["high", "low", "swapped"]),
    ("not", Not(HIGH), ["half", "low", "swapped", "text"]),
    ("two of them", And((HIGH, Together((DIASTOLIC, above(70))))), ["high"]),
    ("either", Or((HIGH, Together((DIASTOLIC, above(100))))), ["high", "same", "swapped", "whole"]),
    ("with another condition", And((HIGH, Chain("subject", "Patient", And(())))), ["whole"]),
    ("with what is not", And((Not(SYSTOLIC), Not(HIGH))), ["text"]),
]  # fmt: skip


@pytest.mark.parametrize(("node", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_together(store: Store, node: Node, found: list[str]) -> None:
    await kept(store)
    assert await ids(store, "Observation", node) == found
    assert await ids(store, "Observation", Not(node)) == [id_ for id_ in ALL if id_ not in found]


async def test_a_chain_to_a_composite(store: Store) -> None:
    await kept(store)
    assert await ids(store, "Encounter", Chain("seen", "Observation", HIGH)) == ["1"]
    assert await ids(store, "Encounter", Not(Chain("seen", "Observation", HIGH))) == ["2"]


async def test_a_policy_of_a_composite_counts_for_earlier_versions(store: Store) -> None:
    await save_each(
        store,
        write("Observation/1", *component(1, "systolic", 150), *component(2, "diastolic", 80)),
        write("Observation/1", *component(1, "systolic", 120), *component(2, "diastolic", 150), number=2),
    )
    reader = store.reader(Access("someone", where={"Observation": HIGH}))
    assert await reader.vread(key("Observation/1"), "1") is not None
    assert await reader.vread(key("Observation/1"), "2") is None
    assert await reader.read(key("Observation/1")) is None
    assert [version.version_id for version in (await reader.history("Observation", count=9)).versions] == ["1"]


async def test_elements_that_change_places_are_told_apart_after_a_write(store: Store) -> None:
    """The rows of a search by one part are the same before and after; the groups are not."""
    await save_each(
        store,
        write("Observation/1", *component(1, "systolic", 150), *component(2, "diastolic", 80)),
        write("Observation/1", *component(1, "systolic", 80), *component(2, "diastolic", 150), number=2),
    )
    assert await ids(store, "Observation", HIGH) == []
    assert await ids(store, "Observation", Together((DIASTOLIC, above(140)))) == ["1"]
    assert await store.check() == []
    assert await store.reindex(key("Observation/1"), "2", component(1, "systolic", 150))
    assert await ids(store, "Observation", HIGH) == ["1"]
    assert await store.transact(UNRESTRICTED, lambda transaction: transaction.purge(key("Observation/1"))) == 2
    assert await ids(store, "Observation", HIGH) == []
    assert await store.check() == []
