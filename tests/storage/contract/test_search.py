"""Each kind of entry with each of its comparisons; trees; what Access hides."""

import pytest

from fhir_server.search.query import (
    EVERYTHING,
    NOTHING,
    OPEN_HIGH,
    UNRESTRICTED,
    Access,
    And,
    Chain,
    DateRange,
    Has,
    Identifier,
    Ids,
    LastUpdated,
    Missing,
    Node,
    Not,
    Number,
    Op,
    Or,
    Quantity,
    Reference,
    SearchQuery,
    String,
    Text,
    Token,
    Total,
    Uri,
)
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import (
    at,
    coded,
    date,
    either,
    identifier,
    ids,
    key,
    link,
    number,
    quantity,
    reference,
    refers,
    save,
    search,
    starts,
    string,
    text,
    token,
    uri,
    where,
    write,
)

CASES: list[tuple[str, Node, list[str]]] = [
    ("token code", coded("t", "a"), ["1", "2"]),
    ("token system and code", coded("t", "a", "http://s"), ["1"]),
    ("token without a system", coded("t", "a", ""), ["2"]),
    ("token system alone", where("t", Token, ("system", Op.EQ, "http://s")), ["1", "3"]),
    ("token is case sensitive", coded("t", "A"), []),
    ("token unknown system", coded("t", "a", "http://nowhere"), []),
    ("token commas", either(coded("t", "a"), coded("t", "b")), ["1", "2", "3"]),
    ("token many commas", either(*(coded("t", f"x{n}") for n in range(50)), coded("t", "b")), ["3"]),
    ("token of one of systems", where("t", Token, ("system", Op.ONE, "http://s\nhttp://nowhere")), ["1", "3"]),
    ("token of no known system", where("t", Token, ("system", Op.ONE, "http://nowhere")), []),
    ("token of none of systems", where("t", Token, ("code", Op.EQ, "a"), ("system", Op.NONE, "http://s")), ["2"]),
    (
        "token many commas of two shapes",
        either(
            *(coded("t", f"x{n}") for n in range(50)),
            *(where("t", Token, ("code", Op.EQ, code), ("system", Op.NONE, "http://s")) for code in "abcdefghij"),
        ),
        ["2"],
    ),
    ("text words", where("t", Text, ("folded", Op.WORDS, "press blood")), ["1"]),
    ("text words begin words", where("t", Text, ("folded", Op.WORDS, "lood")), []),
    ("text contains", where("t", Text, ("folded", Op.CONTAINS, "ood pr")), ["1"]),
    ("string starts", starts("s", "mü"), ["1"]),
    ("string starts is not a pattern", starts("s", "m%"), ["2"]),
    ("string starts with the last character", starts("s", "\U0010ffff"), ["3"]),
    ("string contains", where("s", String, ("folded", Op.CONTAINS, "ülle")), ["1"]),
    ("string ends", where("s", String, ("folded", Op.ENDS, "er")), ["1"]),
    ("string exact", where("s", String, ("original", Op.EQ, "Müller")), ["1"]),
    ("string exact minds case", where("s", String, ("original", Op.EQ, "müller")), []),
    ("reference", refers("r", "Patient/1"), ["1"]),
    ("reference to the same id of another type", refers("r", "Group/1"), ["2"]),
    ("reference by id alone", where("r", Reference, ("id", Op.EQ, "1")), ["1", "2"]),
    ("reference by url", where("r", Reference, ("url", Op.EQ, "http://x/Patient/1")), ["3"]),
    ("reference url is no id", where("r", Reference, ("id", Op.EQ, "http://x/Patient/1")), []),
    ("reference identifier", where("r", Identifier, ("system", Op.EQ, "http://s"), ("code", Op.EQ, "n")), ["3"]),
    ("date equal", where("d", DateRange, ("low", Op.GE, 10), ("high", Op.LE, 20)), ["1"]),
    ("date greater", where("d", DateRange, ("high", Op.GT, 20)), ["2", "3"]),
    ("date less", where("d", DateRange, ("low", Op.LT, 10)), ["2"]),
    ("date starts after", where("d", DateRange, ("low", Op.GE, 20)), ["3"]),
    ("date ends before", where("d", DateRange, ("high", Op.LE, 20)), ["1"]),
    ("number equal", where("n", Number, ("low", Op.GE, 0.15), ("high", Op.LE, 0.25)), ["1"]),
    ("number greater", where("n", Number, ("high", Op.GT, 0.2)), ["2", "3"]),
    ("number open end", where("n", Number, ("high", Op.GT, 1e307)), ["3"]),
    ("quantity value", where("q", Quantity, ("low", Op.GE, 4.5), ("high", Op.LE, 5.5)), ["1", "2"]),
    (
        "quantity value and code",
        where("q", Quantity, ("low", Op.GE, 4.5), ("high", Op.LE, 5.5), ("code", Op.EQ, "mg")),
        ["1"],
    ),
    ("quantity unit", where("q", Quantity, ("high", Op.GT, 1), ("unit", Op.EQ, "grams")), ["2"]),
    ("quantity system", where("q", Quantity, ("system", Op.EQ, "http://u"), ("code", Op.EQ, "g")), ["2"]),
    ("uri", where("u", Uri, ("value", Op.EQ, "http://a/b")), ["1", "2"]),
    ("uri with version", where("u", Uri, ("value", Op.EQ, "http://a/b"), ("version", Op.EQ, "2")), ["2"]),
    ("uri below", where("u", Uri, ("value", Op.STARTS, "http://a/")), ["1", "2", "3"]),
    ("ids", Ids(("1", "3", "9")), ["1", "3"]),
    ("no ids", Ids(()), []),
    ("missing", Missing("only", (Token,)), ["2", "3"]),
    ("missing one kind", Missing("t", (Text,)), ["2", "3"]),
    ("missing a parameter nobody has", Missing("never", (Token, String)), ["1", "2", "3"]),
    ("not", Not(coded("t", "a")), ["3"]),
    ("not of what nobody has", Not(coded("never", "a")), ["1", "2", "3"]),
    ("and", And((coded("t", "a"), starts("s", "m"))), ["1", "2"]),
    ("and of nothing", And(()), ["1", "2", "3"]),
    ("or", Or((coded("t", "b"), refers("r", "Patient/1"))), ["1", "3"]),
    ("or with not", Or((Not(coded("t", "a")), Ids(("1",)))), ["1", "3"]),
    ("or of nothing", Or(()), []),
    ("last updated", LastUpdated(((Op.GE, int(at(1).timestamp()) * 1_000_000),)), ["2", "3"]),
    (
        "last updated between",
        LastUpdated(tuple((op, int(at(1).timestamp()) * 1_000_000 + more) for op, more in ((Op.GT, -1), (Op.LT, 1)))),
        ["2"],
    ),
]


