"""A search is explained: what was understood, what leads and why, what it took."""

import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.query import (
    NOTHING,
    UNRESTRICTED,
    Access,
    And,
    Explanation,
    Node,
    SearchQuery,
    Sort,
    String,
    Total,
)
from fhir_server.storage.base import Store, Transaction
from tests.storage.contract.shorthand import coded, save, search, string, token, write

BOTH = And((coded("status", "final"), coded("code", "rare")))


@pytest.fixture
async def some(store: Store) -> Store:
    """Ten final Observations, one of them rare."""
    await save(
        store,
        *(
            write(
                f"Observation/{n}",
                token("status", "final"),
                token("code", "rare" if n == 3 else "common"),
                string("s", "x"),
            )
            for n in range(10)
        ),
    )
    return store


async def explained(store: Store, where: Node, access: Access = UNRESTRICTED) -> Explanation:
    query = SearchQuery({"Observation": where}, (Sort("s", String, descending=True),), 5, None, Total.ACCURATE)
    return await store.reader(access).explain(query)


async def test_the_tree_the_plan_and_what_it_took(some: Store) -> None:
    found = await explained(some, BOTH)
    assert found.tree == (
        "Observation:",
        "  all of:",
        "    status: Token.code eq 'final'",
        "    code: Token.code eq 'rare'",
        "in the order of s descending",
        "5 a page, total: accurate",
    )
    assert (found.matches, found.total) == (1, 1)
    assert found.plan
    assert found.statements
    assert found.steps == sum(each.steps for each in found.statements) > 0
    assert found.seconds > 0


async def test_values_stand_in_no_statement(some: Store) -> None:
    found = await explained(some, BOTH)
    assert not [each for each in found.statements if "rare" in each.text]


async def test_what_the_caller_may_not_see_is_not_counted(some: Store) -> None:
    found = await explained(some, BOTH, Access("nobody", where={"Observation": NOTHING}))
    assert (found.matches, found.total) == (0, 0)


async def test_inside_a_transaction_it_sees_what_was_written(some: Store) -> None:
    async def work(transaction: Transaction) -> Explanation:
        await transaction.append([write("Observation/new", token("code", "rare"))])
        return await transaction.explain(SearchQuery({"Observation": coded("code", "rare")}))

    assert (await some.transact(UNRESTRICTED, work)).matches == 2


async def test_a_foreign_page_link_is_a_bad_request(some: Store) -> None:
    page = await search(some, "Observation", count=2)
    query = SearchQuery({"Observation": BOTH}, (Sort("_id", None),), 5, page.next)
    with pytest.raises(BadRequest):
        await some.reader(UNRESTRICTED).explain(query)
