"""Hierarchies as intervals: subsumption is reachability.

http://hl7.org/fhir/R4/codesystem.html#subsumption
"""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.outcome import Unprocessable
from fhir_server.terminology import hierarchy as module
from fhir_server.terminology.hierarchy import Circle, hierarchy


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Parents of concepts, whose numbers say nothing of who is above."""
    size = draw(st.integers(0, 12))
    names = draw(st.permutations(range(size)))
    parents: list[list[int]] = [[] for _ in range(size)]
    for n in range(1, size):
        parents[names[n]] = [names[p] for p in draw(st.lists(st.integers(0, n - 1), unique=True, max_size=3))]
    return parents


def above(parents: list[list[int]], concept: int) -> set[int]:
    found, waiting = set(), [concept]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


@given(graphs())
def test_a_concept_is_below_another_if_its_place_is_in_its_intervals(parents: list[list[int]]) -> None:
    tree = hierarchy(parents)
    assert sorted(tree.place) == list(range(len(parents)))
    for wide in range(len(parents)):
        intervals = tree.intervals(wide)
        below = {n for n in range(len(parents)) if any(low <= tree.place[n] <= high for low, high in intervals)}
        assert below == {n for n in range(len(parents)) if wide in above(parents, n)}
        further = tree.further.get(wide)
        assert all(a[1] + 1 < b[0] for a, b in pairwise(further))


@given(st.permutations(range(6)), st.integers(1, 6))
def test_a_circle_is_told_with_its_concepts(names: list[int], size: int) -> None:
    parents: list[list[int]] = [[] for _ in range(8)]
    for n in range(size):
        parents[names[n]].append(names[(n + 1) % size])
    parents[7] = [names[0], 6]
    with pytest.raises(Circle) as caught:
        hierarchy(parents)
    circle = list(caught.value.concepts)
    assert sorted(circle) == sorted(names[:size])
    assert all(circle[(n + 1) % size] in parents[each] for n, each in enumerate(circle))


def test_concepts_keep_their_order_where_nothing_is_above_them() -> None:
    assert list(hierarchy([[], [], [0], []]).place) == [0, 2, 1, 3]


def test_a_chain_of_many_concepts_is_one_interval_each() -> None:
    began = time.process_time()
    tree = hierarchy([[n - 1] if n else [] for n in range(100_000)])
    assert tree.further.total == 0
    assert (tree.last[0], tree.last[50_000]) == (99_999, 99_999)
    assert time.process_time() - began < 5


def test_too_many_ways_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_INTERVALS", 50)
    parents: list[list[int]] = [[] for _ in range(40)] + [[n % 20, 20 + n % 19] for n in range(100)]
    with pytest.raises(Unprocessable, match="too many ways"):
        hierarchy(parents)
