"""Code systems and concepts as the terminology service sees them, and what is asked of them.

http://hl7.org/fhir/R4/codesystem.html, http://hl7.org/fhir/R4/valueset.html#compositions

A Condition says which concepts of one code system are meant. A value set is one condition for each code system: include is
AnyOf, exclude is Not, what an include has in common with the value sets that it names is AllOf. So a store can answer for
a part of a value set without listing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

Json = Mapping[str, Any]


class Designation(msgspec.Struct, frozen=True, array_like=True):
    """Another name of a concept; `use` is a Coding as pairs (system, code, display)."""

    value: str
    language: str | None = None
    use: tuple[tuple[str, str], ...] = ()


class Property(msgspec.Struct, frozen=True, array_like=True):
    """What a concept says of itself: `type` is code, Coding, string, integer, boolean, dateTime or decimal.

    `value` is the text of it: of a Coding its code, `true` and `false` of a boolean.
    """

    code: str
    value: str
    type: str = "code"
    system: str | None = None


class Concept(msgspec.Struct, frozen=True):
    """A concept; `parents` are the codes right above it. `abstract`: not to be chosen by itself."""

    code: str
    display: str | None = None
    parents: tuple[str, ...] = ()
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()
    definition: str | None = None
    inactive: bool = False
    abstract: bool = False


class Placed(msgspec.Struct, frozen=True):
    """A concept in its place: the places of its code system count from 0, see terminology.hierarchy.

    `last` is the last place below it along first parents (its own where there is none), `above` are the places of its
    parents in their order (what the concept itself says of parents does not count), `further` are the intervals of what it subsumes along other parents.
    """

    concept: Concept
    last: int
    above: tuple[int, ...] = ()
    further: tuple[tuple[int, int], ...] = ()


class System(msgspec.Struct, frozen=True):
    """A code system without its concepts. `number` is its store's name for it, 0 for what no store has.

    `content` is R4's code (complete, fragment, example, not-present). `value_set` is the canonical of all its concepts.
    `declared` are its properties: code → [type, description].
    """

    url: str
    version: str | None = None
    name: str | None = None
    content: str = "complete"
    case_sensitive: bool = True
    value_set: str | None = None
    language: str | None = None
    meaning: str | None = None
    declared: dict[str, tuple[str, str | None]] = {}
    number: int = 0

    @property
    def complete(self) -> bool:
        return self.content == "complete"

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url


@dataclass(frozen=True, slots=True)
class Every:
    """All concepts."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Those with these codes: in whichever case, where the code system does not mind."""

    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Below:
    """What the concept subsumes; itself too, or not. Nothing where there is no such concept."""

    code: str
    itself: bool = True


@dataclass(frozen=True, slots=True)
class Above:
    """What subsumes the concept, itself included."""

    code: str


@dataclass(frozen=True, slots=True)
class Under:
    """The concepts right below it (`up` False), or right above it."""

    code: str
    up: bool = False


@dataclass(frozen=True, slots=True)
class Valued:
    """Those that have the property, with one of these values (None: whichever)."""

    property: str
    values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Those of which the whole code, display or value of a property matches the regular expression (RE2's syntax)."""

    property: str
    regex: str


@dataclass(frozen=True, slots=True)
class Saying:
    """Those in whose code, display or designations each of the folded words begins a word."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flagged:
    """Those that are inactive, or abstract."""

    flag: str


@dataclass(frozen=True, slots=True)
class AllOf:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    of: "Condition"


Condition = Every | Listed | Below | Above | Under | Valued | Matching | Saying | Flagged | AllOf | AnyOf | Not

NONE = Listed(frozenset())
EVERY = Every()


class Concepts(Protocol):
    """The code systems and concepts that somebody has, in the order in which they are defined: parents first."""

    async def systems(self, url: str) -> Sequence[System]:
        """The code systems with this url, every version once; the last one written where several say that they are the same."""
        ...

    async def every(self) -> Sequence[System]:
        """All code systems, by url."""
        ...

    async def of_value_set(self, url: str) -> System | None:
        """The code system whose concepts are all in the value set of this url (CodeSystem.valueSet)."""
        ...

    async def find(self, system: System, codes: Sequence[str]) -> Mapping[str, Concept]:
        """The concepts of those codes that exist, under the codes as they were asked for: in another case too where
        the system does not mind.
        """
        ...

    async def select(self, system: System, where: Condition, *, count: int, offset: int = 0) -> Sequence[Concept]:
        """The concepts that are meant, at most `count` of them behind the first `offset`."""
        ...

    async def count(self, system: System, where: Condition) -> int:
        """How many are meant."""
        ...

    async def having(self, code: str) -> Sequence[System]:
        """The code systems that have the code, in this case."""
        ...


def all_of(parts: Sequence[Condition]) -> Condition:
    """What all parts mean, without the needless."""
    found: list[Condition] = []
    listed: frozenset[str] | None = None
    for part in parts:
        for each in part.of if isinstance(part, AllOf) else (part,):
            if isinstance(each, Listed):
                listed = each.codes if listed is None else listed & each.codes
            elif not isinstance(each, Every) and each not in found:
                found.append(each)
    if listed is not None:
        less = [p.of.codes for p in found if isinstance(p, Not) and isinstance(p.of, Listed)]
        listed = listed.difference(*less)
        found = [p for p in found if not (isinstance(p, Not) and isinstance(p.of, Listed))]
        if not listed:
            return NONE
        found.insert(0, Listed(listed))
    if not found:
        return EVERY
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def any_of(parts: Sequence[Condition]) -> Condition:
    """What any part means, without the needless."""
    found: list[Condition] = []
    listed: set[str] = set()
    for part in parts:
        for each in part.of if isinstance(part, AnyOf) else (part,):
            if isinstance(each, Every):
                return EVERY
            if isinstance(each, Listed):
                listed |= each.codes
            elif each not in found:
                found.append(each)
    if listed or not found:
        found.insert(0, Listed(frozenset(listed)))
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def none_of(part: Condition) -> Condition:
    """What the part does not mean."""
    if isinstance(part, Not):
        return part.of
    return NONE if isinstance(part, Every) else EVERY if part == NONE else Not(part)
