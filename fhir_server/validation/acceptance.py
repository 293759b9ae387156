"""What a glance accepts: a resource in which no invariant is broken, and nothing lies that takes a closer look.

http://hl7.org/fhir/R4/conformance-rules.html#constraints

Nine resources in ten are such. They are gone through once, along a plan for each type, without a node for any element;
what is not accepted is walked through by `invariants`, which finds every issue, or that there is none.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.fhirpath.glance import Glance
from fhir_server.validation import attachments, invariants, local, metadata, narrative


class _Plan:
    """What is looked at in elements of one place; `plain` are the names of primitives of which nothing is said."""

    __slots__ = ("below", "glances", "plain", "type")

    def __init__(self, type_: str, glances: tuple[Glance, ...], plain: frozenset[str] = frozenset()) -> None:
        self.type, self.glances, self.plain = type_, glances, plain
        self.below: dict[str, _Plan | None] = {}
        """JSON name → the plan of the elements there; None: nothing to look at. Filled as names are met."""


_CLOSER: Final = _Plan("", (lambda _: False,))
"""What stands here takes a closer look, whatever it is."""
_GLANCES: Final[Mapping[str, Glance]] = {
    "Attachment": attachments.glance,
    "Narrative": narrative.glance,
    "Reference": local.glance,
}
_RESOURCE: Final = _Plan("Resource", ())


def accepted(resource: Mapping[str, Any]) -> bool:
    """True only if a structurally valid resource keeps all of R4's invariants but those of best practice, and nothing in it
    is visited on the way with any outcome; False asks for the walk: of extensions and of what has a canonical URL always.
    """
    return _kept(_whole(resource["resourceType"]), resource)


def _kept(plan: _Plan, value: Mapping[str, Any]) -> bool:
    """Hot: every element of every write."""
    for glance in plan.glances:
        if not glance(value):
            return False
    if plan.plain.issuperset(value):
        return True
    find = plan.below.get
    for name, child in value.items():
        below = find(name, plan)
        if below is plan:
            below = plan.below[name] = _below(plan.type, name)
        if below is None:
            continue
        for each in child if type(child) is list else (child,):
            if not _kept(below if below is not _RESOURCE else _whole(each["resourceType"]), each):
                return False
    return True


@cache
def _whole(type_: str) -> _Plan:
    """The plan for a resource of this type."""
    return _plan(type_, type_)


def _plan(type_: str, path: str) -> _Plan:
    if type_ == "Extension" or metadata.canonical_type(type_):
        return _CLOSER
    glances: list[Glance | None] = [_GLANCES[type_]] if type_ in _GLANCES else []
    glances += [
        glance
        for constraint, _, glance in invariants.rules(type_, path)
        if constraint.key not in invariants.BEST_PRACTICE
    ]
    known = tuple(glance for glance in glances if glance is not None)
    return _Plan(type_, known, _plain(type_)) if len(known) == len(glances) else _CLOSER


@cache
def _plain(type_: str) -> frozenset[str]:
    elements = definitions().elements(type_)
    return frozenset(name for name, element in elements.items() if element.primitive and _below(type_, name) is None)


def _below(type_: str, name: str) -> _Plan | None:
    """As `invariants` has it: what has no rules and nothing below it is not looked at."""
    if name[0] == "_":
        return _CLOSER
    element = types.element(type_, name)
    if element is None:
        return None
    if element.type == "Resource":
        return _RESOURCE
    if element.primitive:
        return _CLOSER if invariants.rules(element.type, element.path) else None
    return _plan(element.type, element.path)
