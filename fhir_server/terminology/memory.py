"""Code systems in memory: R4's own, and those that come with a request. What Concepts means, in plain words.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from fhir_server.concepts import (
    Above,
    AllOf,
    AnyOf,
    Below,
    Concept,
    Condition,
    Every,
    Flagged,
    Listed,
    Matching,
    Not,
    Saying,
    System,
    Under,
    Valued,
)
from fhir_server.definitions import definitions
from fhir_server.search.prose import words as folded_words
from fhir_server.terminology import codesystems
from fhir_server.terminology.hierarchy import Interval, hierarchy
from fhir_server.terminology.regex import compiled


class Table:
    """The concepts of one code system, in the order of their places."""

    def __init__(self, system: System, concepts: Sequence[Concept]) -> None:
        """Raises Unprocessable for a hierarchy that goes round in a circle."""
        self.system = system
        numbers = {concept.code: n for n, concept in enumerate(concepts)}
        tree = hierarchy([[numbers[parent] for parent in concept.parents] for concept in concepts])
        self.concepts = [concepts[n] for n in sorted(range(len(concepts)), key=tree.place.__getitem__)]
        self.places = {concept.code: place for place, concept in enumerate(self.concepts)}
        self._intervals = {concept.code: tree.intervals(n) for n, concept in enumerate(concepts)}
        self._folded = {} if system.case_sensitive else {code.lower(): code for code in reversed(self.places)}

    def known(self, code: str) -> str | None:
        """The code as the system writes it."""
        return code if code in self.places else self._folded.get(code.lower())

    def selected(self, where: Condition) -> list[Concept]:
        """The concepts that are meant, in order."""
        places = self._places(where)
        return [concept for place, concept in enumerate(self.concepts) if place in places]

    def _places(self, where: Condition) -> set[int] | range:
        whole = range(len(self.concepts))
        match where:
            case Every():
                return whole
            case Listed(codes):
                if self.system.case_sensitive:
                    return {self.places[code] for code in codes if code in self.places}
                folded = {code.lower() for code in codes}
                return {place for code, place in self.places.items() if code.lower() in folded}
            case Below(code, itself):
                found = _within(self._intervals.get(self.known(code) or "", ()))
                return found if itself else found - {self.places.get(self.known(code) or "", -1)}
            case Above(code):
                place = self.places.get(self.known(code) or "", -1)
                return {
                    self.places[each]
                    for each, intervals in self._intervals.items()
                    if any(low <= place <= high for low, high in intervals)
                }
            case AllOf(of):
                return set(whole).intersection(*map(self._places, of))
            case AnyOf(of):
                return set[int]().union(*map(self._places, of))
            case Not(of):
                return set(whole).difference(self._places(of))
            case _:
                return {place for place, concept in enumerate(self.concepts) if self._is(concept, where)}

    def _is(self, concept: Concept, where: Condition) -> bool:
        match where:
            case Under(code, up):
                own = self.known(code)
                if up:
                    return own is not None and concept.code in self.concepts[self.places[own]].parents
                return own in concept.parents
            case Valued(name, values):
                return any(p.code == name and (values is None or p.value in values) for p in concept.properties)
            case Matching(name, regex):
                pattern = compiled(regex)
                return any(pattern.fullmatch(text) is not None for text in _texts(concept, name))
            case Saying(sought):
                said = self._words[concept.code]
                return all(any(word.startswith(begin) for word in said) for begin in sought)
            case Flagged(flag):
                return concept.inactive if flag == "inactive" else concept.abstract
            case _:
                raise TypeError(where)

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        return {concept.code: said(concept) for concept in self.concepts}


def said(concept: Concept) -> list[str]:
    """The folded words of a concept's code, display and designations, each once."""
    texts = (concept.code, concept.display or "", *(each.value for each in concept.designations))
    return list(dict.fromkeys(word for text in texts for word in folded_words(text).split()))


def _within(intervals: Iterable[Interval]) -> set[int]:
    return {place for low, high in intervals for place in range(low, high + 1)}


def _texts(concept: Concept, name: str) -> list[str]:
    if name == "code":
        return [concept.code]
    if name == "display":
        return [concept.display] if concept.display is not None else []
    return [p.value for p in concept.properties if p.code == name]


class MemoryConcepts:
    """Concepts (see fhir_server.concepts) of some tables; of the same url the last one is the newest."""

    def __init__(self, tables: Iterable[Table] = ()) -> None:
        self._tables: dict[str, list[Table]] = {}
        for table in tables:
            self._tables.setdefault(table.system.url, []).append(table)

    def table(self, system: System) -> Table:
        return next(t for t in self._tables[system.url] if t.system == system)

    async def systems(self, url: str) -> Sequence[System]:
        return [table.system for table in self._tables.get(url, ())]

    async def every(self) -> Sequence[System]:
        return [table.system for url in sorted(self._tables) for table in self._tables[url]]

    async def of_value_set(self, url: str) -> System | None:
        return next((s for s in await self.every() if s.value_set == url), None)

    async def find(self, system: System, codes: Sequence[str]) -> Mapping[str, Concept]:
        table = self.table(system)
        own = {code: table.known(code) for code in codes}
        return {code: table.concepts[table.places[each]] for code, each in own.items() if each is not None}

    async def select(self, system: System, where: Condition, *, count: int, offset: int = 0) -> Sequence[Concept]:
        return self.table(system).selected(where)[offset : offset + count]

    async def count(self, system: System, where: Condition) -> int:
        return len(self.table(system).selected(where))

    async def having(self, code: str) -> Sequence[System]:
        return [s for s in await self.every() if code in self.table(s).places]


class OwnConcepts(MemoryConcepts):
    """R4's own code systems, each read when it is first asked for."""

    def table(self, system: System) -> Table:
        return self._of(system.url)

    def _of(self, url: str) -> Table:
        if url not in self._tables:
            self._tables[url] = [Table(*codesystems.own(definitions().code_systems[url]))]
        return self._tables[url][0]

    async def systems(self, url: str) -> Sequence[System]:
        return [self._of(url).system] if url in definitions().code_systems else []

    async def every(self) -> Sequence[System]:
        return [self._of(url).system for url in sorted(definitions().code_systems)]

    async def having(self, code: str) -> Sequence[System]:
        return [self._of(url).system for url, s in definitions().code_systems.items() if code in s.concepts]


def table_of(resource: Mapping[str, Any]) -> Table:
    """A CodeSystem resource in memory. Raises Unprocessable, see Table."""
    return Table(codesystems.system(resource), codesystems.concepts(resource))


OWN = OwnConcepts()