@pytest.fixture
async def three(store: Store) -> Store:
    await save(
        store,
        write(
            "Basic/1",
            token("t", "a", "http://s"),
            text("t", "blood pressure"),
            token("only", "x"),
            string("s", "Müller"),
            reference("r", "Patient/1"),
            date("d", 10, 20),
            number("n", 0.2),
            quantity("q", 5, "mg", "http://u", "milligrams"),
            uri("u", "http://a/b"),
            when=at(0),
        ),
        write(
            "Basic/2",
            token("t", "a"),
            string("s", "M%x"),
            reference("r", "Group/1"),
            date("d", 5, 25),
            number("n", 0.3),
            quantity("q", 5, "g", "http://u", "grams"),
            uri("u", "http://a/b", "2"),
            when=at(1),
        ),
        write(
            "Basic/3",
            token("t", "b", "http://s"),
            string("s", "\U0010ffff!"),
            link("r", "http://x/Patient/1"),
            identifier("r", "n", "http://s"),
            date("d", 20, OPEN_HIGH),
            number("n", 1, float("inf")),
            quantity("q", 50, "mg", "http://u", "mg"),
            uri("u", "http://a/c"),
            when=at(2),
        ),
    )
    return store


async def test_comparisons_and_trees(three: Store) -> None:
    wrong = {}
    for name, tree, expected in CASES:
        found = await ids(three, "Basic", tree)
        if found != expected:
            wrong[name] = found
        negated = await ids(three, "Basic", Not(tree))
        if sorted(found + negated) != ["1", "2", "3"]:
            wrong[f"not {name}"] = negated
    assert wrong == {}


async def test_stream_and_total_agree_with_the_search(three: Store) -> None:
    for _, tree, expected in CASES:
        page = await search(three, "Basic", tree, total=Total.ACCURATE, count=0)
        assert (page.hits, page.total) == ((), len(expected))
        streamed = [version.key.id async for version in three.stream(UNRESTRICTED, SearchQuery({"Basic": tree}))]
        assert streamed == expected


