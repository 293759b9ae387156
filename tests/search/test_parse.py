import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest, FhirError, PreconditionFailed
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import criteria, parse, query_string
from fhir_server.search.query import (
    Chain,
    Compare,
    DateRange,
    Ids,
    Include,
    Match,
    Op,
    SearchRequest,
    Sort,
    String,
    Token,
    Total,
)
from fhir_server.search.settle import placeholders
from fhir_server.search.tree import simple
from fhir_server.settings import Settings

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def asked(type_: str | tuple[str, ...] | None, query: str, handling: str = "") -> SearchRequest:
    return parse(type_, tuple(query_string(query)), settings=Settings(), now=NOW, handling=handling)


def refused(type_: str | None, query: str, handling: str = "") -> FhirError:
    with pytest.raises(FhirError) as raised:
        asked(type_, query, handling)
    return raised.value


# ---- search parameters


def test_unknown_parameter_is_refused_with_the_nearest_names() -> None:
    error = refused("Patient", "birthdat=1990")
    assert (error.status, error.issues[0].code) == (400, "not-supported")
    assert error.issues[0].expression == ("http.birthdat",)
    assert error.issues[0].text == "Patient has no search parameter 'birthdat': did you mean birthdate?"


def test_unknown_parameter_is_passed_over_leniently_and_named() -> None:
    request = asked("Patient", "colour=red&gender=male&_sort=colour&_include=Patient:colour", "lenient")
    assert request.used == (("gender", "male"),)
    assert [name for name, _ in request.ignored] == ["colour", "_sort", "_include"]
    assert request.query.where == asked("Patient", "gender=male").query.where


def test_handling_of_the_request_wins_over_the_setting() -> None:
    colour = (("colour", "red"),)
    assert parse("Patient", colour, settings=Settings(handling="lenient"), now=NOW).ignored
    assert parse("Patient", colour, settings=Settings(), now=NOW, handling="lenient").ignored
    with pytest.raises(BadRequest):
        parse("Patient", colour, settings=Settings(handling="lenient"), now=NOW, handling="strict")


@pytest.mark.parametrize(
    "query", ["gender:exact=male", "birthdate=soon", "_count=many", "_lastUpdated=x", "name:missing=2"]
)
def test_what_is_not_understood_is_refused_leniently_too(query: str) -> None:
    assert refused("Patient", query, "lenient").status == 400


@pytest.mark.parametrize("code", ["_query"])
def test_what_r4_has_and_this_server_not_is_refused_with_the_reason(code: str) -> None:
    error = refused("Patient", f"{code}=x")
    assert (error.status, error.issues[0].code) == (400, "not-supported")
    assert "it stands by itself" in str(error)


def test_empty_values_ask_for_nothing() -> None:
    request = asked("Patient", "name=&gender=male&birthdate=%20&_count=")
    assert request.used == (("gender", "male"),)
    assert request.query.count == 20


def test_used_are_the_parameters_in_their_order() -> None:
    request = asked("Patient", "gender=male&_count=5&_format=json&_pretty=true&name=x&_page=abc&gender=female")
    assert request.used == (("gender", "male"), ("_count", "5"), ("name", "x"), ("gender", "female"))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("&".join(["gender=male"] * 513), "the query is not"),
        ("identifier=" + ",".join(map(str, range(1001))), "identifier has more than 1000 values"),
        ("&".join(["_has:Observation:patient:code=1"] * 33), "more than 32 _has"),
        ("organization." + "partof." * 8 + "name=x", "more than 8 chains"),
        ("_has:Patient:link:" * 9 + "name=x", "more than 8 chains"),
        ("_has:AuditEvent:entity:entity." + "focus." * 5 + "_id=x", "lead over too many resource types"),
    ],
)
def test_limits(query: str, text: str) -> None:
    error = refused("Patient", query)
    assert error.status == 400
    assert text in str(error)


# ---- types


def test_system_search_takes_the_parameters_that_all_its_types_have() -> None:
    request = asked(None, "_type=Patient,Practitioner&name=x&_lastUpdated=gt2010")
    assert list(request.query.where) == ["Patient", "Practitioner"]
    assert request.used[0] == ("_type", "Patient,Practitioner")
    assert refused(None, "_type=Patient,Observation&name=x").issues[0].expression == ("http.name",)
    assert refused(None, "_type=Patient,Nothing").issues[0].expression == ("http._type",)


