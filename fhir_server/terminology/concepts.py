"""Code systems as hierarchies: which concepts there are, and which lie above and below which.

http://hl7.org/fhir/R4/codesystem.html#subsumption
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_server.definitions import CodeSystem

MAX_DEPTH = 100
"""Levels of nested concepts that are read."""
ABOVE = ("parent", "subsumedBy")
"""Properties of a concept that name those above it (http://hl7.org/fhir/R4/codesystem.html#defined-props)."""


@dataclass(slots=True)
class Hierarchy:
    """The concepts of one code system: code → the codes right above it. `complete`: no concept of the system is missing."""

    system: str
    parents: Mapping[str, tuple[str, ...]]
    complete: bool = True
    case_sensitive: bool = True
    _children: dict[str, list[str]] = field(default_factory=dict)

    def known(self, code: str) -> str | None:
        """The code as the system writes it; None where it has none like it."""
        if code in self.parents:
            return code
        if self.case_sensitive:
            return None
        return next((each for each in self.parents if each.lower() == code.lower()), None)

    def below(self, code: str) -> set[str]:
        """The concept and all that it subsumes."""
        if not self._children:
            for child, parents in self.parents.items():
                for parent in parents:
                    self._children.setdefault(parent, []).append(child)
        return _reached(code, self._children)

    def above(self, code: str) -> set[str]:
        """The concept and all that subsume it."""
        return _reached(code, self.parents)


def _reached(code: str, links: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [code]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += links.get(one, ())
    return found


def of_definition(system: CodeSystem) -> Hierarchy:
    """The hierarchy of one of R4's own code systems."""
    parents = {code: concept.parents for code, concept in system.concepts.items()}
    return Hierarchy(system.url, parents, system.content == "complete", system.case_sensitive)


def of_resource(resource: Mapping[str, Any]) -> Hierarchy:
    """The hierarchy of a CodeSystem resource: by nesting, and by the properties that name parents and children."""
    parents: dict[str, tuple[str, ...]] = {}
    further: dict[str, list[str]] = {}
    for concept, parent in _concepts(resource.get("concept", ()), "", MAX_DEPTH):
        code = concept.get("code")
        if code is None:
            continue
        above = [parent] if parent else []
        for name, other in _related(concept):
            if name in ABOVE:
                above.append(other)
            else:
                further.setdefault(other, []).append(code)
        parents[code] = tuple(dict.fromkeys((*parents.get(code, ()), *above)))
    for child, above in further.items():
        if child in parents:
            parents[child] = tuple(dict.fromkeys((*parents[child], *above)))
    complete = resource.get("content") == "complete"
    return Hierarchy(resource.get("url", ""), parents, complete, resource.get("caseSensitive", False))


def _concepts(
    concepts: Iterable[Mapping[str, Any]], parent: str, depth: int
) -> Iterator[tuple[Mapping[str, Any], str]]:
    for concept in concepts:
        yield concept, parent
        if depth and "concept" in concept:
            yield from _concepts(concept["concept"], concept.get("code", parent), depth - 1)


def _related(concept: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(property, code) of what links the concept to others."""
    for given in concept.get("property", ()):
        if given.get("code") in (*ABOVE, "child") and (other := given.get("valueCode")) is not None:
            yield given["code"], other
