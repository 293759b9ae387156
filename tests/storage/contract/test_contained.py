"""Contained resources: found by what they say, led through by chains, never found as resources of their own."""

import pytest

from fhir_server.search.query import (
    EVERYTHING,
    UNRESTRICTED,
    Access,
    And,
    Chain,
    Contained,
    Contains,
    Has,
    Ids,
    IndexEntry,
    LastUpdated,
    Missing,
    Node,
    Not,
    Op,
    Or,
    Reference,
    SearchQuery,
    Text,
    Together,
    Token,
)
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import (
    coded,
    ids,
    key,
    link,
    reference,
    save,
    save_each,
    search,
    starts,
    string,
    token,
    where,
    write,
)


def inside(type_: str, id_: str, *entries: IndexEntry) -> IndexEntry:
    return IndexEntry("_contained", Contained(type_, id_, entries))


async def kept(store: Store) -> None:
    await save(
        store,
        write("MedicationRequest/in", inside("Medication", "m", token("code", "aspirin")), link("medication", "#m")),
        write(
            "MedicationRequest/two",
            inside("Medication", "a", token("code", "aspirin", "http://s"), token("code", "aspirin")),
            inside("Medication", "b", token("code", "aspirin"), token("form", "tablet")),
            link("medication", "#b"),
        ),
        write("MedicationRequest/loose", inside("Medication", "m", token("code", "aspirin")), link("medication", "#x")),
        write("MedicationRequest/out", reference("medication", "Medication/1")),
        write(
            "MedicationRequest/deep",
            inside("Medication", "m", token("code", "other"), link("manufacturer", "#o"), link("context", "#")),
            inside("Organization", "o", string("name", "Acme"), reference("partof", "Organization/1")),
            link("medication", "#m"),
            token("status", "active"),
        ),
        write(
            "MedicationRequest/groups",
            inside("Medication", "g", *pair(1, "a", "x"), *pair(2, "b", "y")),
            link("medication", "#g"),
        ),
        write("MedicationDispense/in", inside("Medication", "m", token("code", "aspirin")), link("medication", "#m")),
        write("Medication/1", token("code", "aspirin"), reference("manufacturer", "Organization/1")),
        write("Organization/1", string("name", "Acme")),
    )


def pair(group: int, code: str, text: str) -> list[IndexEntry]:
    return [IndexEntry("code", Token("", code), group), IndexEntry("word", Text(text), group)]


ASPIRIN, TABLET = coded("code", "aspirin"), coded("form", "tablet")
ACME = starts("name", "acme")


def word(code: str, text: str) -> Together:
    return Together((coded("code", code), where("word", Text, ("folded", Op.WORDS, text))))


def chain(node: Node) -> Chain:
    return Chain("medication", "Medication", node)


CASES: list[tuple[str, Node, list[str]]] = [
    ("contains one", Contains("Medication", ASPIRIN), ["in", "loose", "two"]),
    ("contains one that is both", Contains("Medication", And((ASPIRIN, TABLET))), ["two"]),
    ("contains any", Contains("Medication", EVERYTHING), ["deep", "groups", "in", "loose", "two"]),
    ("contains one of this id", Contains("Medication", Ids(("a", "m"))), ["deep", "in", "loose", "two"]),
    ("contains one that is not", Contains("Medication", Not(ASPIRIN)), ["deep", "groups"]),
    ("contains one that lacks", Contains("Medication", Missing("code", (Token,))), []),
    ("contains one or the other", Contains("Medication", Or((TABLET, coded("code", "other")))), ["deep", "two"]),
    ("contains none", Not(Contains("Medication", ASPIRIN)), ["deep", "groups", "out"]),
    ("contains another type", Contains("Organization", ACME), ["deep"]),
    ("contains an unknown type", Contains("Patient", EVERYTHING), []),
    ("contains a group", Contains("Medication", word("a", "x")), ["groups"]),
    ("contains no mixed group", Contains("Medication", word("a", "y")), []),
    ("contains and is", And((Contains("Medication", EVERYTHING), coded("status", "active"))), ["deep"]),
    ("contains nothing that has a time", Contains("Medication", LastUpdated(((Op.GE, 0),))), []),
    (
        "contains nothing that others refer to",
        Contains("Medication", Has("MedicationRequest", "medication", EVERYTHING)),
        [],
    ),
    ("contains nothing that contains", Contains("Medication", Contains("Organization", EVERYTHING)), []),
    ("a chain leads in and out", chain(ASPIRIN), ["in", "out", "two"]),
    ("a chain to what it refers to", chain(TABLET), ["two"]),
    ("a chain by id", chain(Ids(("b", "1"))), ["out", "two"]),
    ("a chain to a group", chain(word("b", "y")), ["groups"]),
    ("a chain not", Not(chain(ASPIRIN)), ["deep", "groups", "loose"]),
    ("a chain to what is not", chain(Not(ASPIRIN)), ["deep", "groups"]),
    ("a chain from inside to inside", chain(Chain("manufacturer", "Organization", ACME)), ["deep", "out"]),
    (
        "a chain on and on",
        chain(Chain("manufacturer", "Organization", Chain("partof", "Organization", ACME))),
        ["deep"],
    ),
    (
        "a chain back to the container",
        chain(Chain("context", "MedicationRequest", coded("status", "active"))),
        ["deep"],
    ),
    ("not back to a container that is not", chain(Chain("context", "MedicationRequest", coded("status", "x"))), []),
    ("a chain from what it contains", Contains("Medication", Chain("manufacturer", "Organization", ACME)), ["deep"]),
    ("chain or contains", Or((chain(TABLET), Contains("Organization", EVERYTHING))), ["deep", "two"]),
    ("a reference by its fragment", where("medication", Reference, ("url", Op.EQ, "#b")), ["two"]),
]
ALL = ["deep", "groups", "in", "loose", "out", "two"]


