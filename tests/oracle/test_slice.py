"""Generated queries on Synthea's and HL7's resources: the server finds exactly what looking at every resource finds.

http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterator
from itertools import islice

import pytest

from tests.oracle.compare import Comparison
from tests.oracle.corpora import served
from tests.oracle.generate import Generator
from tests.oracle.order import sorted_query, wrong_order
from tests.oracle.pending import PENDING
from tests.stores import NewFolder

SEED = 20190101
SLICE = {"synthea": 500, "small_examples": 1000}


@pytest.fixture(scope="module", params=SLICE)
def comparison(request: pytest.FixtureRequest, new_folder: NewFolder) -> Iterator[tuple[str, Comparison]]:
    with served(request.param, new_folder("oracle")) as both:
        yield request.param, both


def test_server_and_oracle_agree(comparison: tuple[str, Comparison]) -> None:
    name, both = comparison
    both.run(islice(Generator(both.world, SEED, frozenset(PENDING)), SLICE[name]))
    assert [difference.told(both.world) for difference in both.differences] == []
    assert both.matched > both.ran / 2


def test_server_sorts_as_the_oracle_says(comparison: tuple[str, Comparison]) -> None:
    _, both = comparison
    generator = Generator(both.world, SEED, frozenset(PENDING))
    queries = [sorted_query(generator) for _ in range(100)]
    wrong = [wrong_order(both.wire, both.world, query, rules, generator.random) for query, rules in queries]
    assert list(filter(None, wrong)) == []
