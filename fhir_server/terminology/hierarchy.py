"""The hierarchy of a code system as numbers: each concept has a place, and below it is what lies in its intervals.

http://hl7.org/fhir/R4/codesystem.html#hierarchy

Places are those of a walk along the first parents, so what a concept subsumes along these is one interval. What it subsumes
along further parents is in further intervals (R. Agrawal, A. Borgida, H. V. Jagadish: Efficient management of transitive
relationships in large data and knowledge bases, 1989). Whether one concept subsumes another is one look at the intervals.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from fhir_server.concepts import Concept, Placed
from fhir_server.outcome import Unprocessable

MOST_INTERVALS = 2_000_000
"""Further intervals of all concepts together: SNOMED CT has half a million."""

Interval = tuple[int, int]


class Edges:
    """Who is right above and right below each of the concepts 0, 1, …: four numbers of four bytes for a concept and an edge."""

    def __init__(self, size: int, pairs: Iterable[tuple[int, int]]) -> None:
        """`pairs` are (concept, parent), in the order of the concepts."""
        self._parents, self._children = array("i"), array("i")
        counts_up, counts_down = _zeros(size + 1), _zeros(size + 1)
        for concept, parent in pairs:
            self._parents.append(parent)
            counts_up[concept + 1] += 1
            counts_down[parent + 1] += 1
        self._up, self._down = array("i", accumulate(counts_up)), array("i", accumulate(counts_down))
        self._children = _zeros(len(self._parents))
        free = array("i", self._down)
        for concept in range(size):
            for parent in self.above(concept):
                self._children[free[parent]] = concept
                free[parent] += 1

    def __len__(self) -> int:
        return len(self._up) - 1

    def above(self, concept: int) -> "array[int]":
        return self._parents[self._up[concept] : self._up[concept + 1]]

    def below(self, concept: int) -> "array[int]":
        return self._children[self._down[concept] : self._down[concept + 1]]

    def first_above(self, concept: int) -> int:
        """Its first parent; -1 where it has none."""
        start = self._up[concept]
        return self._parents[start] if start < self._up[concept + 1] else -1


def _zeros(size: int) -> "array[int]":
    return array("i", bytes(4 * size))


class Further:
    """The further intervals of those concepts that have any: sorted, disjoint."""

    def __init__(self) -> None:
        self._of: dict[int, array[int]] = {}
        self.total = 0

    def put(self, concept: int, intervals: Sequence[Interval]) -> None:
        self._of[concept] = array("i", [place for interval in intervals for place in interval])
        self.total += len(intervals)

    def get(self, concept: int) -> list[Interval]:
        found = self._of.get(concept)
        return [] if found is None else list(zip(found[::2], found[1::2], strict=True))


@dataclass(slots=True)
class Hierarchy:
    """`place` of each concept, from 0; `last` place below it along first parents; `further` intervals."""

    place: "array[int]"
    last: "array[int]"
    further: Further

    def intervals(self, concept: int) -> list[Interval]:
        """The places of the concept and of all that it subsumes."""
        return [(self.place[concept], self.last[concept]), *self.further.get(concept)]


def hierarchy(parents: Sequence[Sequence[int]]) -> Hierarchy:
    """Of concepts 0, 1, … with the concepts right above each. Raises as `climbed` does."""
    return climbed(Edges(len(parents), ((n, parent) for n, above in enumerate(parents) for parent in above)))


def climbed(edges: Edges) -> Hierarchy:
    """The places of all concepts.

    Raises Unprocessable: a Circle where a concept is above itself; too many ways from concept to concept.
    """
    order = _parents_first(edges)
    place, last = _places(edges)
    return Hierarchy(place, last, _further(edges, order, place, last))


def placed(concepts: Sequence[Concept]) -> Iterator[Placed]:
    """The concepts of a code system in the order of their places. Raises as `hierarchy` does, before the first."""
    numbers = {concept.code: n for n, concept in enumerate(concepts)}
    tree = hierarchy([[numbers[parent] for parent in concept.parents] for concept in concepts])
    return (
        Placed(
            concepts[n],
            tree.last[n],
            tuple(tree.place[numbers[parent]] for parent in concepts[n].parents),
            tuple(tree.further.get(n)),
        )
        for n in sorted(range(len(concepts)), key=tree.place.__getitem__)
    )


class Circle(Unprocessable):
    """422: concepts that are above themselves. `concepts` are their numbers, each right above the one before it."""

    def __init__(self, concepts: Sequence[int]) -> None:
        super().__init__("concepts of the code system are above themselves", code="business-rule")
        self.concepts = concepts


def _parents_first(edges: Edges) -> "array[int]":
    waiting = array("i", (len(edges.above(concept)) for concept in range(len(edges))))
    order = array("i", (concept for concept, count in enumerate(waiting) if not count))
    for concept in order:
        for child in edges.below(concept):
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
    if len(order) < len(edges):
        raise Circle(_circle(edges, waiting))
    return order


def _circle(edges: Edges, waiting: Sequence[int]) -> list[int]:
    """Upwards from one that waits, always to one that waits, until one comes again."""
    concept = next(n for n, count in enumerate(waiting) if count)
    way: dict[int, None] = {}
    while concept not in way:
        way[concept] = None
        concept = next(parent for parent in edges.above(concept) if waiting[parent])
    found = list(way)
    return found[found.index(concept) :]


def _places(edges: Edges) -> "tuple[array[int], array[int]]":
    place, last = _zeros(len(edges)), _zeros(len(edges))
    following = 0
    for root in range(len(edges)):
        walk = [root] if edges.first_above(root) < 0 else []
        while walk:
            concept = walk.pop()
            if concept < 0:
                last[~concept] = following - 1
                continue
            place[concept] = following
            following += 1
            walk.append(~concept)
            walk += [child for child in reversed(edges.below(concept)) if edges.first_above(child) == concept]
    return place, last


def _further(edges: Edges, order: Sequence[int], place: Sequence[int], last: Sequence[int]) -> Further:
    further = Further()
    for concept in reversed(order):
        found: list[Interval] = []
        low, high = place[concept], last[concept]
        for child in edges.below(concept):
            if edges.first_above(child) != concept:
                found.append((place[child], last[child]))
            found += further.get(child)
        found = [each for each in found if each[0] < low or each[1] > high]
        if found:
            further.put(concept, _merged(found))
            if further.total > MOST_INTERVALS:
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
