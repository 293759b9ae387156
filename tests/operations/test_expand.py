"""$expand.

http://hl7.org/fhir/R4/valueset-operation-expand.html
"""

import time
from typing import Any

import pytest

from tests.interactions.client import Client
from tests.operations.zoo import ORDER, SYSTEM, VS, listing, of, stocked, value_set


@pytest.fixture
async def zoo(client: Client) -> Client:
    return await stocked(client)


def codes(answer: Any) -> list[str]:
    return [each["code"] for each in answer["expansion"].get("contains", ())]


def sent(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    values = [
        {
            "name": name,
            f"value{type(v).__name__.title().replace('Str', 'String').replace('Bool', 'Boolean').replace('Int', 'Integer')}": v,
        }
        for name, v in more.items()
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": resource}, *values]}


MAMMALS = ["mammal", "cat", "dog", "bat"]


@pytest.mark.parametrize(
    ("compose", "found"),
    [
        ({"include": [of()]}, ORDER),
        ({"include": [of(("concept", "=", "cat"))]}, ["cat"]),
        ({"include": [of(("concept", "is-a", "mammal"))]}, MAMMALS),
        ({"include": [of(("concept", "descendent-of", "mammal"))]}, MAMMALS[1:]),
        ({"include": [of(("concept", "is-not-a", "mammal"))]}, ["animal", "bird", "dodo", "flier"]),
        ({"include": [of(("concept", "generalizes", "bat"))]}, ["animal", "mammal", "bat", "flier"]),
        ({"include": [of(("concept", "in", "cat, dodo"))]}, ["cat", "dodo"]),
        ({"include": [of(("concept", "not-in", "cat,dodo"))]}, ["animal", "mammal", "dog", "bat", "bird", "flier"]),
        ({"include": [of(("concept", "regex", "[bc]at"))]}, ["cat", "bat"]),
        ({"include": [of(("display", "regex", ".*a[nt].*"))]}, ["cat", "bat", "flier"]),
        ({"include": [of(("display", "=", "Bat"))]}, ["bat"]),
        ({"include": [of(("legs", "=", "4"))]}, ["cat", "dog"]),
        ({"include": [of(("legs", "exists", "true"))]}, ["cat", "dog", "bird"]),
        ({"include": [of(("legs", "exists", "false"), ("concept", "is-a", "mammal"))]}, ["mammal", "bat"]),
        ({"include": [of(("legs", "not-in", "4"), ("legs", "regex", "[0-9]"))]}, ["bird"]),
        ({"include": [of(("parent", "=", "mammal"))]}, ["cat", "dog", "bat"]),
        ({"include": [of(("child", "=", "bat"))]}, ["mammal", "flier"]),
        ({"include": [of(("inactive", "=", "true"))]}, ["dodo"]),
        ({"include": [listing("dog", "cat")]}, ["dog", "cat"]),
        ({"include": [listing("dog", "unicorn")]}, ["dog"]),
        ({"include": [listing("dodo"), of(("legs", "=", "4"))]}, ["cat", "dog", "dodo"]),
        ({"include": [{"valueSet": [f"{VS}mammals", f"{VS}pets"]}]}, ["dog", "cat"]),
        ({"include": [{**of(("legs", "=", "4")), "valueSet": [f"{VS}mammals"]}]}, ["cat", "dog"]),
        ({"include": [of()], "exclude": [of(("concept", "is-a", "animal"))]}, ["flier"]),
        ({"include": [{"valueSet": [f"{VS}all"]}], "exclude": [{"valueSet": [f"{VS}mammals"]}]}, ["animal", "bird", "dodo", "flier"]),
        ({"include": [of(("concept", "is-a", "bird"))], "inactive": False}, ["bird"]),
        ({"include": [listing("dog"), listing("b", "a", system="http://acme.org/none")]}, ["dog", "b", "a"]),
        ({"include": [of(("concept", "is-a", "unicorn"))]}, []),
    ],
)  # fmt: skip
async def test_compositions(zoo: Client, compose: dict[str, Any], found: list[str]) -> None:
    answer = await zoo.post("ValueSet/$expand", sent(value_set("x", **compose)))
    assert (codes(answer), answer["expansion"]["total"]) == (found, len(found))
    for code in ORDER:
        body = sent(value_set("x", **compose), code=code, system=SYSTEM)
        judged = await zoo.post("ValueSet/$validate-code", body)
        assert judged["parameter"][0] == {"name": "result", "valueBoolean": code in found}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"url={VS}all&filter=gr", ["cat"]),
        (f"url={VS}all&filter=CAT gr", ["cat"]),
        (f"url={VS}all&filter=katz", ["cat"]),
        (f"url={VS}all&filter=an", ["animal", "flier"]),
        (f"url={VS}all&filter=nothing", []),
        (f"url={VS}pets&filter=good", ["dog"]),
        (f"url={VS}elsewhere&filter=an", ["x"]),
        (f"url={VS}all&count=3", ORDER[:3]),
        (f"url={VS}all&count=3&offset=6", ORDER[6:]),
        (f"url={VS}all&count=0", []),
        (f"url={VS}all&activeOnly=true", [c for c in ORDER if c != "dodo"]),
        (f"url={VS}active", [c for c in ORDER if c != "dodo"]),
        (f"url={VS}all&excludeNotForUI=true", ORDER[1:]),
        (f"url={VS}all&exclude-system={SYSTEM}", []),
        (f"url={VS}every-animal", ORDER),
        (f"url={SYSTEM}?fhir_vs", ORDER),
        (f"url={SYSTEM}?fhir_vs=isa/mammal", MAMMALS),
        ("url=http://hl7.org/fhir/ValueSet/administrative-gender", ["male", "female", "other", "unknown"]),
    ],
)
async def test_what_is_asked_of_an_expansion(zoo: Client, query: str, found: list[str]) -> None:
    assert (
        codes(await zoo.get(f"ValueSet/$expand?{query.replace('?fhir', '%3Ffhir').replace('fhir_vs=', 'fhir_vs%3D')}"))
        == found
    )


