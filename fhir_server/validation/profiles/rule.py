"""What a profile demands of one element, and of what lies below it: a tree that resources are walked along.

http://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

UNBOUNDED: Final = 2**31


@dataclass(frozen=True, slots=True)
class Type:
    """ElementDefinition.type: a type code, the profiles of which a value follows one, those of which a target follows one."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    aggregation: tuple[str, ...] = ()
    versioning: str = "either"


@dataclass(frozen=True, slots=True)
class Invariant:
    """ElementDefinition.constraint: `source` is the canonical of the definition that states it."""

    key: str
    severity: str
    human: str
    expression: str
    source: str


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How values tell their slice: `type` is value, exists, pattern, type or profile; `path` leads to what decides."""

    type: str
    path: str


@dataclass(slots=True)
class Slicing:
    """ElementDefinition.slicing: `rules` is open, closed or openAtEnd."""

    discriminators: tuple[Discriminator, ...] = ()
    rules: str = "open"
    ordered: bool = False


@dataclass(slots=True)
class Rule:
    """One element of a profile. `path` is its definition path ("Observation.value[x]"), `id` says the slices too.

    `children` and `slices` hold what the profile speaks of; elements that it does not mention are as their type has them.
    Once a profile is compiled its rules do not change any more.
    """

    path: str
    id: str
    min: int = 0
    max: int = UNBOUNDED
    types: tuple[Type, ...] = ()
    fixed: tuple[str, Any] | None = None
    pattern: tuple[str, Any] | None = None
    binding: tuple[str, str] | None = None
    invariants: dict[str, Invariant] = field(default_factory=dict)
    max_length: int | None = None
    min_value: tuple[str, Any] | None = None
    max_value: tuple[str, Any] | None = None
    must_support: bool = False
    reference: str | None = None
    slicing: Slicing | None = None
    slice: str = ""
    children: dict[str, "Rule"] = field(default_factory=dict)
    slices: dict[str, "Rule"] = field(default_factory=dict)
    expanded: bool = False
    spoken: bool = False
    """A profile speaks of it, or of something below; else it is as R4 has it, which the structural tier has seen to."""

    @property
    def name(self) -> str:
        """The last part of the path: "value[x]"."""
        return self.path.rpartition(".")[2]

    @property
    def element(self) -> str:
        """The name as FHIRPath has it: "value"."""
        return self.name.removesuffix("[x]")

    def copy(self, id_: str) -> "Rule":
        """A rule of its own with the same demands, of what lies below too, under another id; its slices stay behind."""
        found = replace(self, id=id_, slicing=None, slices={}, invariants=dict(self.invariants))
        found.children = {
            name: child.moved(f"{self.path}.{name}", f"{id_}.{name}") for name, child in self.children.items()
        }
        return found

    def moved(self, path: str, id_: str) -> "Rule":
        """The same demands, slices too, at another place."""
        found = self.copy(id_)
        found.path, found.slicing = path, self.slicing
        found.children = {name: child.moved(f"{path}.{name}", f"{id_}.{name}") for name, child in self.children.items()}
        found.slices = {name: one.moved(path, f"{id_}:{name}") for name, one in self.slices.items()}
        return found


@dataclass(frozen=True, slots=True)
class Profile:
    """A StructureDefinition, compiled."""

    url: str
    version: str
    type: str
    title: str
    root: Rule
    definition: Mapping[str, Any]

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url