def test_system_search_without_types_is_over_all() -> None:
    request = asked(None, "_id=1")
    assert request.query.where == dict.fromkeys(definitions().resource_types, Ids(("1",)))


def test_type_search_over_several_types_reads_each() -> None:
    assert set(asked(("Patient", "Person"), "gender=male").query.where) == {"Patient", "Person"}


# ---- result parameters


def test_page_size() -> None:
    assert asked("Patient", "").query.count == 20
    assert asked("Patient", "_count=7").query.count == 7
    assert asked("Patient", "_count=5000").query.count == 1000
    for counting in ("_count=0", "_summary=count"):
        query = asked("Patient", counting).query
        assert (query.count, query.total) == (0, Total.ACCURATE)


@pytest.mark.parametrize(
    "query",
    ["_count=-1", "_count=1.5", "_count=1&_count=2", "_total=some", "_summary=maybe", "_summary=true&_summary=false",
     "_elements=colour", "_elements=name&_summary=true", "_sort=colour", "_include=Patient", "_include=Nothing:x",
     "_include=Patient:gender", "_include=Patient:link:Group", "_include:again=Patient:link", "_include=Patient:link&_summary=text",
     "_revinclude=Patient", "_count:exact=1", "_sort=" + ",".join(["name"] * 11)],
)  # fmt: skip
def test_result_parameter_that_cannot_be(query: str) -> None:
    assert refused("Patient", query).status == 400


def test_sort() -> None:
    assert asked("Observation", "_sort=-date,_id,code,-_lastUpdated").query.sort == (
        Sort("date", DateRange, descending=True),
        Sort("_id", None),
        Sort("code", Token),
        Sort("_lastUpdated", None, descending=True),
    )
    assert asked("Patient", "_sort=family&_sort=-given").query.sort == (
        Sort("family", String),
        Sort("given", String, descending=True),
    )
    assert refused("Observation", "_sort=combo-code").status == 400


def test_elements_summary_total() -> None:
    request = asked("Observation", "_elements=value,Observation.code&_elements=code&_total=accurate")
    assert (request.elements, request.query.total) == (("value", "code"), Total.ACCURATE)
    assert asked("Observation", "_summary=data").summary == "data"


def test_includes() -> None:
    query = (
        "_include=Observation:patient&_include:iterate=Patient:link:Patient&_revinclude=Provenance:target&_include=*"
    )
    assert asked("Observation", query).include == (
        Include("Observation", "patient"),
        Include("Patient", "link", "Patient", iterate=True),
        Include("Provenance", "target", reverse=True),
        Include("*", "*"),
    )


# ---- criteria


def test_criteria_are_search_parameters_alone() -> None:
    text = "identifier=http://a.org|1&active=true"
    assert criteria("Patient", text, now=NOW) == asked("Patient", text).query.where["Patient"]
    assert criteria("Patient", (("_id", "1"),)) == Ids(("1",))
    assert criteria("Observation", "patient.gender=male") == Chain(
        "subject", "Patient", Match("gender", ((Compare(Token, "code", Op.EQ, "male"),),))
    )


@pytest.mark.parametrize(
    "text", ["_count=1&_id=2", "_sort=name", "_include=Patient:link", "colour=red", "_id=1&_type=Patient"]
)
def test_criteria_that_are_none(text: str) -> None:
    with pytest.raises(BadRequest):
        criteria("Patient", text)


@pytest.mark.parametrize("text", ["", "name=", "_format=json", "_id:missing=false"])
def test_criteria_that_restrict_nothing_fail(text: str) -> None:
    with pytest.raises(PreconditionFailed):
        criteria("Patient", text)


@pytest.mark.parametrize("text", ["name=%ff", "name=%C3%28", "&".join(["a=b"] * 600)])
def test_query_string_must_be_percent_encoded_utf_8(text: str) -> None:
    with pytest.raises(BadRequest):
        list(query_string(text))


# ---- whatever arrives

