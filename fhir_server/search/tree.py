"""The query tree made small: constants folded away, nests of And and Or flat, no Not of a Not.

http://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Iterable

from fhir_server.search.query import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Contains,
    Has,
    Ids,
    InValueSet,
    LastUpdated,
    Lineage,
    Match,
    Node,
    Not,
    Or,
    Subsumed,
    Together,
)


def simple(node: Node) -> Node:
    """The same meaning in the least form that a store can answer. Idempotent."""
    match node:
        case And(of):
            return _and(simple(one) for one in of)
        case Or(of):
            return _or(simple(one) for one in of)
        case Not(of):
            return negation(simple(of))
        case Chain(param, target, where):
            inner = simple(where)
            return NOTHING if inner == NOTHING else Chain(param, target, inner)
        case Has(source, param, where):
            inner = simple(where)
            return NOTHING if inner == NOTHING else Has(source, param, inner)
        case Match(param, anyof):
            return Match(param, tuple(dict.fromkeys(anyof))) if anyof else NOTHING
        case Together(of):
            return NOTHING if any(not match.anyof for match in of) else node
        case Contains(type_, where):
            inner = simple(where)
            return NOTHING if inner == NOTHING else Contains(type_, inner)
        case Ids(anyof):
            return Ids(tuple(sorted(set(anyof)))) if anyof else NOTHING
        case LastUpdated(tests):
            return LastUpdated(tuple(dict.fromkeys(tests))) if tests else EVERYTHING
        case _:
            return node


def unsettled(node: Node) -> bool:
    """Whether there is a placeholder in the tree, which `search.settle` must replace before a store sees it."""
    match node:
        case InValueSet() | Subsumed() | Lineage():
            return True
        case And(of) | Or(of):
            return any(unsettled(one) for one in of)
        case Not(of):
            return unsettled(of)
        case Chain(where=where) | Has(where=where) | Contains(where=where):
            return unsettled(where)
        case _:
            return False


def negation(node: Node) -> Node:
    """What `node` does not hold for; `node` is simple already."""
    if isinstance(node, Not):
        return node.of
    if node == EVERYTHING:
        return NOTHING
    return EVERYTHING if node == NOTHING else Not(node)


def _and(nodes: Iterable[Node]) -> Node:
    flat: dict[Node, None] = {}
    ids: set[str] | None = None
    tests: dict[tuple[object, int], None] = {}
    for node in nodes:
        for one in node.of if isinstance(node, And) else (node,):
            if isinstance(one, Ids):
                ids = set(one.anyof) if ids is None else ids & set(one.anyof)
            elif isinstance(one, LastUpdated):
                tests |= dict.fromkeys(one.tests)
            else:
                flat[one] = None
    rest: list[Node] = list(flat)
    if tests:
        rest.insert(0, LastUpdated(tuple(tests)))  # type: ignore[arg-type]
    if ids is not None:
        rest.insert(0, Ids(tuple(sorted(ids))))
    if NOTHING in rest or ids == set():
        return NOTHING
    return rest[0] if len(rest) == 1 else And(tuple(rest))


def _or(nodes: Iterable[Node]) -> Node:
    flat: dict[Node, None] = {}
    ids: set[str] = set()
    matches: dict[str, Match] = {}
    for node in nodes:
        for one in node.of if isinstance(node, Or) else (node,):
            if isinstance(one, Ids):
                ids |= set(one.anyof)
            elif isinstance(one, Match):
                before = matches.get(one.param)
                anyof = one.anyof if before is None else tuple(dict.fromkeys(before.anyof + one.anyof))
                matches[one.param] = Match(one.param, anyof)
            else:
                flat[one] = None
    rest: list[Node] = [*matches.values(), *flat]
    if ids:
        rest.insert(0, Ids(tuple(sorted(ids))))
    if EVERYTHING in rest:
        return EVERYTHING
    return rest[0] if len(rest) == 1 else Or(tuple(rest))
