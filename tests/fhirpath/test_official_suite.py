"""Every case of the official R4 FHIRPath suite; those that fail are listed with their reason in known_failures.json."""

import json
from pathlib import Path

import pytest

from tests.conformance_data import require
from tests.fhirpath.official_suite import ARCHIVE, Case, cases, run

KNOWN: dict[str, str] = json.loads(Path(__file__).with_name("known_failures.json").read_text())
CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_case(case: Case) -> None:
    assert (run(case) is not None) == (case.id in KNOWN)


def test_suite_is_there_and_known_failures_are_cases_of_it() -> None:
    require(*ARCHIVE)
    assert len(CASES) == 935
    assert set(KNOWN) <= {case.id for case in CASES}
