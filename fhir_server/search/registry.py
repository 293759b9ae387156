"""The search parameters that are in force: R4's own, and those that were added while the server ran.

http://hl7.org/fhir/R4/searchparameter-registry.html

A Registry is a value: whoever adds or removes parameters makes another one. Which one is in force belongs to the request
(a context variable), so that one request sees one registry from its first line to its last, two servers in one process
see each their own, and a test can work under a registry that it made (`under`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fhir_server.definitions import SearchParameter, definitions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Added:
    """A parameter that is not R4's own. `source` is where it comes from: `SearchParameter/12`, or a package.

    Every definition has a `serial` of its own, a changed one another. `ready`: all resources are indexed by it, so that
    it can be searched by. `failed` says why it cannot be indexed; then nothing is.
    """

    definition: SearchParameter
    source: str
    serial: int
    ready: bool = False
    failed: str = ""


class Registry:
    """R4's search parameters and those `added` to them, which never take the place of one of R4's.

    `revision` is that of the record it was read from, 0 for R4's alone. `wanted`: something is to be indexed; `progress`
    says how far that is, and alone changes; `behind`: even R4's own may miss matches until then. What is worked out from
    the parameters is kept in `memory`, and goes with the registry.
    """

    __slots__ = ("added", "behind", "memory", "progress", "revision", "wanted")

    def __init__(
        self, added: tuple[Added, ...] = (), revision: int = 0, *, wanted: bool = False, behind: bool = False
    ) -> None:
        self.added = added
        self.revision = revision
        self.wanted = wanted
        self.behind = behind
        self.progress = ""
        self.memory: dict[Callable[[str], Any], dict[str, Any]] = defaultdict(dict)

    def added_to(self, type_: str) -> tuple[Added, ...]:
        """Those that resources of this type have."""
        return tuple(a for a in self.added if any(definitions().is_a(type_, base) for base in a.definition.base))

    def defined(self, type_: str) -> Mapping[str, SearchParameter]:
        """Code → SearchParameter of a resource type, whether it can be searched by or not; KeyError if unknown."""
        own = definitions().search_parameters(type_)
        added = {a.definition.code: a.definition for a in self.added_to(type_)} if self.added else {}
        return MappingProxyType({**added, **own}) if added else own


R4: Final = Registry()
"""R4's search parameters alone."""

_IN_FORCE: Final[ContextVar[Registry]] = ContextVar("registry", default=R4)

registry = _IN_FORCE.get
"""The registry in force."""

enforce = _IN_FORCE.set
"""From here on, in this task, that registry is in force."""


@contextmanager
def under(chosen: Registry) -> Iterator[Registry]:
    """`chosen` is in force inside the block."""
    token = _IN_FORCE.set(chosen)
    try:
        yield chosen
    finally:
        _IN_FORCE.reset(token)


def remembered(make: Callable[[str], T]) -> Callable[[str], T]:
    """`make` of a name (never None), worked out once for as long as the same registry is in force."""
    in_force = _IN_FORCE.get

    @wraps(make)
    def found(name: str) -> T:
        known = in_force().memory[make]
        value: T | None = known.get(name)
        if value is None:
            value = known[name] = make(name)
        return value

    return found
