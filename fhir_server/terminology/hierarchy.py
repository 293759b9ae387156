"""The hierarchy of a code system as numbers: each concept has a place, and below it is what lies in its intervals.

http://hl7.org/fhir/R4/codesystem.html#hierarchy

Places are those of a walk along the first parents, so what a concept subsumes along these is one interval. What it subsumes
along further parents is in further intervals (R. Agrawal, A. Borgida, H. V. Jagadish: Efficient management of transitive
relationships in large data and knowledge bases, 1989). Whether one concept subsumes another is one look at the intervals.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_server.concepts import Concept, Placed
from fhir_server.outcome import Unprocessable

MOST_INTERVALS = 2_000_000
"""Further intervals of all concepts together: SNOMED CT has half a million."""

Interval = tuple[int, int]


@dataclass(slots=True)
class Hierarchy:
    """`place` of each concept, from 0; `last` place below it along first parents; `further` intervals, sorted, disjoint."""

    place: "array[int]"
    last: "array[int]"
    further: dict[int, list[Interval]]

    def intervals(self, concept: int) -> list[Interval]:
        """The places of the concept and of all that it subsumes."""
        return [(self.place[concept], self.last[concept]), *self.further.get(concept, ())]


def hierarchy(parents: Sequence[Sequence[int]]) -> Hierarchy:
    """Of concepts 0, 1, … with the concepts right above each.

    Raises Unprocessable: a Circle where a concept is above itself; too many ways from concept to concept.
    """
    children: list[list[int]] = [[] for _ in parents]
    for concept, above in enumerate(parents):
        for parent in above:
            children[parent].append(concept)
    order = _parents_first(parents, children)
    place, last = _places(parents, children)
    return Hierarchy(place, last, _further(parents, children, order, place, last))


def placed(concepts: Sequence[Concept]) -> Iterator[Placed]:
    """The concepts of a code system in the order of their places. Raises as `hierarchy` does, before the first."""
    numbers = {concept.code: n for n, concept in enumerate(concepts)}
    tree = hierarchy([[numbers[parent] for parent in concept.parents] for concept in concepts])
    return (
        Placed(
            concepts[n],
            tree.last[n],
            tuple(tree.place[numbers[parent]] for parent in concepts[n].parents),
            tuple(tree.further.get(n, ())),
        )
        for n in sorted(range(len(concepts)), key=tree.place.__getitem__)
    )


class Circle(Unprocessable):
    """422: concepts that are above themselves. `concepts` are their numbers, each right above the one before it."""

    def __init__(self, concepts: Sequence[int]) -> None:
        super().__init__("concepts of the code system are above themselves", code="business-rule")
        self.concepts = concepts


def _parents_first(parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]]) -> list[int]:
    waiting = [len(above) for above in parents]
    order = [concept for concept, count in enumerate(waiting) if not count]
    for concept in order:
        for child in children[concept]:
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
    if len(order) < len(parents):
        raise Circle(_circle(parents, waiting))
    return order


def _circle(parents: Sequence[Sequence[int]], waiting: Sequence[int]) -> list[int]:
    """Upwards from one that waits, always to one that waits, until one comes again."""
    concept = next(n for n, count in enumerate(waiting) if count)
    way: dict[int, None] = {}
    while concept not in way:
        way[concept] = None
        concept = next(parent for parent in parents[concept] if waiting[parent])
    found = list(way)
    return found[found.index(concept) :]


def _places(parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]]) -> "tuple[array[int], array[int]]":
    place, last = array("q", bytes(8 * len(parents))), array("q", bytes(8 * len(parents)))
    following = 0
    walk = [~n if half else n for n in range(len(parents) - 1, -1, -1) if not parents[n] for half in (1, 0)]
    while walk:
        concept = walk.pop()
        if concept < 0:
            last[~concept] = following - 1
            continue
        place[concept] = following
        following += 1
        for child in reversed(children[concept]):
            if parents[child][0] == concept:
                walk += (~child, child)
    return place, last


def _further(
    parents: Sequence[Sequence[int]],
    children: Sequence[Sequence[int]],
    order: Sequence[int],
    place: Sequence[int],
    last: Sequence[int],
) -> dict[int, list[Interval]]:
    further: dict[int, list[Interval]] = {}
    total = 0
    for concept in reversed(order):
        found: list[Interval] = []
        low, high = place[concept], last[concept]
        for child in children[concept]:
            if parents[child][0] != concept:
                found.append((place[child], last[child]))
            found += further.get(child, ())
        found = [each for each in found if each[0] < low or each[1] > high]
        if found:
            further[concept] = merged = _merged(found)
            total += len(merged)
            if total > MOST_INTERVALS:
                raise Unprocessable("the hierarchy of the code system has too many ways", code="too-costly")
    return further


def _merged(intervals: list[Interval]) -> list[Interval]:
    """Sorted, disjoint and no two right beside each other."""
    intervals.sort()
    found = [intervals[0]]
    for low, high in intervals[1:]:
        if low <= found[-1][1] + 1:
            if high > found[-1][1]:
                found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found
