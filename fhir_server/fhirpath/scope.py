"""What an expression is evaluated with: the resource, its surroundings, `$this`, what is left to spend.

http://hl7.org/fhirpath/N1/#environment-variables and http://hl7.org/fhir/R4/fhirpath.html#variables
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fhir_server.fhirpath.budget import Allowance, Budget
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Item, Node, system
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import type_of


@dataclass(frozen=True, slots=True)
class Environment:
    """What the language asks others for; each is optional, and a function that needs a missing one says so.

    `resolve` gives the resource behind a reference that is not contained in the resource or its Bundle, None where there
    is none (or the caller may not see it). `member_of` and `conforms_to` raise KeyError for a canonical they do not know.
    """

    resolve: Callable[[str], Mapping[str, Any] | None] | None = None
    member_of: Callable[[Node, str], bool | None] | None = None
    conforms_to: Callable[[Node, str], bool] | None = None
    subsumes: Callable[[Node, Node], bool | None] | None = None
    html_checks: Callable[[str], bool] | None = None
    variables: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    """Further `%name` variables."""
    now: datetime | None = None
    """The moment of now(), with its offset; None: when the evaluation starts."""
    together: Allowance | None = None
    """What all evaluations with this may take."""

    def budget(self) -> Budget:
        """That of one evaluation. Raises Unprocessable where nothing is left for it."""
        if self.together is not None:
            self.together.look()
        return Budget()


class Run:
    """One evaluation: constant over all its scopes. `resource` and `root` are looked for where an expression asks for them."""

    __slots__ = ("_given", "budget", "context", "environment", "moment", "strict")

    def __init__(
        self,
        context: list[Item],
        environment: Environment,
        budget: Budget,
        given: tuple[Node | None, Node | None],
        *,
        strict: bool,
    ) -> None:
        """`given`: `%resource` and `%rootResource` where the caller says which they are."""
        self.context = context
        self.environment = environment
        self.budget = budget
        self.strict = strict
        self._given = given
        self.moment: datetime | None = None
        """What now() is; None until somebody asks."""

    @property
    def resource(self) -> Node | None:
        """`%resource`: the nearest one at or above the context."""
        context = self.context[0] if self.context else None
        return self._given[0] or (nearest(context) if isinstance(context, Node) else None)

    @property
    def root(self) -> Node | None:
        """`%rootResource`: the resource that contains `%resource`; itself where it is not contained (an entry is not)."""
        own = self.resource
        return self._given[1] if self._given[1] is not None or own is None else container(own)

    @property
    def now(self) -> datetime:
        if self.moment is None:
            self.moment = self.environment.now or datetime.now(UTC)
        return self.moment


def nearest(node: Node) -> Node:
    """The nearest resource at or above `node`."""
    while node.parent is not None and not (isinstance(node.value, dict) and "resourceType" in node.value):
        node = node.parent
    return node


def container(resource: Node) -> Node:
    """The resource that contains this one; itself where it is not contained (an entry of a Bundle is not)."""
    return nearest(resource.parent) if resource.key == "contained" and resource.parent is not None else resource


@dataclass(slots=True)
class Scope:
    """Where a part of the expression is evaluated: `$this`, `$index`, `$total`."""

    run: Run
    this: list[Item]
    index: int | None = None
    total: Sequence[Item] = ()

    def inner(self, item: Item, index: int) -> "Scope":
        """The scope of one round of where(), select(), …"""
        return Scope(self.run, [item], index, self.total)


Evaluate = Callable[[Scope], list[Item]]
"""A compiled expression."""


def single(items: Sequence[Item], what: str) -> Item | None:
    """The only item, None where there is none; FhirPathError for several."""
    if len(items) > 1:
        raise FhirPathError(f"{what} needs a single item and got {len(items)}")
    return items[0] if items else None


def truth(items: Sequence[Item], what: str) -> bool | None:
    """The singleton evaluation to a Boolean: a single item that is no Boolean counts as true."""
    if len(items) == 1 and (items[0] is True or items[0] is False):
        return items[0]
    item = single(items, what)
    if item is None:
        return None
    value = system(item)
    return value if isinstance(value, bool) else True


def text(items: Sequence[Item], what: str) -> str | None:
    """The only item, a String; None where there is none."""
    item = single(items, what)
    value = None if item is None else system(item)
    if value is None or isinstance(value, str):
        return value
    if isinstance(item, Node) and isinstance(value, Temporal):
        return str(item.value)
    found = item.type if isinstance(item, Node) else type_of(item)  # type: ignore[arg-type]  # not None here
    raise FhirPathError(f"{what} needs a String and got {found}")


def integer(items: Sequence[Item], what: str) -> int | None:
    """The only item, an Integer; None where there is none."""
    item = single(items, what)
    value = None if item is None else system(item)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise FhirPathError(f"{what} needs an Integer")
