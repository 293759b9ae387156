"""What an added SearchParameter restricts: refused with what is right, everywhere it can be written."""

from dataclasses import replace
from typing import Any

import pytest

from fhir_server.definitions import SearchParameter
from fhir_server.model import now
from fhir_server.outcome import BadRequest
from fhir_server.search.described import described
from fhir_server.search.parse import parse
from fhir_server.search.query import SearchRequest
from fhir_server.search.registry import Added, Registry, under
from fhir_server.settings import Settings

BORN = SearchParameter("born", "http://example.org/born", ("Patient",), "date", "Patient.birthDate")
CALLED = SearchParameter("called", "http://example.org/called", ("Patient",), "string", "Patient.name.family")
BY = SearchParameter("by", "http://example.org/by", ("Observation",), "reference", "Observation.performer")


def asked(definition: SearchParameter, type_: str, *pairs: tuple[str, str]) -> SearchRequest:
    with under(Registry((Added(definition, "SearchParameter/1", 1, ready=True),))):
        return parse(type_, pairs, settings=Settings(), now=now(), handling="strict")


def refused(definition: SearchParameter, type_: str, *pairs: tuple[str, str]) -> tuple[Any, str]:
    with pytest.raises(BadRequest) as raised:
        asked(definition, type_, *pairs)
    (issue,) = raised.value.issues
    assert issue.code == "not-supported"
    return issue.expression, str(raised.value)


@pytest.mark.parametrize(
    ("definition", "pairs"),
    [
        (BORN, [("born", "gt2020,lt1950"), ("born", "ne1960"), ("born:missing", "false")]),
        (CALLED, [("called:exact", "a,b"), ("called", "c")]),
    ],
)
def test_what_lists_nothing_restricts_nothing(definition: SearchParameter, pairs: list[tuple[str, str]]) -> None:
    assert asked(definition, "Patient", *pairs).used == tuple(pairs)


def test_a_prefix_that_is_not_listed_is_refused() -> None:
    born = replace(BORN, comparators=("ge", "lt"))
    assert asked(born, "Patient", ("born", "ge2020,lt1950")).used
    assert asked(born, "Patient", ("born:missing", "true")).used
    assert refused(born, "Patient", ("born", "ge2020,sa1950")) == (
        ("http.born",),
        "born: born has no prefix sa; it has ge, lt",
    )
    assert refused(born, "Patient", ("born", "2020")) == (
        ("http.born",),
        "born: born has no prefix eq, which is meant where none is written; it has ge, lt",
    )
    assert refused(born, "Observation", ("patient.born", "ne2020"))[1].endswith("it has ge, lt")
    assert refused(born, "Organization", ("_has:Patient:organization:born", "ne2020"))[1].endswith("it has ge, lt")
    with pytest.raises(BadRequest, match="it has ge, lt"):
        asked(born, "Patient", ("_filter", "born ne 2020"))


def test_a_string_that_begins_like_a_prefix_is_no_prefix() -> None:
    assert asked(replace(CALLED, comparators=("eq",)), "Patient", ("called", "gerard")).used


def test_a_modifier_that_is_not_listed_is_refused_and_not_described() -> None:
    called = replace(CALLED, modifiers=("exact", "missing"))
    assert asked(called, "Patient", ("called:exact", "x"), ("called:missing", "false")).used
    place, text = refused(called, "Patient", ("called:contains", "x"))
    assert (place, text.partition("; ")[2]) == (("http.called:contains",), "it has :missing, :exact")
    with under(Registry((Added(called, "SearchParameter/1", 1, ready=True),))):
        (told,) = [each["documentation"] for each in described("Patient") if each["name"] == "called"]
    assert told.endswith("(modifiers: :missing, :exact)")


def test_types_of_a_reference_are_its_modifier_type() -> None:
    by = replace(BY, modifiers=("type",))
    assert asked(by, "Observation", ("by:Patient", "1")).used
    assert refused(by, "Observation", ("by:identifier", "1"))[1].partition("; ")[2].startswith("it has :CareTeam, ")
    by = replace(BY, modifiers=("identifier",))
    assert refused(by, "Observation", ("by:Patient", "1"))[1].endswith("; it has :identifier")


def test_a_comma_and_a_repetition_are_refused_where_one_value_is_taken() -> None:
    called = replace(CALLED, multiple_or=False, multiple_and=False)
    assert asked(called, "Patient", ("called", r"a\,b")).used
    assert refused(called, "Patient", ("called", "a,b"))[1] == (
        "called: called takes one value, not 2 with commas between them"
    )
    assert refused(called, "Patient", ("called", "a"), ("called:exact", "b"))[1] == (
        "called:exact: called may be given once in a search, and is given again"
    )
    twice = [("subject:Patient.called", "a"), ("subject:Patient.called", "b")]
    assert refused(called, "Observation", *twice)[0] == ("http.subject:Patient.called",)
    assert asked(called, "Observation", ("subject:Patient.called", "a"), ("performer:Patient.called", "b")).used
    assert asked(called, "Patient", ("_filter", "called eq a and called eq b")).used


def test_what_is_not_listed_cannot_be_chained() -> None:
    by = replace(BY, chains=("name", "identifier"))
    assert asked(by, "Observation", ("by:Patient.name", "x"), ("by.identifier:missing", "true")).used
    assert refused(by, "Observation", ("by:Patient.birthdate", "2020")) == (
        ("http.by:Patient.birthdate",),
        "by:Patient.birthdate: birthdate cannot be chained to by; these can: name, identifier",
    )
    with pytest.raises(BadRequest, match="these can: name, identifier"):
        asked(by, "Observation", ("_filter", "by:Patient.birthdate eq 2020"))


def test_lenient_handling_does_not_pass_over_what_is_refused() -> None:
    chosen = Registry((Added(replace(BORN, comparators=("ge",)), "SearchParameter/1", 1, ready=True),))
    with under(chosen), pytest.raises(BadRequest):
        parse("Patient", [("born", "lt2020")], settings=Settings(), now=now(), handling="lenient")
