"""Value sets: what is understood of a composition is what a naive reading of it finds; pages are the whole; judgement agrees.

http://hl7.org/fhir/R4/valueset.html#compositions
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fhir_server.concepts import EVERY, NONE, AllOf, AnyOf, Below, Flagged, Listed, Not, all_of, any_of, none_of
from fhir_server.outcome import BadRequest
from fhir_server.search.query import UNRESTRICTED
from fhir_server.terminology.expansion import Asked, expanded
from fhir_server.terminology.judgement import Coding, of_value_set
from fhir_server.terminology.memory import table_of
from fhir_server.terminology.sources import Sources
from fhir_server.terminology.valuesets import certain, composed, condition, listed
from tests.interactions.client import Client
from tests.interactions.conftest import client
from tests.operations.zoo import ANIMALS, ORDER, SYSTEM, VS, of, stocked, value_set

__all__ = ["client"]

OTHER = "http://acme.org/none"
BELOW = {
    "animal": {"animal", "mammal", "cat", "dog", "bat", "bird", "dodo"},
    "mammal": {"mammal", "cat", "dog", "bat"},
    "bird": {"bird", "dodo"},
    "flier": {"flier", "bat"},
}
NAMED: dict[str, set[tuple[str, str]]] = {
    f"{VS}mammals": {(SYSTEM, code) for code in BELOW["mammal"]},
    f"{VS}pets": {(SYSTEM, "cat"), (SYSTEM, "dog")},
    f"{VS}elsewhere": {(OTHER, "x"), (OTHER, "y")},
}
Json = dict[str, Any]


def below(code: str) -> set[str]:
    return BELOW.get(code, {code} if code in ORDER else set())


def naive_filter(given: Json) -> set[str]:
    op, value = given["op"], given["value"]
    match op:
        case "is-a":
            return below(value)
        case "descendent-of":
            return below(value) - {value}
        case "is-not-a":
            return set(ORDER) - below(value)
        case "generalizes":
            return {code for code in ORDER if value in below(code)}
        case _:
            return {value} & set(ORDER)


def naive_part(part: Json) -> set[tuple[str, str]]:
    sides = [NAMED[url] for url in part.get("valueSet", ())]
    if "system" in part:
        codes = {c["code"] for c in part["concept"]} if "concept" in part else set(ORDER)
        if part["system"] == SYSTEM:
            codes &= set(ORDER)
        for each in part.get("filter", ()):
            codes &= naive_filter(each)
        sides.append({(part["system"], code) for code in codes})
    return set.intersection(*sides)


def naive(resource: Json) -> set[tuple[str, str]]:
    compose = resource["compose"]
    found = set[tuple[str, str]]().union(*map(naive_part, compose["include"]))
    return found.difference(*map(naive_part, compose.get("exclude", ())))


CODES = st.sampled_from([*ORDER, "unicorn"])
FILTERS = st.builds(
    lambda op, value: {"property": "concept", "op": op, "value": value},
    st.sampled_from(["is-a", "descendent-of", "is-not-a", "generalizes", "="]),
    CODES,
)
SYSTEMS = st.one_of(
    st.just({"system": SYSTEM}),
    st.lists(FILTERS, min_size=1, max_size=2).map(lambda filters: {"system": SYSTEM, "filter": filters}),
    st.lists(CODES, min_size=1, max_size=4).map(
        lambda codes: {"system": SYSTEM, "concept": [{"code": c} for c in codes]}
    ),
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=3).map(
        lambda codes: {"system": OTHER, "concept": [{"code": c} for c in codes]}
    ),
)
IMPORTS = st.lists(st.sampled_from(sorted(NAMED)), min_size=1, max_size=2).map(lambda urls: {"valueSet": urls})
PARTS = st.one_of(SYSTEMS, IMPORTS, st.tuples(SYSTEMS, IMPORTS).map(lambda both: {**both[0], **both[1]}))
SETS = st.builds(
    lambda include, exclude: value_set("x", include=include, **({"exclude": exclude} if exclude else {})),
    st.lists(PARTS, min_size=1, max_size=3),
    st.lists(PARTS, max_size=2),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(resource=value_set("x", include=[of()], exclude=[of(("concept", "is-a", "mammal"))]), page=3)
@given(resource=SETS, page=st.integers(1, 5))
async def test_expansion_paging_and_judgement_agree_with_a_naive_reading(
    client: Client, resource: Json, page: int
) -> None:
    if not hasattr(client, "stocked"):
        await stocked(client)
        client.stocked = True  # type: ignore[attr-defined]
    sources = Sources(client.server.store.reader(UNRESTRICTED))
    parts = await composed(sources, resource)
    whole = await expanded(sources, parts, Asked())
    found = [(member.system, member.concept.code) for member in whole.members]
    assert (set(found), len(found)) == (naive(resource), whole.total)
    pages = [
        (member.system, member.concept.code)
        for offset in range(0, whole.total + page, page)
        for member in (await expanded(sources, parts, Asked(offset=offset, count=page))).members
    ]
    assert pages == found
    for system, code in [*((SYSTEM, code) for code in (*ORDER, "unicorn")), *((OTHER, code) for code in "xyz")]:
        judged = await of_value_set(sources, parts, "x", Coding(system, code))
        assert judged.result is ((system, code) in found)


@pytest.mark.parametrize(
    ("made", "simple"),
    [
        (all_of([]), EVERY),
        (all_of([EVERY, Below("a")]), Below("a")),
        (all_of([Listed(frozenset("ab")), Listed(frozenset("bc"))]), Listed(frozenset("b"))),
        (all_of([Listed(frozenset("ab")), Not(Listed(frozenset("b")))]), Listed(frozenset("a"))),
        (all_of([Listed(frozenset("a")), Listed(frozenset("b")), Below("c")]), NONE),
        (any_of([]), NONE),
        (any_of([Listed(frozenset("a")), Listed(frozenset("b"))]), Listed(frozenset("ab"))),
        (any_of([Below("a"), EVERY]), EVERY),
        (any_of([NONE, Below("a")]), Below("a")),
        (none_of(Not(Below("a"))), Below("a")),
        (none_of(EVERY), NONE),
        (none_of(NONE), EVERY),
    ],
)
def test_conditions_are_made_simple(made: object, simple: object) -> None:
    assert made == simple


def test_what_is_certain_without_concepts() -> None:
    where = AnyOf((AllOf((Listed(frozenset("ab")), Not(Flagged("inactive")))), Listed(frozenset("c"))))
    assert listed(where) == frozenset("abc")
    assert [certain(where, code) for code in "abcd"] == [True, True, True, False]
    assert certain(Below("a"), "a") is None
    assert certain(AllOf((Below("a"), Listed(frozenset("b")))), "a") is False
    assert listed(Below("a")) is None


@pytest.mark.parametrize("op", ["is-a", "exists", "child-of", ""])
def test_filters_that_are_not_understood_are_refused(op: str) -> None:
    with pytest.raises(BadRequest, match="it filters by"):
        condition({"property": "parent", "op": op, "value": "x"}, "x")


async def test_hostile_value_sets_end_in_clear_errors(client: Client) -> None:
    sources = Sources(client.server.store.reader(UNRESTRICTED))
    many = value_set("x", include=[{"system": f"http://acme.org/{n}"} for n in range(501)])
    with pytest.raises(BadRequest, match="more than 500 parts"):
        await composed(sources, many)
    for n in range(25):
        await client.put(f"ValueSet/n{n}", value_set(f"n{n}", include=[{"valueSet": [f"{VS}n{n + 1}"]}]))
    with pytest.raises(BadRequest, match="imports others too deep"):
        await composed(sources, value_set("x", include=[{"valueSet": [f"{VS}n0"]}]))
    for pattern in ("(a", "(?<=a)b", "x" * 2000, r"(a)\1"):
        regex = value_set("x", include=[of(("code", "regex", pattern))])
        with pytest.raises(Exception, match="regular expression"):
            await composed(sources, regex)


async def test_value_sets_that_double_at_each_level_end_in_a_clear_error(client: Client) -> None:
    await stocked(client)
    for n in range(18):
        twice = [f"{VS}d{n + 1}"]
        include = [{"valueSet": twice}] if n < 17 else [of(("concept", "is-a", "mammal"))]
        less = {
            "system": SYSTEM,
            "valueSet": twice,
            "filter": [{"property": "concept", "op": "is-a", "value": f"c{n}"}],
        }
        exclude = {"exclude": [less]} if n < 17 else {}
        await client.put(f"ValueSet/d{n}", value_set(f"d{n}", include=include, **exclude))
    error = await client.fails("GET", "ValueSet/d0/$expand")
    assert (error.status, error.issues[0].code, "more than 1000 conditions" in str(error)) == (422, "too-costly", True)
    assert (await client.get("ValueSet/d12/$expand"))["expansion"]["total"] == 4


async def test_hundreds_of_filters_are_answered(client: Client) -> None:
    await stocked(client)
    many = value_set(
        "x",
        include=[
            of(("concept", "is-a", code), ("concept", "is-not-a", f"{code}{n}")) for n in range(20) for code in ORDER
        ],
    )
    answer = await client.post("ValueSet/$expand", many)
    assert answer["expansion"]["total"] == len(ORDER)


async def test_a_regex_is_matched_in_linear_time() -> None:
    codes = [{"code": "a" * 2000 + str(n)} for n in range(50)]
    table = table_of({**ANIMALS, "concept": codes})
    assert table.selected(condition({"property": "code", "op": "regex", "value": "(a+)+b"}, "x")) == []