@pytest.mark.parametrize(("node", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_contained(store: Store, node: Node, found: list[str]) -> None:
    await kept(store)
    assert await ids(store, "MedicationRequest", node) == found
    assert await ids(store, "MedicationRequest", Not(node)) == [id_ for id_ in ALL if id_ not in found]
    within = And((node, Ids(("two", "deep", "out"))))
    assert await ids(store, "MedicationRequest", within) == [id_ for id_ in found if id_ in {"two", "deep", "out"}]


async def test_contained_resources_are_not_resources(store: Store) -> None:
    await kept(store)
    assert await ids(store, "Medication", ASPIRIN) == ["1"]
    assert await ids(store, "MedicationRequest", ASPIRIN) == []
    assert await ids(store, "Organization", Has("Medication", "manufacturer", EVERYTHING)) == ["1"]
    assert (await store.counts())["Medication"] == 1


async def test_a_hit_names_what_it_contains(store: Store) -> None:
    await kept(store)
    node = Or((Contains("Medication", ASPIRIN), Contains("Organization", EVERYTHING), Contains("Medication", TABLET)))
    page = await search(store, ("MedicationRequest", "MedicationDispense", "Medication"), node)
    found = {str(hit.version.key): hit.contained for hit in page.hits}
    assert found == {
        "MedicationRequest/in": ("m",),
        "MedicationRequest/two": ("a", "b"),
        "MedicationRequest/loose": ("m",),
        "MedicationRequest/deep": ("o",),
        "MedicationDispense/in": ("m",),
    }
    again = await search(store, "MedicationRequest", Contains("Medication", TABLET))
    assert [hit.contained for hit in again.hits] == [("b",)]
    assert [hit.contained for hit in (await search(store, "MedicationRequest", chain(TABLET))).hits] == [()]


async def test_pages_of_what_contains(store: Store) -> None:
    await save_each(store, *(write(f"Claim/{n}", inside("Patient", "p", string("name", "Ann"))) for n in range(5)))
    query = SearchQuery({"Claim": Contains("Patient", starts("name", "ann"))}, count=2)
    page = await store.reader(UNRESTRICTED).search(query)
    assert [hit.version.key.id for hit in page.hits] == ["4", "3"]
    page = await search(store, "Claim", query.where["Claim"], count=2, after=page.next)
    assert [(hit.version.key.id, hit.contained) for hit in page.hits] == [("2", ("p",)), ("1", ("p",))]


async def test_what_is_contained_changes_with_its_container(store: Store) -> None:
    aspirin, other = Contains("Medication", ASPIRIN), Contains("Medication", coded("code", "other"))
    await save_each(
        store,
        write(
            "Claim/1",
            inside("Medication", "m", token("code", "aspirin")),
            inside("Medication", "n", token("code", "x")),
        ),
        write("Claim/1", inside("Medication", "m", token("code", "other")), number=2),
    )
    assert (await ids(store, "Claim", aspirin), await ids(store, "Claim", other)) == ([], ["1"])
    reader = store.reader(Access("someone", where={"Claim": aspirin}))
    assert [version.version_id for version in (await reader.history("Claim", count=9)).versions] == ["1"]
    assert await store.reindex(key("Claim/1"), "2", [inside("Medication", "m", token("code", "aspirin"))])
    assert (await ids(store, "Claim", aspirin), await ids(store, "Claim", other)) == (["1"], [])
    assert await store.check() == []
    await store.transact(UNRESTRICTED, lambda transaction: transaction.purge(key("Claim/1")))
    assert await ids(store, "Claim", aspirin) == []
    assert await store.check() == []


async def test_a_chain_out_of_what_is_contained_sees_what_the_caller_sees(store: Store) -> None:
    await kept(store)
    far = chain(Chain("manufacturer", "Organization", Chain("partof", "Organization", ACME)))
    blind = Access("someone", everything=True, where={"Organization": Not(EVERYTHING)})
    assert await ids(store, "MedicationRequest", far, access=blind) == []
    near = chain(Chain("manufacturer", "Organization", ACME))
    assert await ids(store, "MedicationRequest", near, access=blind) == ["deep"]