words = st.sampled_from(
    ["_id", "_has:", "Observation", "patient", ".", ":", "name", "gender", "date", "subject", "code", "missing", "not", "|", ",",
     "\\", "$", "ge", "1e", "2013-01-14", "http://a.org/x", "value-quantity", "_include", "_sort", "*", "%", "\x00", "ﬁ", "_lastUpdated",
     "identifier", "url", "_has:Observation:patient:", "_text", "_list", "near", "phonetic", "(", ")", '"', " or ", " not ", "in", "of-type", "_contained",
     "code-value-quantity", "component-code-value-quantity", "kg", "_type", "location", "below", "above", "general-practitioner", "_elements", "_count", "true", "_summary", "Patient/1", "-"]
)  # fmt: skip
texts = st.lists(words, max_size=8).map("".join) | st.text(max_size=30)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(["Patient", "Observation", "ValueSet", "Bundle", "ChargeItem"]),
    st.lists(st.tuples(texts, texts), max_size=4),
    st.sampled_from(["strict", "lenient"]),
)
def test_any_url_is_understood_or_refused(type_: str, pairs: list[tuple[str, str]], handling: str) -> None:
    try:
        request = parse(type_, pairs, settings=Settings(), now=NOW, handling=handling)
    except BadRequest:
        return
    for tree in request.query.where.values():
        assert simple(tree) == tree
    with_criteria = [pair for pair in pairs if pair in request.used]
    assert list(request.used) == with_criteria


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_of_any_parameter_is_understood_or_refused(data: st.DataObject) -> None:
    type_ = data.draw(
        st.sampled_from(
            ["Patient", "Observation", "ValueSet", "RiskAssessment", "QuestionnaireResponse", "Location", "Group",
             "MolecularSequence", "DocumentReference", "Encounter"]
        )
    )  # fmt: skip
    code = data.draw(st.sampled_from([*parameters(type_), "_list"]))
    modifiers = ["", ":not", ":exact", ":contains", ":text", ":below", ":above", ":identifier", ":missing", ":in", ":not-in", ":of-type", ":Patient"]  # fmt: skip
    modifier = data.draw(st.sampled_from(modifiers))
    try:
        parse(type_, ((code + modifier, data.draw(texts)),), settings=Settings(), now=NOW)
    except BadRequest:
        return


HOSTILE = ["a" * 100_000, "\\" * 100_000, "|" * 100_000, "." * 100_000, "9" * 100_000, "http://a/" + "a/" * 50_000, "," * 100_000, " " * 100_000,
           "2013-01-14T10:00:00." + "1" * 100_000, "ge" * 50_000, "é" * 50_000, "1e" + "9" * 99_000, "a-" * 50_000, "_has:" * 20_000]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: value[:12])
def test_long_values_take_no_longer_than_they_should(value: str) -> None:
    started = time.process_time()
    for type_, name in [("Patient", "name"), ("Patient", "identifier"), ("Observation", "date"), ("Observation", "value-quantity"),
                        ("ValueSet", "url:above"), ("ValueSet", "url"), ("Observation", "subject"), ("ChargeItem", "factor-override"),
                        ("Patient", "_text"), ("Location", "near"), ("Patient", "phonetic"), ("Observation", "component-code-value-quantity"),
                        ("Condition", "code:below"), ("Encounter", "location:below"), ("Patient", "identifier:of-type"), ("Patient", "_list"),
                        ("Patient", "_id"), ("Patient", "_sort"), ("Patient", "_include"), ("Patient", value)]:  # fmt: skip
        try:
            parse(type_, ((name, value),), settings=Settings(), now=NOW)
        except FhirError:
            continue
    assert time.process_time() - started < 0.25 * 20


@pytest.mark.parametrize(
    "query",
    [
        "subject:Patient.birthdate=xx",
        "subject:Patient.name:above=x",
        "subject:Patient.colour=x",
        "_has:Observation:has-member:code:exact=x",
        "_has:Observation:has-member:subject:Patient.birthdate=xx",
        "has-member.has-member.has-member.has-member.has-member.has-member.has-member.has-member.has-member.code=x",
        "_filter=subject.birthdate eq xx",
    ],
)
def test_the_place_of_an_error_is_the_parameter_in_the_url(query: str) -> None:
    assert refused("Observation", query).issues[0].expression == (f"http.{query.partition('=')[0]}",)
    with pytest.raises(BadRequest) as raised:
        criteria("Observation", query)
    assert raised.value.issues[0].expression == (f"http.{query.partition('=')[0]}",)


def test_what_the_terminology_decides_is_told_by_the_parameter_in_the_url() -> None:
    for query in ("_has:Observation:has-member:code:in=http://x", "_filter=code in http://x"):
        (name,) = {found.name for found in placeholders(asked("Observation", query).query.where["Observation"])}
        assert name == query.partition("=")[0]
