"""What R4's own code systems and value sets say: members, and what is below and above. Read from the package.

http://hl7.org/fhir/R4/valueset.html#compositions and http://hl7.org/fhir/R4/codesystem.html#hierarchy

A value set is left out here where the package alone does not tell its members: codes of other systems, filters, exclusions.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.oracle.definitions import Tree, codes, package

Pair = tuple[str, str]

OTHERWISE = {"part-of", "grouped-by", "classified-with"}
"""Meanings of a hierarchy that are not that of the search modifiers."""


@cache
def members(url: str) -> frozenset[Pair] | None:
    """(system, code) of each; None where it is not known."""
    found = package().value_sets.get(url.partition("|")[0])
    compose = found.get("compose", {}) if found else {}
    if "include" not in compose or "exclude" in compose:
        return None
    parts = [_included(include) for include in compose["include"]]
    if None in parts:
        return None
    return frozenset(pair for part in parts if part is not None for pair in part)


def _included(include: Tree) -> frozenset[Pair] | None:
    if "filter" in include or ("valueSet" in include and "system" in include):
        return None
    if "valueSet" in include:
        each = [members(url) for url in include["valueSet"]]
        known = [one for one in each if one is not None]
        return frozenset.intersection(*known) if len(known) == len(each) else None
    system = include["system"]
    listed = {c["code"] for c in include["concept"]} if "concept" in include else codes(system)
    if not listed or system not in package().code_systems:
        return None
    return frozenset((system, code) for code in listed)


@cache
def bound() -> tuple[str, ...]:
    """The value sets that elements are bound to so that others are not, or hardly, allowed, and whose members are known."""
    return tuple(sorted(url for url in package().bound if members(url)))


@cache
def sets_of(system: str) -> tuple[str, ...]:
    """Those of `bound` that have codes of this system."""
    return tuple(url for url in bound() if any(pair[0] == system for pair in members(url) or ()))


@cache
def parents(system: str) -> dict[str, set[str]]:
    """Code → the codes right above it; empty where the system has no hierarchy that is told by nesting alone."""
    resource = package().code_systems.get(system, {})
    told = {url for one in bound() for url, _ in members(one) or ()}
    if not codes(system) or resource.get("hierarchyMeaning") in OTHERWISE or system not in told:
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    for concept, above in _concepts(resource["concept"], ""):
        if {"parent", "child", "subsumedBy"} & {each["code"] for each in concept.get("property", ())}:
            return {}
        if above:
            found[concept["code"]].add(above)
    return dict(found)


def _concepts(concepts: Any, above: str) -> Iterator[tuple[Tree, str]]:
    for concept in concepts:
        yield concept, above
        yield from _concepts(concept.get("concept", ()), concept["code"])


@cache
def above(system: str, code: str) -> frozenset[str]:
    """The code itself and all that it is one of."""
    return frozenset({code}).union(*(above(system, each) for each in parents(system).get(code, ())))


@cache
def below(system: str, code: str) -> frozenset[str]:
    """The code itself and all that are one of it."""
    return frozenset(each for each in codes(system) if code in above(system, each))
