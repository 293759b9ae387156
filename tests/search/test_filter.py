"""_filter: its grammar, what its operators mean on a store, and that nothing but FHIR's errors comes of any text.

http://hl7.org/fhir/R4/search_filter.html
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.outcome import BadRequest
from fhir_server.search.criteria import Terms
from fhir_server.search.filter import filtered
from fhir_server.search.filter_syntax import OPERATORS, Condition, Junction, Negation, Step, parse
from fhir_server.search.query import Compare, Match, Op, Together, Token
from tests.interactions.client import Client, observation, patient, server

TERMS = Terms("http://h/fhir", datetime(2026, 11, 22, tzinfo=UTC))


def condition(text: str, at: int = 0) -> Condition:
    name, operator, value = text.split(" ")
    return Condition((Step(name, at),), operator, value, at)


def test_and_or_bind_alike_from_left_to_right() -> None:
    a, b, c = condition("a eq 1"), condition("b eq 2", 10), condition("c eq 3", 21)
    assert parse("a eq 1 or b eq 2 and c eq 3") == Junction("and", (Junction("or", (a, b)), c))
    assert parse("a eq 1 or (b eq 2 AND c eq 3)") == Junction(
        "or", (a, Junction("and", (condition("b eq 2", 11), condition("c eq 3", 22))))
    )
    assert parse("a eq 1 or b eq 2 or  c eq 3") == Junction("or", (a, b, condition("c eq 3", 21)))


def test_not_stands_before_parentheses() -> None:
    assert parse("NOT(a eq 1)\t") == Negation(condition("a eq 1", 4))
    assert parse("not (a eq 1)") == Negation(condition("a eq 1", 5))


def test_paths_have_steps_filters_and_types() -> None:
    found = parse('subject:Patient[name co "p) ]"].birthdate ge 2014-10-10')
    where = Condition((Step("name", 16),), "co", "p) ]", 16)
    assert found == Condition((Step("subject", 0, "Patient", where), Step("birthdate", 32)), "ge", "2014-10-10", 0)


def test_value_ends_at_white_space_and_closing_marks() -> None:
    assert parse("code eq http://loinc.org|1234-5") == condition("code eq http://loinc.org|1234-5")
    assert parse(r'name eq "a\"b\u00e9 c"') == Condition((Step("name", 0),), "eq", 'a"bé c', 0)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("", 1),
        ("name", 5),
        ("name eq", 8),
        ("name is x", 6),
        ("name eq x and", 14),
        ("name eq x, y", 12),
        ("(name eq x", 11),
        ("name eq x)", 10),
        ("subject[name eq x.y eq z", 21),
        ('name eq "x', 9),
        ('name eq "x"y', 12),
        (r'name eq "\x"', 9),
        ('name eq "\ud800"', 9),
        ("not name eq x", 1),
        ("1name eq x", 1),
        ("name eq x andgiven eq y", 11),
        ("subject[name eq x] re y", 19),
        ("(" * 30 + "a eq b" + ")" * 30, 26),
        ("a eq b or " * 250 + "a eq b", 2001),
    ],
)
def test_error_names_the_place(text: str, character: int) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(text)
    (issue,) = refused.value.issues
    assert issue.text.startswith(f"_filter, character {character}: ")
    assert issue.expression == ("http._filter",)


@pytest.mark.parametrize(
    ("type_", "text", "says"),
    [
        ("Patient", "nonsense eq x", "character 1: Patient has no search parameter 'nonsense'"),
        ("Patient", "active eq true and gender co x", "character 20: co is not for gender, a parameter of type token"),
        ("Patient", "birthdate ge nonsense", "character 1: "),
        ("Patient", "birthdate pr maybe", "character 1: pr maybe: expected true or false"),
        ("Patient", "name.family eq x", "character 1: name is no reference"),
        ("Observation", "subject:Practitioner.name eq x", "character 1: subject does not refer to Practitioner"),
        ("Observation", "subject:Patient re y", "character 1: subject is followed by a type"),
        (
            "Observation",
            "subject eq Patient/1",
            "eq is not for subject, a parameter of type reference; there are pr, re",
        ),
        ("Observation", "value-quantity gt x", "character 1: "),
        ("Group", "characteristic.value eq x", "character 1: characteristic stands with a filter and a name"),
        ("Group", "characteristic[nonsense eq x].value eq x", "character 16: here stands one of value, code"),
        ("Group", "characteristic[not (code eq x)].value eq x", "tests are joined by and and or alone"),
        ("Patient", ".".join(["link"] * 12) + " re x", "more than 8 chains"),
    ],
)
def test_what_cannot_be_is_refused(type_: str, text: str, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        filtered(type_, text, TERMS)
    assert says in str(refused.value)


def test_blank_filter_asks_for_nothing() -> None:
    assert filtered("Patient", " ", TERMS) is None


def test_grouped_names_are_about_one_element() -> None:
    code = Match("characteristic", ((Compare(Token, "code", Op.EQ, "x"),),))
    value = Match("value", ((Compare(Token, "code", Op.EQ, "y"),),))
    assert filtered("Group", "characteristic[code eq x].value eq y", TERMS) == Together((code, value))


WORDS = st.sampled_from(
    [
        *(*OPERATORS, "and", "or", "not", "not(", "(", ")", "[", "]", ".", " ", " ", " ", '"', '"x"', "\\", ","),
        *("name", "subject", "birthdate", "code", "value-quantity", "link", "_id", "_lastUpdated", "characteristic"),
        *("2020", "loinc|1", "true", "5.4|http://unitsofmeasure.org|mg", "ge2020", "Patient/1", "http://x", ":Patient"),
    ]
)


@given(text=st.lists(WORDS, max_size=30).map("".join) | st.text(max_size=60))
@pytest.mark.parametrize("type_", ["Patient", "Observation", "Group"])
def test_any_text_is_a_tree_or_a_bad_request(type_: str, text: str) -> None:
    with suppress(BadRequest):
        filtered(type_, text, TERMS)


NAMES = st.sampled_from(["name", "family", "birthdate", "gender", "general-practitioner.name", "link[_id eq x]._id"])
TESTS = st.builds(
    "{} {} {}".format, NAMES, st.sampled_from(OPERATORS), st.sampled_from(["2020", '"a b"', "x", "true", "a|b"])
)
FILTERS = st.recursive(
    TESTS,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("{} or {}".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=10,
)


@given(text=FILTERS)
def test_well_formed_filters_parse(text: str) -> None:
    parse(text)


# ---- on a store


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    running = await server(folder)
    own = Client(running)
    for resource in RESOURCES:
        await own.put(f"{resource['resourceType']}/{resource['id']}", resource)
    yield own
    await running.store.close()


LOINC = "http://loinc.org"
RESOURCES: tuple[dict[str, Any], ...] = (
    patient(
        "peter",
        name=[{"family": "Müller Carpet", "given": ["Peter", "Otto"]}],
        birthDate="1980-05",
        gender="male",
        active=True,
    ),
    patient("ann", name=[{"family": "Zoe", "given": ["Ann"]}], birthDate="1990-01-01", gender="female"),
    patient("nobody"),
    {**observation("Patient/peter"), "id": "o1", "code": {"coding": [{"system": LOINC, "code": "1234-5"}]}}
    | {"valueQuantity": {"value": 5.4, "unit": "mg"}, "effectivePeriod": {"start": "2020-01-01", "end": "2020-03-31"}},
    {**observation("Patient/ann"), "id": "o2", "code": {"coding": [{"system": "http://x", "code": "1234-5"}]}}
    | {"valueQuantity": {"value": 7.0, "unit": "mg"}, "effectiveDateTime": "2020-02-10"},
    {**observation("Patient/nobody"), "id": "o3"},
)


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("Patient", 'name co "pet"', {"peter"}),
        ("Patient", "given eq PETER and birthdate ge 1980", {"peter"}),
        ("Patient", "given eq pete", set()),
        ("Patient", "given ne peter", {"peter", "ann"}),
        ("Patient", "family eq carpet", set()),
        ("Patient", 'family eq "muller carpet"', {"peter"}),
        ("Patient", "family sw carpet", set()),
        ("Patient", "family sw mull", {"peter"}),
        ("Patient", "family ew pet", {"peter"}),
        ("Patient", "family gt n", {"ann"}),
        ("Patient", "family le zoe", {"peter", "ann"}),
        ("Patient", "family pr true", {"peter", "ann"}),
        ("Patient", "family pr false", {"nobody"}),
        ("Patient", "gender ne male", {"ann"}),
        ("Patient", "not (gender eq male)", {"ann", "nobody"}),
        ("Patient", "gender eq male or gender eq female and birthdate gt 1985", {"ann"}),
        ("Patient", "gender eq male or (gender eq female and birthdate gt 1985)", {"ann", "peter"}),
        ("Patient", "birthdate co 1980-05-17", {"peter"}),
        ("Patient", "birthdate eq 1980", {"peter"}),
        ("Patient", "birthdate sa 1980-05", {"ann"}),
        ("Patient", "birthdate eb 1980-06", {"peter"}),
        ("Patient", "birthdate ne 1980", {"ann"}),
        ("Patient", "_id eq ann", {"ann"}),
        ("Patient", "_id ne ann", {"peter", "nobody"}),
        ("Patient", "_lastUpdated gt 2020", {"peter", "ann", "nobody"}),
        ("Patient", "_lastUpdated lt 2020", set()),
        ("Patient", "active eq true", {"peter"}),
        ("Observation", "code eq loinc|1234-5", {"o1"}),
        ("Observation", "code eq 1234-5", {"o1", "o2"}),
        ("Observation", "code ne loinc|1234-5", {"o2"}),
        ("Observation", "code ne http://unheard.of|1234-5", {"o1", "o2"}),
        ("Observation", "subject re Patient/peter", {"o1"}),
        ("Observation", "subject re http://test.example/fhir/Patient/peter", {"o1"}),
        ("Observation", 'subject.name co "pet"', {"o1"}),
        ("Observation", "subject.name pr false", {"o3"}),
        ("Observation", "subject.name ne peter", {"o1", "o2"}),
        ("Observation", "subject:Patient.gender eq female", {"o2"}),
        ("Observation", "subject[gender eq female].given eq ann", {"o2"}),
        ("Observation", "subject[gender eq female].given eq peter", set()),
        ("Observation", "date po 2020-03", {"o1"}),
        ("Observation", "date po 2020-02", {"o1", "o2"}),
        ("Observation", "date co 2020-02-10", {"o1", "o2"}),
        ("Observation", "date eq 2020-02", {"o2"}),
        ("Observation", "value-quantity gt 5.4", {"o2"}),
        ("Observation", "value-quantity eq 5.4||mg", {"o1"}),
        ("Observation", "value-quantity ap 5.2", {"o1"}),
        ("Observation", "value-quantity pr false", {"o3"}),
    ],
)
async def test_filter_finds(client: Client, type_: str, text: str, expected: set[str]) -> None:
    assert set(await client.ids(f"{type_}?_filter={text}")) == expected


async def test_filters_and_other_parameters_all_hold(client: Client) -> None:
    assert await client.ids("Patient?_filter=family pr true&_filter=gender eq male&active=true") == ["peter"]
    assert await client.ids("Patient?_filter=family pr true&gender=female&active=true") == []
    assert await client.ids("?_type=Patient,Practitioner&_filter=name co ann") == ["ann"]


async def test_filter_is_kept_in_the_links(client: Client) -> None:
    page = await client.get("Patient?_filter=family pr true&_count=1")
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert links["self"] == "http://test.example/fhir/Patient?_filter=family%20pr%20true&_count=1"
    assert len(await client.ids(links["next"])) == 1


async def test_wrong_filter_is_an_error_whatever_the_handling(client: Client) -> None:
    error = await client.fails("GET", "Patient?_filter=nonsense eq x")
    assert (error.status, error.issues[0].expression) == (400, ("http._filter",))
