"""20,000 generated queries and more: the server finds exactly what a brute-force reading of R4 finds.

http://hl7.org/fhir/R4/search.html

Every block of 500 has a seed of its own. ORACLE_SEED is the first one (a run that was interrupted goes on where it says),
ORACLE_QUERIES how many there are on each set of resources.
"""

import os
from itertools import islice
from pathlib import Path

import pytest

from tests.oracle.corpora import served
from tests.oracle.generate import Generator
from tests.oracle.order import sorted_query, wrong_order
from tests.oracle.pending import PENDING

pytestmark = pytest.mark.slow

BLOCK = 500
QUERIES = {"synthea": 8_000, "examples": 11_000, "demo": 2_500}


@pytest.mark.parametrize("corpus", QUERIES)
def test_server_and_oracle_agree(corpus: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, wanted = int(os.environ.get("ORACLE_SEED", "1")), int(os.environ.get("ORACLE_QUERIES", QUERIES[corpus]))
    with served(corpus, folder) as both:
        generator = Generator(both.world, first, frozenset(PENDING))
        for seed in range(first, first + -(-wanted // BLOCK)):
            generator.random.seed(seed)
            known = len(both.differences)
            both.run(islice(generator, BLOCK))
            with capsys.disabled():
                print(f"{corpus}: seed {seed}, {both.ran} queries, {len(both.differences)} differences", flush=True)  # noqa: T201
                for difference in both.differences[known:]:
                    print(difference.told(both.world))  # noqa: T201
        queries = [sorted_query(generator) for _ in range(wanted // 10)]
        misplaced = [wrong_order(both.wire, both.world, query, rules, generator.random) for query, rules in queries]
        with capsys.disabled():
            print(f"{len(queries)} of them sorted")  # noqa: T201
            print(both.table())  # noqa: T201
        assert [str(difference.query) for difference in both.differences] == []
        assert list(filter(None, misplaced)) == []
    assert both.matched > both.ran / 2
    if corpus == "examples" and wanted >= QUERIES[corpus]:
        assert both.lacking(10) == []
