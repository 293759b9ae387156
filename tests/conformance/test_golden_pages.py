"""The golden queries from first page to last, seven a page, while another client inserts, updates and deletes.

http://hl7.org/fhir/R4/http.html#paging
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.conftest import connected
from tests.conformance.synthea import Loaded
from tests.conformance.test_golden_queries import encoded, golden
from tests.http.busy import missed
from tests.http.wire import Wire

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("everyone")]

PAGED = [f"g{number:02}" for number in range(1, 24)]


@pytest.fixture(scope="module")
def disturbed(
    everyone: tuple[Wire, Loaded], everyones_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wire]:
    """A server over a copy of the whole Synthea set, for tests that write."""
    folder = tmp_path_factory.mktemp("disturbed")
    with (
        closing(sqlite3.connect(everyones_folder / "fhir.db")) as original,
        closing(sqlite3.connect(folder / "fhir.db")) as copy,
    ):
        original.backup(copy)
    with connected(folder) as wire:
        yield wire


@pytest.mark.parametrize("number", PAGED)
def test_unchanged_matches_come_exactly_once(number: str, disturbed: Wire) -> None:
    (query,) = (each for each in golden()["queries"] if each["id"] == number)
    search = encoded(query["query"]) + (f"&_sort={query['sort']}" if "sort" in query else "")
    assert missed(disturbed, query["path"], search, seed=int(number[1:])) == {}
