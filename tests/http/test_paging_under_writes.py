"""Pages of a search stay whole while another client writes: each match that did not change comes exactly once.

http://hl7.org/fhir/R4/http.html#paging
"""

from collections.abc import Iterator

import pytest

from tests.conformance.synthea import demo
from tests.http.busy import missed
from tests.http.site import site
from tests.http.wire import Wire
from tests.stores import NewFolder


@pytest.fixture(scope="module")
def patients(new_folder: NewFolder) -> Iterator[Wire]:
    """Five patients, 996 resources."""
    with site(new_folder("busy")) as client, Wire(client.base_url.port or 0) as wire:
        for name, raw in demo():
            assert wire.request("POST", "/fhir", raw).status == 200, name
        yield wire


@pytest.mark.parametrize(
    "search",
    [
        "Observation?patient.gender=male",
        "Observation?patient.gender=male&_sort=_id",
        "Observation?category=laboratory&_sort=_lastUpdated",
        "Observation?category=laboratory&_sort=-_lastUpdated",
        "Observation?category=laboratory&_sort=-date,code",
        "Observation?date=ne2020",
        "Encounter?date=ge2010&_sort=date",
        "Claim?_include=Claim:patient",
        "Procedure?subject:Patient.gender=male&_sort=-date",
    ],
)
def test_unchanged_matches_come_exactly_once(search: str, patients: Wire) -> None:
    type_, _, query = search.partition("?")
    assert missed(patients, type_, query, seed=len(search)) == {}
