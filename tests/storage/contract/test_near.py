"""Places and distances: boxes never cut off what is near, over poles and the antimeridian."""

import asyncio
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fhir_server.search.query import Access, And, Near, Not, Op, Or, Point, Sort, Token
from fhir_server.storage.base import Store
from tests.storage.contract.model import metres
from tests.storage.contract.shorthand import ids, near, point, save, search, token, where, write
from tests.stores import opened

BOSTON, CAMBRIDGE, LONDON = (42.3601, -71.0589), (42.3736, -71.1097), (51.5074, -0.1278)
SUVA, APIA = (-18.1416, 178.4419), (-13.8333, -171.7667)
HALFWAY = math.pi * 6_371_008.8


@pytest.fixture
async def places(store: Store) -> Store:
    await save(
        store,
        write("Location/boston", point("near", *BOSTON), token("t", "us")),
        write("Location/cambridge", point("near", *CAMBRIDGE), token("t", "us")),
        write("Location/london", point("near", *LONDON), token("t", "uk")),
        write("Location/suva", point("near", *SUVA)),
        write("Location/apia", point("near", *APIA)),
        write("Location/north", point("near", 90, 0)),
        write("Location/nowhere", token("t", "us")),
        write("Location/two", point("near", 10, 10), point("near", 10, 20)),
        write("Basic/boston", point("near", *BOSTON)),
    )
    return store


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (near("near", *BOSTON, 0), ["boston"]),
        (near("near", *BOSTON, 4_000), ["boston"]),
        (near("near", *BOSTON, 5_000), ["boston", "cambridge"]),
        (near("near", *SUVA, 1_200_000), ["apia", "suva"]),
        (near("near", *APIA, 1_200_000), ["apia", "suva"]),
        (near("near", -16, 180, 1_000_000), ["apia", "suva"]),
        (near("near", -16, -180, 1_000_000), ["apia", "suva"]),
        (near("near", 89.9, 123, 12_000), ["north"]),
        (near("near", 89.9, 123, 11_000), []),
        (near("near", 90, 77, 0.001), ["north"]),
        (near("near", -90, 0, HALFWAY), ["apia", "boston", "cambridge", "london", "north", "suva", "two"]),
        (near("near", 10, 15, 550_000), ["two"]),
        (near("near", *BOSTON, math.inf), ["apia", "boston", "cambridge", "london", "north", "suva", "two"]),
        (near("near", *BOSTON, 1e300), ["apia", "boston", "cambridge", "london", "north", "suva", "two"]),
        (near("near", *BOSTON, -1), []),
        (near("near", *BOSTON, math.nan), []),
        (near("near", math.nan, 0, 1e9), []),
        (near("near", 0, math.nan, 1e9), []),
        (near("near", math.inf, 0, 1e9), []),
        (near("near", 0, -math.inf, 1e9), []),
        (near("near", 91, 0, 1e9), []),
        (near("never", 0, 0, 1e9), []),
        (And((near("near", *BOSTON, 5_000), where("t", Token, ("code", Op.EQ, "us")))), ["boston", "cambridge"]),
        (Or((near("near", *LONDON, 1), near("near", *BOSTON, 1))), ["boston", "london"]),
        (And((where("t", Token, ("code", Op.EQ, "us")), Not(near("near", *BOSTON, 1)))), ["cambridge", "nowhere"]),
    ],
)
async def test_what_is_near(places: Store, node: Near, expected: list[str]) -> None:
    assert await ids(places, "Location", node) == expected


async def test_a_hit_tells_its_distance_to_the_nearest_place_of_the_query(places: Store) -> None:
    page = await search(places, "Location", near("near", *BOSTON, 5_000))
    found = {hit.version.key.id: hit.distance for hit in page.hits}
    assert found == pytest.approx({"boston": 0, "cambridge": metres(Point(*CAMBRIDGE), BOSTON)}, abs=1e-6)
    either = Or((near("near", *LONDON, 1e9), near("near", *BOSTON, 1e9)))
    page = await search(places, ("Location", "Basic"), either)
    found = {str(hit.version.key): hit.distance for hit in page.hits}
    assert found["Location/boston"] == found["Location/london"] == found["Basic/boston"] == pytest.approx(0)
    page = await search(places, "Location", Or((near("near", *BOSTON, 1), where("t", Token, ("code", Op.EQ, "us")))))
    assert {hit.version.key.id: hit.distance is None for hit in page.hits} == {
        "boston": False,
        "cambridge": False,
        "nowhere": True,
    }
    page = await search(places, "Location", where("t", Token, ("code", Op.EQ, "us")))
    assert [hit.distance for hit in page.hits] == [None, None, None]


async def test_sorted_by_distance_page_by_page(places: Store) -> None:
    for descending in (False, True):
        sort = (Sort("near", Point, descending, origin=BOSTON),)
        found, page = [], await search(places, "Location", sort=sort, count=2)
        while True:
            found += [hit.version.key.id for hit in page.hits]
            if page.next is None:
                break
            page = await search(places, "Location", sort=sort, count=2, after=page.next)
        near_first = ["boston", "cambridge", "london", "north", "two", "apia", "suva"]
        assert found == [*(near_first[::-1] if descending else near_first), "nowhere"]


async def test_a_policy_on_places_holds_for_every_version(store: Store) -> None:
    await save(store, write("Location/1", point("near", *BOSTON)))
    await save(store, write("Location/1", point("near", *LONDON), number=2))
    await save(store, write("Location/1", number=3))
    access = Access("londoner", where={"Location": near("near", *LONDON, 10)})
    assert await ids(store, "Location", access=access) == []
    page = await store.reader(access).history("Location", count=10)
    assert [version.version_id for version in page.versions] == ["2"]
    assert await ids(store, "Location", near("near", *BOSTON, 10)) == []
    assert await store.check() == []


latitudes = st.one_of(st.floats(-90, 90), st.sampled_from((-90.0, 90.0, 0.0, -89.999999, 89.999999)))
longitudes = st.one_of(st.floats(-180, 180), st.sampled_from((-180.0, 180.0, 0.0, 179.999999, -179.999999)))


def test_any_places_and_any_distance(folder: Path) -> None:
    """As the vectors say, but for the last centimetre."""
    with asyncio.Runner() as runner:
        store = runner.run(opened(folder))
        counter = iter(range(1, 10**9))

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(latitudes, longitudes, latitudes, longitudes, st.one_of(st.floats(0, HALFWAY), st.just(0.0)))
        @example(0.0, 180.0, 0.0, -180.0, 0.0)
        @example(90.0, 50.0, 90.0, -130.0, 0.001)
        @example(-89.9999999, 0.0, -90.0, 0.0, 1.0)
        @example(0.0, 0.0, 0.0, -180.0, HALFWAY)
        def check(south: float, west: float, latitude: float, longitude: float, reach: float) -> None:
            runner.run(save(store, write("Location/1", point("near", south, west), number=next(counter))))
            far = metres(Point(south, west), (latitude, longitude))
            unsure = 0.01 if far < 0.99 * HALFWAY else 1.0  # the haversine is less exact at the other end of the Earth
            for radius, expected in ((reach, far <= reach), (far + unsure, True), (far - unsure, False)):
                if abs(far - radius) >= 0.9 * unsure:
                    node = near("near", latitude, longitude, radius)
                    assert runner.run(ids(store, "Location", node)) == ["1"] * expected
                    assert runner.run(ids(store, "Location", Not(node))) == ["1"] * (not expected)

        check()
        assert runner.run(store.check()) == []
        runner.run(store.close())