async def test_an_expansion_says_what_it_is(zoo: Client) -> None:
    answer = await zoo.get("ValueSet/pets/$expand?includeDesignations=true&displayLanguage=fr&count=2")
    assert answer["url"] == f"{VS}pets"
    assert "compose" not in answer
    expansion = answer["expansion"]
    assert expansion["parameter"] == [
        {"name": "displayLanguage", "valueString": "fr"},
        {"name": "includeDesignations", "valueBoolean": True},
        {"name": "version", "valueUri": f"{SYSTEM}|1"},
        {"name": "count", "valueInteger": 2},
    ]
    assert (expansion["total"], expansion["offset"]) == (2, 0)
    dog, cat = expansion["contains"]
    assert dog == {"system": SYSTEM, "version": "1", "code": "dog", "display": "Good boy"}
    assert cat["display"] == "Chat gris"
    assert [d["value"] for d in cat["designation"]] == ["Katze", "Chat gris"]
    second = await zoo.get("ValueSet/pets/$expand?includeDesignations=true&displayLanguage=fr&count=1&offset=1")
    assert second["expansion"]["identifier"] == expansion["identifier"]
    assert "compose" in await zoo.get("ValueSet/pets/$expand?includeDefinition=true")


async def test_members_are_flagged(zoo: Client) -> None:
    answer = await zoo.get("ValueSet/all/$expand")
    flags = {c["code"]: (c.get("abstract"), c.get("inactive")) for c in answer["expansion"]["contains"]}
    assert {code: flag for code, flag in flags.items() if flag != (None, None)} == {
        "animal": (True, None),
        "dodo": (None, True),
    }


async def test_a_hierarchy_comes_where_it_is_asked_for(zoo: Client) -> None:
    answer = await zoo.get("ValueSet/mammals/$expand?excludeNested=false")
    (top,) = answer["expansion"]["contains"]
    assert (top["code"], [c["code"] for c in top["contains"]]) == ("mammal", ["cat", "dog", "bat"])


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        (f"url={VS}none", 404, f"the value set {VS}none is not known here"),
        (f"url={VS}unknown", 404, "the code system http://acme.org/none is not known here"),
        (f"url={VS}round", 422, "imports itself"),
        ("", 400, "one of url, context and valueSet is needed"),
        (f"url={VS}all&count=-1", 400, "count: expected a number"),
        (f"url={VS}all&activeOnly=maybe", 400, "activeOnly: expected true or false"),
        (f"url={VS}all&filter={'x' * 3000}", 400, "filter may have"),
        ("context=http://acme.org/x", 404, "names no element with a value set"),
        (f"url={SYSTEM}%3Ffhir_vs%3Decl/x", 422, "are understood"),
    ],
)
async def test_what_cannot_be_expanded_is_said(zoo: Client, query: str, status: int, text: str) -> None:
    error = await zoo.fails("GET", f"ValueSet/$expand?{query}")
    assert (error.status, text in str(error)) == (status, True), error


