"""The R4 validation cases: valid or invalid, as the reference validator says, or for a reason that is written down.

http://hl7.org/fhir/R4/validation.html
"""

import json
from pathlib import Path

import pytest

from tests.conformance_data import data_folder
from tests.validation.official_cases import Run, runs, verdict

DIFFERENCES: dict[str, str] = json.loads((Path(__file__).parent / "official_differences.json").read_text())
"""Run → why we say otherwise."""

COUNTS: dict[str, str] = json.loads((Path(__file__).parent / "official_counts.json").read_text())
"""Run on whose verdict all agree → why the number of errors differs."""

RUNS = runs() if data_folder() else ()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.id)
def test_the_verdict_is_that_of_the_reference_validator(run: Run) -> None:
    issues = verdict(run)
    agrees = (not issues) in run.verdicts
    if agrees:
        assert (len(issues) in run.errors) is (run.id not in COUNTS), (COUNTS.get(run.id), issues, run.expected)
    assert agrees is (run.id not in DIFFERENCES), (DIFFERENCES.get(run.id), issues, run.expected)


def test_every_difference_is_one_of_the_cases() -> None:
    assert {*DIFFERENCES, *COUNTS} <= {run.id for run in runs()}


def test_every_difference_is_argued_in_the_decisions() -> None:
    text = (Path(__file__).parents[2] / "DECISIONS.md").read_text()
    assert [run for run in DIFFERENCES if f"`{run.removesuffix(' with its profile')}`" not in text] == []
    assert f"{len(COUNTS)} runs that agree on the verdict" in text
    failures = json.loads((Path(__file__).parents[1] / "fhirpath" / "known_failures.json").read_text())
    assert [name for name in failures if f"`{name.rpartition('/')[2]}`" not in text] == []
