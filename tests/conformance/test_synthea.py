"""Synthea patients load through `POST [base]` without an error, and every resource reads back as it was sent, apart from
id, meta (version, moment) and resolved references.

http://hl7.org/fhir/R4/http.html#transaction
"""

import json

import pytest

from tests.conformance.synthea import Loaded, demo
from tests.http.wire import Wire


def test_demo_patients_load_and_read_back(wire: Wire) -> None:
    loaded = Loaded().load(wire, demo())
    assert (loaded.errors, loaded.different) == ([], [])
    assert loaded.types.total() == 996


def test_loading_the_hospitals_again_makes_none_anew(wire: Wire) -> None:
    """Each entry is a conditional create (`ifNoneExist`)."""
    before = wire.request("GET", "/fhir/Organization?_summary=count").json()["total"]
    (_, first), (_, second) = (named for named in demo() if named[0].startswith(("0-", "1-")))
    for raw in (first, second):
        answers = wire.request("POST", "/fhir", raw).json()["entry"]
        with_criteria = [a for a, e in zip(answers, _entries(raw), strict=True) if "ifNoneExist" in e["request"]]
        assert {answer["response"]["status"][:3] for answer in with_criteria} == {"200"}
    assert wire.request("GET", "/fhir/Organization?_summary=count").json()["total"] == before > 0


def _entries(raw: bytes) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = json.loads(raw)["entry"]
    return found


@pytest.mark.slow
@pytest.mark.xdist_group("everyone")
def test_everybody_loads_and_reads_back(everyone: tuple[Wire, Loaded]) -> None:
    _, loaded = everyone
    assert (loaded.errors, loaded.different) == ([], [])
    assert loaded.types.total() == 92_114
