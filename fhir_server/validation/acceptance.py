"""What a glance accepts: a resource in which no invariant is broken, and nothing lies that takes a closer look.

http://hl7.org/fhir/R4/conformance-rules.html#constraints

Nine resources in ten are such. They are gone through once, along a plan for each type, without a node for any element;
what is not accepted is walked through by `invariants`, which finds every issue, or that there is none.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.validation import attachments, conditions, invariants, local, metadata, narrative
from fhir_server.validation.conditions import Kept, kept


class Place(NamedTuple):
    """Where an extension stands: in an element of type `holder`, which is `key` of its `parent` ("" for a resource); `name`
    is extension or modifierExtension.
    """

    holder: str
    parent: str
    key: str
    name: str


Look = Callable[[Place, Mapping[str, Any], Mapping[str, Any]], bool]
"""(place, its holder, an extension there) → whether nothing is wrong with it."""


class _Surroundings:
    """What is looked at beside the values of one resource: its extensions, by `look`, and what it contains."""

    __slots__ = ("contained", "look")

    def __init__(self, resource: Mapping[str, Any], look: Look) -> None:
        self.look = look
        self.contained = frozenset(one.get("id") for one in resource.get("contained", ()))

    def hold(self, reference: Mapping[str, Any]) -> bool:
        """Whether what a local reference leads to is here (ref-1); `#` alone is the container."""
        return reference["reference"] == "#" or reference["reference"][1:] in self.contained


class _Plan:
    """What is looked at in elements of one place, which is `key` of `parent`; `plain` are the names of primitives of which
    nothing is said, `place` is that of an extension.
    """

    __slots__ = ("below", "conditions", "key", "parent", "place", "plain", "refers", "type")

    def __init__(
        self, type_: str, conditions: tuple[Kept, ...], parent: str = "", key: str = "", place: Place | None = None
    ) -> None:
        self.type, self.conditions, self.parent, self.key, self.place = type_, conditions, parent, key, place
        self.plain: frozenset[str] = frozenset()
        self.refers = type_ == "Reference"
        self.below: dict[str, _Plan | None] = {}
        """JSON name → the plan of the elements there; None: nothing to look at. Filled as names are met."""


_CLOSER: Final = _Plan("", (lambda _: False,))
"""What stands here takes a closer look, whatever it is."""
_GLANCES: Final[Mapping[str, Kept]] = {"Attachment": attachments.glance, "Narrative": narrative.glance}
_RESOURCE: Final = _Plan("Resource", ())


def accepted(resource: Mapping[str, Any], look: Look = lambda *_: False) -> bool:
    """True only if a structurally valid resource keeps all of R4's invariants but those of best practice, nothing in it is
    visited on the way with any outcome, and `look` finds nothing wrong with any extension; False asks for the walk: of what
    has a canonical URL always.
    """
    conditions.begin()
    return _kept(_whole(resource["resourceType"]), resource, _Surroundings(resource, look))


def _kept(plan: _Plan, value: Mapping[str, Any], around: _Surroundings) -> bool:
    """Hot: every element of every write."""
    for condition in plan.conditions:
        if not condition(value):
            return False
    if plan.refers and not local.glance(value) and not around.hold(value):
        return False
    if plan.plain.issuperset(value):
        return True
    find = plan.below.get
    for name, child in value.items():
        below = find(name, plan)
        if below is plan:
            below = plan.below[name] = _below(plan, name)
        if below is None:
            continue
        for each in child if type(child) is list else (child,):
            if each is None:
                continue
            if below.place is not None and not around.look(below.place, value, each):
                return False
            if below is _RESOURCE:
                within = around if name == "contained" else _Surroundings(each, around.look)
                if not _kept(_whole(each["resourceType"]), each, within):
                    return False
            elif not _kept(below, each, around):
                return False
    return True


@cache
def _whole(type_: str) -> _Plan:
    """The plan for a resource of this type."""
    return _plan(type_, type_)


def _plan(type_: str, path: str, parent: str = "", key: str = "", place: Place | None = None) -> _Plan:
    if metadata.canonical_type(type_):
        return _CLOSER
    asked = [
        kept(expression.text, type_)
        for constraint, expression, _ in invariants.rules(type_, path)
        if constraint.key not in invariants.BEST_PRACTICE
    ]
    known = tuple(condition for condition in (_GLANCES.get(type_), *asked) if condition is not None)
    if None in asked:
        return _CLOSER
    plan = _Plan(type_, known, parent, key, place)
    plan.plain = _plain(type_)
    return plan


@cache
def _plain(type_: str) -> frozenset[str]:
    elements = definitions().elements(type_)
    return frozenset(
        name
        for name, element in elements.items()
        if element.primitive and not invariants.rules(element.type, element.path)
    )


def _below(plan: _Plan, name: str) -> _Plan | None:
    """As `invariants` has it: what has no rules and nothing below it is not looked at; beside a primitive stand extensions."""
    element = types.element(plan.type, name.removeprefix("_"))
    if element is None:
        return None
    if name[0] == "_":
        return _Plan("Element", (), plan.type, name[1:])
    if element.type == "Extension":
        return _plan("Extension", element.path, place=Place(plan.type, plan.parent, plan.key, name))
    if element.type == "Resource":
        return _RESOURCE
    if element.primitive:
        return _CLOSER if invariants.rules(element.type, element.path) else None
    return _plan(element.type, element.path, plan.type, name)
