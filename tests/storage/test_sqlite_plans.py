"""Whichever way a search is led, it finds the same: the row of operations again, with every amount taken for a large one.

And the ways that are chosen: a rare condition leads wherever it is written.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from fhir_server.search.query import (
    UNRESTRICTED,
    And,
    Chain,
    Contained,
    Contains,
    Has,
    IndexEntry,
    Node,
    Op,
    Quantity,
    SearchQuery,
    Sort,
    String,
    Together,
    Token,
)
from fhir_server.storage.base import Write
from fhir_server.storage.sql import lead, page, plan
from fhir_server.storage.sqlite import SQLiteStore, reads
from tests.storage.contract.shorthand import at, coded, link, reference, save, string, token, where, write
from tests.storage.contract.test_stateful import StoreMachine

WAYS = [
    pytest.param(
        {"FEW": 1, "MANY_ROWS": 1, "MANY_SORTED": 0, "FEW_TARGETS": 0, "MANY_GATHERED": 0}, 0, id="everything is much"
    ),
    pytest.param(
        {"FEW": 2, "MANY_ROWS": 3, "MANY_SORTED": 1, "COUNTED": 2, "MANY_GATHERED": 0}, 100_000, id="trials succeed"
    ),
    pytest.param({"FEW": 1, "MANY_ROWS": 1000, "MANY_SORTED": 1000, "FEW_TARGETS": 1}, 0, id="sets and sorts"),
    pytest.param(
        {"FEW": 1, "MANY_ROWS": 2, "MANY_SORTED": 1000, "COUNTED": 1, "MANY_GATHERED": 1}, 0, id="trials fail"
    ),
]


@pytest.mark.parametrize(("amounts", "tried"), WAYS)
def test_any_row_of_operations_however_searches_are_led(
    folder: Path, monkeypatch: pytest.MonkeyPatch, amounts: dict[str, int], tried: int
) -> None:
    for name, amount in amounts.items():
        monkeypatch.setattr(plan, name, amount)
    monkeypatch.setattr(reads, "LEAST_TRIED", tried)
    monkeypatch.setattr(reads, "TRIED", 10)
    monkeypatch.setattr(page, "SORTED", 0)
    monkeypatch.setattr(page, "GATHERED", 0)
    monkeypatch.setattr(lead, "SHARED", 0)
    monkeypatch.setattr(plan, "PASSING", 1_000_000)
    machine = type("Machine", (StoreMachine,), {"place": folder})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


EXAMPLES = 12


@pytest.fixture
async def skewed(tmp_path: Path) -> SQLiteStore:
    """3,000 resources: all final, half vital signs, one in a thousand rare."""
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    await save(
        store,
        *(
            write(
                f"Observation/{n}",
                token("status", "final"),
                token("category", "vital" if n % 2 else "laboratory"),
                token("code", "rare" if n % 1000 == 1 else "common"),
                when=at(n),
            )
            for n in range(3000)
        ),
    )
    return store


async def test_the_rarest_condition_leads_wherever_it_is_written(skewed: SQLiteStore) -> None:
    three = [coded("status", "final"), coded("category", "vital"), coded("code", "rare")]
    steps = []
    for tree in (And(tuple(three)), And(tuple(reversed(three))), three[2]):
        query = SearchQuery({"Observation": tree})
        counted = 0

        def step() -> bool:
            nonlocal counted
            counted += 1
            return False

        reads = skewed.readers
        found = await reads.run(lambda each, query=query, step=step: _instructions(each, query, step))  # type: ignore[misc]
        assert sorted(found) == ["1", "1001", "2001"]
        steps.append(counted)
    await skewed.close()
    assert max(steps[:2]) <= 2 * steps[2], steps
    assert abs(steps[0] - steps[1]) <= 0.2 * steps[0]


def _instructions(reads: object, query: SearchQuery, step: object) -> list[str]:
    """The ids found; `step` is called for every 10 instructions of the second asking, when amounts are known."""
    from fhir_server.storage.sql.search import search  # noqa: PLC0415
    from fhir_server.storage.sqlite.reads import Reads  # noqa: PLC0415

    assert isinstance(reads, Reads)
    search(reads, UNRESTRICTED, query)
    reads.db.set_progress_handler(step, 10)  # type: ignore[arg-type]
    found = search(reads, UNRESTRICTED, query)
    reads.db.set_progress_handler(None)
    return [hit.version.key.id for hit in found.hits]


async def test_a_sort_by_time_reads_no_more_than_the_page(skewed: SQLiteStore) -> None:
    counted = 0

    def step() -> bool:
        nonlocal counted
        counted += 1
        return False

    query = SearchQuery(
        {"Observation": coded("status", "final")}, (Sort("_lastUpdated", None, descending=True), Sort("_id", None)), 5
    )
    found = await skewed.readers.run(lambda reads: _instructions(reads, query, step))
    await skewed.close()
    assert found == ["2999", "2998", "2997", "2996", "2995"]
    assert counted * 10 < 3000, "it looked at more than the page"


@pytest.fixture
async def structured(tmp_path: Path) -> SQLiteStore:
    """3,000 resources with two elements of a group each, and 3,000 that contain one; one in a thousand is rare."""
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    writes = []
    for n in range(3000):
        code = "rare" if n % 1000 == 1 else "common"
        inside = IndexEntry("_contained", Contained("Medication", "m", (token("code", code),)))
        writes += [
            write(
                f"Observation/{n}",
                IndexEntry("code", Token("", code), 1),
                IndexEntry("value", Token("", "high"), 1),
                IndexEntry("code", Token("", "common"), 2),
                IndexEntry("value", Token("", "low"), 2),
            ),
            write(f"MedicationRequest/{n}", inside, link("medication", "#m"), token("status", "active")),
        ]
    await save(store, *writes)
    return store


@pytest.mark.parametrize(
    ("type_", "tree"),
    [
        ("Observation", Together((coded("value", "high"), coded("code", "rare")))),
        ("Observation", And((coded("value", "low"), Together((coded("code", "rare"), coded("value", "high")))))),
        ("MedicationRequest", Contains("Medication", coded("code", "rare"))),
        ("MedicationRequest", Chain("medication", "Medication", coded("code", "rare"))),
        (
            "MedicationRequest",
            And((coded("status", "active"), Chain("medication", "Medication", coded("code", "rare")))),
        ),
    ],
)
async def test_composites_and_contained_resources_are_led_by_what_is_rare(
    structured: SQLiteStore, type_: str, tree: Node
) -> None:
    counted = 0

    def step() -> bool:
        nonlocal counted
        counted += 1
        return False

    found = await structured.readers.run(lambda reads: _instructions(reads, SearchQuery({type_: tree}), step))
    await structured.close()
    assert sorted(found) == ["1", "1001", "2001"]
    assert counted * 10 < 6000, "it looked at more than what is rare"


def _replicas(times: int) -> list[Write]:
    """200 patients, 1,000 conditions and 1,000 observations, so many times."""
    writes = [write(f"Patient/{n}", token("gender", "female")) for n in range(200 * times)]
    for n in range(1000 * times):
        code = "often" if n % 10 == 0 else f"other{n % 10}"
        writes.append(write(f"Condition/{n}", reference("subject", f"Patient/{n // 5}"), token("code", code)))
        value = IndexEntry(
            "value", Quantity(float(n % 100), float(n % 100), "http://unitsofmeasure.org", "mg/dL", ""), 1
        )
        writes.append(write(f"Observation/{n}", value, IndexEntry("code", Token("", "glucose"), 1)))
    return writes


OFTEN = coded("code", "often")
HIGH = where(
    "value", Quantity, ("high", Op.GT, 50.0), ("system", Op.EQ, "http://unitsofmeasure.org"), ("code", Op.EQ, "mg/dL")
)
HIGHEST = where("value", Quantity, ("high", Op.GT, 94.0))


@pytest.mark.parametrize(
    ("type_", "tree", "growth"),
    [
        pytest.param("Patient", Has("Condition", "subject", OFTEN), 2, id="has"),
        pytest.param("Patient", And((coded("gender", "female"), Has("Condition", "subject", OFTEN))), 2, id="and has"),
        pytest.param("Observation", HIGH, 2, id="quantity with unit"),
        pytest.param("Observation", Together((HIGHEST, coded("code", "glucose"))), 10, id="composite"),
    ],
)
async def test_a_page_of_sixteen_times_as_much_takes_little_more(
    tmp_path: Path, type_: str, tree: Node, growth: float
) -> None:
    """What matches often is passed, not gathered; what is gathered is looked at no further than the page goes."""
    steps = []
    for times in (1, 16):
        store = SQLiteStore(tmp_path / f"{times}.db")
        await store.open()
        await save(store, *_replicas(times))
        counted = 0

        def step() -> bool:
            nonlocal counted
            counted += 1
            return False

        query = SearchQuery({type_: tree}, count=5)
        found = await store.readers.run(lambda each, query=query, step=step: _instructions(each, query, step))  # type: ignore[misc]
        last = {"Patient": 200 * times - 1, "Observation": 1000 * times - 1}[type_]
        apart = {"Patient": 2, "Observation": 1}[type_]
        assert found == [str(last - last % apart - apart * n) for n in range(5)]
        steps.append(counted)
        await store.close()
    assert steps[1] <= growth * steps[0], steps


async def test_texts_that_many_share_are_looked_into_once(tmp_path: Path) -> None:
    """Sixteen times the patients with the same names: hardly more work."""
    steps = []
    for times in (1, 16):
        store = SQLiteStore(tmp_path / f"{times}.db")
        await store.open()
        names = [f"name{n:03} {n * 7919 % 1000}" for n in range(200)]
        people = [write(f"Patient/{n}", string("name", names[n % 200])) for n in range(1000 * times)]
        await save(store, *people)
        query = SearchQuery({"Patient": where("name", String, ("folded", Op.CONTAINS, "me077"))}, count=5)
        counted = 0

        def step() -> bool:
            nonlocal counted
            counted += 1
            return False

        found = await store.readers.run(lambda each, query=query, step=step: _instructions(each, query, step))  # type: ignore[misc]
        assert len(found) == 5
        steps.append(counted)
        await store.close()
    assert steps[1] <= 2 * steps[0], steps