async def test_too_many_members_are_an_error_and_pages_are_not(client: Client) -> None:
    concepts = [{"code": f"c{n}"} for n in range(10_050)]
    system = {"resourceType": "CodeSystem", "id": "many", "url": "http://acme.org/many", "status": "active", "content": "complete", "concept": concepts}  # fmt: skip
    await client.put("CodeSystem/many", system)
    await client.put("ValueSet/many", value_set("many", include=[{"system": "http://acme.org/many"}]))
    error = await client.fails("GET", "ValueSet/many/$expand")
    assert (error.status, error.issues[0].code) == (422, "too-costly")
    page = await client.get("ValueSet/many/$expand?count=3&offset=10048")
    assert (codes(page), page["expansion"]["total"]) == (["c10048", "c10049"], 10_050)


async def test_a_concept_above_itself_is_refused(client: Client) -> None:
    concepts = [
        {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
        {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
    ]
    system = {"resourceType": "CodeSystem", "id": "c", "url": "http://acme.org/c", "status": "active", "content": "complete", "concept": concepts}  # fmt: skip
    error = await client.fails("PUT", "CodeSystem/c", system)
    assert (error.status, str(error)) == (422, "a concept cannot be above itself: a < b < a")
    assert (await client.fails("GET", "CodeSystem/c")).status == 404


async def test_a_deep_hierarchy_takes_no_longer_than_a_flat_one(client: Client) -> None:
    concepts = [
        {"code": f"c{n}", **({"property": [{"code": "parent", "valueCode": f"c{n - 1}"}]} if n else {})}
        for n in range(5000)
    ]
    system = {"resourceType": "CodeSystem", "id": "deep", "url": "http://acme.org/deep", "status": "active", "content": "complete", "concept": concepts}  # fmt: skip
    began = time.process_time()
    await client.put("CodeSystem/deep", system)
    answer = await client.get("CodeSystem/$subsumes?system=http://acme.org/deep&codeA=c0&codeB=c4999")
    assert answer["parameter"] == [{"name": "outcome", "valueCode": "subsumes"}]
    above = {
        "system": "http://acme.org/deep",
        "filter": [{"property": "concept", "op": "generalizes", "value": "c4999"}],
    }
    found = await client.post("ValueSet/$expand", sent(value_set("x", include=[above])))
    assert found["expansion"]["total"] == 5000
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("of_filter", "told"),
    [
        (("legs", "exists", "maybe"), "its filter legs exists: expected true or false, not 'maybe'"),
        (("legs", "regex", "((("), "its filter legs regex: '(((' is no regular expression"),
    ],
)
async def test_a_filter_without_meaning_is_refused_with_its_value_set(
    zoo: Client, of_filter: tuple[str, str, str], told: str
) -> None:
    await zoo.put("ValueSet/odd", value_set("odd", include=[of(of_filter)]))
    error = await zoo.fails("GET", "ValueSet/odd/$expand")
    assert (error.status, f"the value set {VS}odd cannot be listed: {told}" in str(error)) == (422, True)
    error = await zoo.fails("GET", f"Observation?code:in={VS}odd")
    assert (error.status, error.issues[0].expression) == (400, ("http.code:in",))


@pytest.mark.parametrize("name", ["system-version", "force-system-version", "check-system-version"])
@pytest.mark.parametrize("version", ["1", "|1", f"{SYSTEM}|"])
async def test_a_version_of_no_system_is_refused(zoo: Client, name: str, version: str) -> None:
    error = await zoo.fails("GET", f"ValueSet/$expand?url={VS}all&{name}={version}")
    assert (error.status, error.issues[0].expression) == (400, (f"http.{name}",))


async def test_the_value_set_of_a_code_system_has_its_version(zoo: Client) -> None:
    assert codes(await zoo.get(f"ValueSet/$expand?url={VS}every-animal|1")) == ORDER
    assert (await zoo.fails("GET", f"ValueSet/$expand?url={VS}every-animal|9")).status == 404
    error = await zoo.fails("GET", f"ValueSet/$expand?url={VS}every-animal&valueSetVersion=9")
    assert (error.status, error.issues[0].expression) == (404, ("http.url",))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("CodeSystem/$lookup?system=http://no&code=a", "http.system"),
        ("CodeSystem/$subsumes?system=http://no&codeA=a&codeB=b", "http.system"),
        (f"CodeSystem/$subsumes?system={SYSTEM}&codeA=cat&codeB=unicorn", "http.codeA"),
        ("CodeSystem/$validate-code?url=http://no&code=a", "http.url"),
    ],
)
async def test_what_is_not_known_is_told_with_its_place(zoo: Client, path: str, place: str) -> None:
    error = await zoo.fails("GET", path)
    assert (error.status, error.issues[0].code, error.issues[0].expression) == (404, "not-found", (place,))
