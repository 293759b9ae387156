"""Pages of a search: stable while others write, forwards and backwards, in any order."""

import itertools

import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.query import (
    EVERYTHING,
    UNRESTRICTED,
    DateRange,
    IndexEntry,
    Page,
    SearchQuery,
    Sort,
    String,
    Token,
    Total,
)
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import at, coded, date, deletion, save, save_each, search, string, token, write


def told(page: Page) -> list[str]:
    return [hit.version.key.id for hit in page.hits]


async def walk(store: Store, count: int, sort: tuple[Sort, ...] = ()) -> list[str]:
    """All ids, page by page."""
    page = await search(store, "Patient", sort=sort, count=count)
    found = told(page)
    while page.next:
        page = await search(store, "Patient", sort=sort, count=count, after=page.next)
        found += told(page)
    return found


@pytest.fixture
async def ten(store: Store) -> Store:
    """p0 … p9 with a name, some twice, and a date for every other one; the others have names with later words."""
    for n in range(10):
        later = [] if n % 2 else [IndexEntry("name", String(word, "")) for word in ("0", "zz")]
        dated = [date("d", n % 4, n % 4 + 1)] if n % 2 else []
        await save(
            store,
            write(f"Patient/p{n}", string("name", "abcde"[n // 2]), token("t", "x"), *dated, *later, when=at(9 - n)),
        )
    return store


async def test_newest_created_first_even_after_updates(ten: Store) -> None:
    await save(ten, write("Patient/p3", number=2), deletion("Patient/p5", 2))
    await save(ten, write("Patient/p5", number=3))
    for count in (1, 3, 10, 100):
        assert await walk(ten, count) == [f"p{n}" for n in range(9, -1, -1)]


SORTS: list[tuple[tuple[Sort, ...], list[str]]] = [
    ((Sort("name", String),), [f"p{n}" for n in range(10)]),
    ((Sort("name", String, descending=True),), ["p9", "p8", "p7", "p6", "p5", "p4", "p3", "p2", "p1", "p0"]),
    ((Sort("d", DateRange),), ["p1", "p5", "p9", "p3", "p7", "p0", "p2", "p4", "p6", "p8"]),
    ((Sort("d", DateRange, descending=True),), ["p7", "p3", "p9", "p5", "p1", "p8", "p6", "p4", "p2", "p0"]),
    ((Sort("t", Token), Sort("_id", None)), [f"p{n}" for n in range(10)]),
    ((Sort("_id", None, descending=True),), [f"p{n}" for n in range(9, -1, -1)]),
    ((Sort("_lastUpdated", None),), [f"p{n}" for n in range(9, -1, -1)]),
    ((Sort("never", Token), Sort("_lastUpdated", None, descending=True)), [f"p{n}" for n in range(10)]),
]


@pytest.mark.parametrize(("sort", "expected"), SORTS)
async def test_sorts_resources_without_the_entry_last(ten: Store, sort: tuple[Sort, ...], expected: list[str]) -> None:
    for count in (1, 2, 3, 7, 10):
        assert await walk(ten, count, sort) == expected


@pytest.mark.parametrize("sort", [sort for sort, _ in SORTS] + [()])
async def test_previous_leads_back(ten: Store, sort: tuple[Sort, ...]) -> None:
    first = await search(ten, "Patient", sort=sort, count=4)
    assert first.previous is None
    assert first.next is not None
    second = await search(ten, "Patient", sort=sort, count=4, after=first.next)
    assert second.next is not None
    assert second.previous is not None
    third = await search(ten, "Patient", sort=sort, count=4, after=second.next)
    assert third.next is None
    assert third.previous is not None
    back = await search(ten, "Patient", sort=sort, count=4, after=third.previous)
    assert told(back) == told(second)
    assert back.previous is not None
    assert back.next is not None
    assert told(await search(ten, "Patient", sort=sort, count=4, after=back.next)) == told(third)
    again = await search(ten, "Patient", sort=sort, count=4, after=back.previous)
    assert told(again) == told(first)
    assert again.previous is None


async def test_what_matched_on_page_one_and_still_matches_appears_once(ten: Store) -> None:
    """Between the pages others create, update and delete; updated ones show their present state."""
    page = await search(ten, "Patient", coded("t", "x"), count=3)
    found = told(page)
    fresh = itertools.count()
    await save(ten, deletion("Patient/p4", 2))
    await save(ten, write("Patient/p2", token("t", "x"), number=2))
    await save(ten, write("Patient/p1", token("t", "other"), number=2))
    while page.next:
        await save(ten, write(f"Patient/new-{next(fresh)}", token("t", "x")))
        page = await search(ten, "Patient", coded("t", "x"), count=3, after=page.next)
        found += told(page)
        if "p2" in told(page):
            assert page.hits[told(page).index("p2")].version.version_id == "2"
    assert found == ["p9", "p8", "p7", "p6", "p5", "p3", "p2", "p0"]


async def test_what_is_touched_may_drop_out_of_a_sorted_search_and_is_counted(ten: Store) -> None:
    sort = (Sort("name", String),)
    page = await search(ten, "Patient", sort=sort, count=4)
    found = told(page)
    await save(ten, write("Patient/p8", string("name", "A"), number=2), write("Patient/new", string("name", "z")))
    while page.next:
        page = await search(ten, "Patient", sort=sort, count=4, after=page.next)
        found += told(page)
    assert found == ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p9"]
    assert page.touched == 1


async def test_total_counts_what_page_one_could_see(ten: Store) -> None:
    page = await search(ten, "Patient", coded("t", "x"), count=4, total=Total.ACCURATE)
    assert page.total == 10
    await save(ten, write("Patient/new", token("t", "x")))
    assert page.next is not None
    later = await search(ten, "Patient", coded("t", "x"), count=4, after=page.next, total=Total.ACCURATE)
    assert later.total == 10
    assert (await search(ten, "Patient", count=4)).total is None


async def test_several_types_at_once(store: Store) -> None:
    await save_each(
        store,
        *(
            write(f"{type_}/{n}", token("t", "x"), when=at(n))
            for n in range(5)
            for type_ in ("Patient", "Observation", "Basic")
        ),
    )
    types = ["Patient", "Observation"]
    page = await search(store, types, coded("t", "x"), count=3, total=Total.ACCURATE)
    assert page.total == 10
    found = [str(hit.version.key) for hit in page.hits]
    while page.next:
        page = await search(store, types, coded("t", "x"), count=3, after=page.next)
        found += [str(hit.version.key) for hit in page.hits]
    assert found == [f"{type_}/{n}" for n in range(4, -1, -1) for type_ in ("Observation", "Patient")]
    by_id = await search(store, types, coded("t", "x"), sort=(Sort("_lastUpdated", None),), count=3)
    assert [str(hit.version.key) for hit in by_id.hits] == ["Patient/0", "Observation/0", "Patient/1"]


@pytest.mark.parametrize("after", ["", "x", "AAAA", "\u00e9", "=" * 9, "a" * 5000, "lajzb21ldGhpbmc"])
async def test_a_foreign_page_link_is_a_bad_request(ten: Store, after: str) -> None:
    with pytest.raises(BadRequest):
        await search(ten, "Patient", after=after)


async def test_a_link_of_another_order_is_a_bad_request(ten: Store) -> None:
    page = await search(ten, "Patient", count=2)
    with pytest.raises(BadRequest):
        await search(ten, "Patient", sort=(Sort("name", String),), count=2, after=page.next)


async def test_stream_yields_everything_oldest_first_while_others_write(store: Store) -> None:
    await save(store, *(write(f"Patient/{n}") for n in range(450)))
    found = []
    async for version in store.stream(UNRESTRICTED, SearchQuery({"Patient": EVERYTHING})):
        if version.key.id == "0":
            await save(store, deletion("Patient/449", 2), write("Patient/1", number=2))
        found.append(int(version.key.id))
    assert found == list(range(449))