@pytest.fixture
async def ward(store: Store) -> Store:
    """Two patients, each with observations; p2 is hidden from the guest."""
    await save(
        store,
        write("Patient/p1", string("name", "Ada"), token("label", "open")),
        write("Patient/p2", string("name", "Bea"), token("label", "secret")),
        write("Observation/o1", reference("subject", "Patient/p1"), token("code", "x"), token("label", "open")),
        write("Observation/o2", reference("subject", "Patient/p2"), token("code", "x"), token("label", "open")),
        write("Observation/o3", reference("subject", "Patient/p1"), token("code", "y"), token("label", "secret")),
        write("Observation/o4", reference("subject", "Patient/gone"), token("code", "y"), token("label", "open")),
        write("Provenance/v1", reference("target", "Observation/o1"), token("label", "open")),
    )
    return store


async def test_chains_follow_references_to_current_resources(ward: Store) -> None:
    assert await ids(ward, "Observation", Chain("subject", "Patient", starts("name", "a"))) == ["o1", "o3"]
    assert await ids(ward, "Observation", Chain("subject", "Group", EVERYTHING)) == []
    assert await ids(ward, "Observation", Chain("subject", "Patient", EVERYTHING)) == ["o1", "o2", "o3"]
    two = Chain("target", "Observation", Chain("subject", "Patient", starts("name", "a")))
    assert await ids(ward, "Provenance", two) == ["v1"]
    assert await ids(ward, "Patient", Has("Observation", "subject", coded("code", "y"))) == ["p1"]
    assert await ids(ward, "Patient", Not(Has("Observation", "subject", coded("code", "y")))) == ["p2"]
    nested = Has("Observation", "subject", Has("Provenance", "target", EVERYTHING))
    assert await ids(ward, "Patient", nested) == ["p1"]


GUEST = Access("guest", where={type_: coded("label", "open") for type_ in ("Patient", "Observation", "Provenance")})


async def test_access_holds_at_every_alias(ward: Store) -> None:
    assert await ids(ward, "Patient", access=GUEST) == ["p1"]
    assert await ids(ward, "Observation", access=GUEST) == ["o1", "o2", "o4"]
    assert await ids(ward, "Observation", Chain("subject", "Patient", EVERYTHING), access=GUEST) == ["o1"]
    assert await ids(ward, "Observation", Not(Chain("subject", "Patient", EVERYTHING)), access=GUEST) == ["o2", "o4"]
    assert await ids(ward, "Patient", Has("Observation", "subject", coded("code", "y")), access=GUEST) == []
    total = await search(ward, "Observation", access=GUEST, count=0)
    assert total.total == 3
    streamed = [version.key.id async for version in ward.stream(GUEST, SearchQuery({"Observation": EVERYTHING}))]
    assert streamed == ["o1", "o2", "o4"]
    assert await ward.reader(GUEST).read_many([key("Patient/p1"), key("Patient/p2")]) != []
    found = await ward.reader(GUEST).read_many([key("Patient/p2"), key("Observation/o3")])
    assert found == []


async def test_a_policy_may_look_along_links_that_its_holder_may_not_see(ward: Store) -> None:
    compartment = Access("ada", where={"Observation": Chain("subject", "Patient", Ids(("p1",)))})
    assert await ids(ward, "Observation", access=compartment) == ["o1", "o3"]
    assert await ids(ward, "Patient", access=compartment) == []
    assert await ids(ward, "Observation", Chain("subject", "Patient", EVERYTHING), access=compartment) == []


async def test_access_that_names_no_type_shows_nothing(ward: Store) -> None:
    for access in (Access("nobody"), Access("nobody", everything=True, where={"Patient": NOTHING})):
        assert await ids(ward, "Patient", access=access) == []


async def test_unknown_types_and_parameters_match_nothing(ward: Store) -> None:
    assert await ids(ward, "Basic") == []
    assert await ids(ward, "Patient", coded("never", "x")) == []
    assert await ids(ward, "Patient", Chain("never", "Basic", EVERYTHING)) == []
    assert await ids(ward, "Patient", Has("Basic", "never", EVERYTHING)) == []


HOSTILE = ["' OR 1=1 --", '"', "\\", "%", "_", "\x00", "a\x00b", "?", "$.x", "\u202e", "é" * 3000, "[]", "{}", "null"]


@pytest.mark.parametrize("value", HOSTILE)
async def test_values_are_values_whatever_they_look_like(store: Store, value: str) -> None:
    await save(store, write("Basic/1", token("t", value, value), string("s", value), uri("u", value)), write("Basic/2"))
    assert await ids(store, "Basic", coded("t", value, value)) == ["1"]
    assert await ids(store, "Basic", where("s", String, ("original", Op.EQ, value))) == ["1"]
    assert await ids(store, "Basic", where("u", Uri, ("value", Op.STARTS, value))) == ["1"]
    assert await ids(store, "Basic", Ids((value,))) == []
    assert await store.check() == []
