from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.search.query import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Compare,
    Has,
    Ids,
    LastUpdated,
    Match,
    Missing,
    Node,
    Not,
    Op,
    Or,
    Token,
)
from fhir_server.search.tree import simple
from tests.search.evaluate import World

WORLD = World(
    [
        {"resourceType": "Patient", "id": "a", "gender": "male", "link": [{"other": {"reference": "Patient/b"}}],
         "meta": {"lastUpdated": "2010-01-01T00:00:00Z"}},
        {"resourceType": "Patient", "id": "b", "gender": "female", "active": True, "meta": {"lastUpdated": "2011-01-01T00:00:00Z"}},
        {"resourceType": "Patient", "id": "c", "meta": {"lastUpdated": "2012-01-01T00:00:00Z"}},
    ]
)  # fmt: skip
MOMENT = int(datetime(2011, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def is_code(param: str, *codes: str) -> Match:
    return Match(param, tuple((Compare(Token, "code", Op.EQ, code),) for code in codes))


leaves: st.SearchStrategy[Node] = st.sampled_from(
    [
        is_code("gender", "male"),
        is_code("gender", "female", "male"),
        is_code("active", "true"),
        Match("gender", ()),
        Ids(("a", "b")),
        Ids(("c",)),
        Ids(()),
        LastUpdated(((Op.GE, MOMENT),)),
        LastUpdated(((Op.LT, MOMENT), (Op.LT, MOMENT))),
        LastUpdated(()),
        Missing("gender", (Token,)),
        EVERYTHING,
        NOTHING,
    ]
)


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        several.map(And),
        several.map(Or),
        inner.map(Not),
        inner.map(lambda where: Chain("link", "Patient", where)),
        inner.map(lambda where: Has("Patient", "link", where)),
    )


trees = st.recursive(leaves, _grown, max_leaves=12)


@settings(max_examples=500)
@given(trees)
def test_simple_tree_means_the_same_and_is_as_simple_as_it_gets(tree: Node) -> None:
    made = simple(tree)
    assert simple(made) == made
    assert WORLD.matches({"Patient": made}) == WORLD.matches({"Patient": tree})


def _nodes(node: Node) -> list[Node]:
    match node:
        case And(of) | Or(of):
            return [node, *(n for one in of for n in _nodes(one))]
        case Not(of):
            return [node, *_nodes(of)]
        case Chain(_, _, where) | Has(_, _, where):
            return [node, *_nodes(where)]
        case _:
            return [node]


@given(trees)
def test_simple_tree_has_no_needless_nodes(tree: Node) -> None:
    made = simple(tree)
    for node in _nodes(made):
        if isinstance(node, And | Or):
            assert len(node.of) != 1
            assert not any(type(one) is type(node) for one in node.of)
        if isinstance(node, Not):
            assert not isinstance(node.of, Not)
            assert node.of not in (EVERYTHING, NOTHING)
    inner = _nodes(made)[1:]
    assert NOTHING not in inner


def test_ids_of_one_conjunction_are_intersected_and_of_one_disjunction_united() -> None:
    assert simple(And((Ids(("a", "b")), Ids(("b", "c"))))) == Ids(("b",))
    assert simple(And((Ids(("a",)), Ids(("b",))))) == NOTHING
    assert simple(Or((Ids(("a",)), Ids(("b",))))) == Ids(("a", "b"))


def test_matches_of_one_parameter_are_one_match() -> None:
    assert simple(Or((is_code("gender", "male"), is_code("gender", "female")))) == is_code("gender", "male", "female")
