"""_sort: what its rules mean, and which cannot be.

http://hl7.org/fhir/R4/search.html#sort
"""

from datetime import UTC, datetime

import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.parse import parse, query_string
from fhir_server.search.query import DateRange, Point, Sort, String, Token
from fhir_server.settings import Settings

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def sorts(type_: str | None, query: str) -> tuple[Sort, ...]:
    return parse(type_, tuple(query_string(query)), settings=Settings(), now=NOW).query.sort


@pytest.mark.parametrize(
    ("type_", "query", "expected"),
    [
        ("Patient", "_sort=family", Sort("family", String)),
        ("Patient", "_sort=-_lastUpdated", Sort("_lastUpdated", None, descending=True)),
        ("Observation", "_sort=subject:Patient.family", Sort("family", String, chain=(("subject", "Patient"),))),
        ("Observation", "_sort=-patient.birthdate", Sort("birthdate", DateRange, True, (("subject", "Patient"),))),
        (
            "Observation",
            "_sort=encounter.patient.gender",
            Sort("gender", Token, False, (("encounter", "Encounter"), ("subject", "Patient"))),
        ),
        ("Location", "_sort=near&near=10|20|5|km", Sort("near", Point, origin=(10.0, 20.0))),
        ("Location", "near=10|20&_sort=-near&name=x", Sort("near", Point, True, origin=(10.0, 20.0))),
        (
            None,
            "_type=Observation,Condition&_sort=patient.family",
            Sort("family", String, chain=(("subject", "Patient"),)),
        ),
    ],
)
def test_rule_means(type_: str | None, query: str, expected: Sort) -> None:
    assert sorts(type_, query) == (expected,)


@pytest.mark.parametrize(
    ("type_", "query"),
    [
        ("Patient", "_sort=colour"),
        ("Patient", "_sort=phonetic"),
        ("Observation", "_sort=subject.family"),
        ("Observation", "_sort=subject:Practitioner.family"),
        ("Observation", "_sort=code.family"),
        ("Observation", "_sort=patient.colour"),
        ("Observation", "_sort=patient._id"),
        ("Observation", "_sort=code-value-quantity"),
        ("Patient", "_sort=" + "link:Patient." * 5 + "family"),
        ("Location", "_sort=near"),
        ("Location", "_sort=near&near=1|2,3|4"),
        ("Patient", "_sort=."),
    ],
)
def test_rule_that_cannot_be_is_400(type_: str, query: str) -> None:
    with pytest.raises(BadRequest) as refused:
        sorts(type_, query)
    assert refused.value.issues[0].expression == ("http._sort",)
