"""R4's own invariants: the constraints of resource types, of their elements and of datatypes, by FHIRPath.

http://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from fhir_server.definitions import Constraint, definitions
from fhir_server.definitions.corrections import INVARIANTS
from fhir_server.fhirpath import types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import Expression
from fhir_server.fhirpath.expression import compile as compiled
from fhir_server.fhirpath.node import Node, resource_type
from fhir_server.fhirpath.scope import Environment
from fhir_server.outcome import Issue

KEPT: Final = frozenset({"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "txt-1", "txt-2"})
"""Invariants that the structural tier has already seen to."""
BEST_PRACTICE: Final = frozenset({"dom-6"})
"""What a good resource does, not what a valid one must: asked for by `$validate` alone."""

Rules = tuple[tuple[Constraint, Expression], ...]


class _Plan:
    """What holds for elements of one place: the rules, and where more of them lie below."""

    __slots__ = ("below", "rules", "type")

    def __init__(self, type_: str, rules: Rules) -> None:
        self.type, self.rules = type_, rules
        self.below: dict[str, _Plan | None] = {}
        """JSON name → the plan of the elements there; None: nothing to look at. Filled as names are met."""


def check(node: Node, environment: Environment, *, best_practice: bool = False) -> Iterator[Issue]:
    """The issues of R4's invariants that a resource (or a node of one) and all that is in it do not keep."""
    yield from _walk(_plan(node.type), node, environment, best_practice)


def _walk(plan: _Plan, node: Node, environment: Environment, best_practice: bool) -> Iterator[Issue]:
    for constraint, expression in plan.rules:
        if constraint.key not in BEST_PRACTICE or best_practice:
            yield from _broken(constraint, expression, node, environment)
    value = node.value
    if type(value) is not dict:
        return
    for name, child in value.items():
        below = plan.below.get(name, plan)
        if below is plan:
            below = plan.below[name] = _below(plan.type, name)
        if below is None:
            continue
        if type(child) is list:
            for index, one in enumerate(child):
                if one is not None:
                    yield from _at(below, Node(one, below.type, node, name, index), environment, best_practice)
        else:
            yield from _at(below, Node(child, below.type, node, name), environment, best_practice)


def _at(plan: _Plan, node: Node, environment: Environment, best_practice: bool) -> Iterator[Issue]:
    if node.type == "Resource":
        node.type = resource_type(node.value)
        plan = _plan(node.type)
    yield from _walk(plan, node, environment, best_practice)


def _broken(constraint: Constraint, expression: Expression, node: Node, environment: Environment) -> Iterator[Issue]:
    try:
        if expression.holds(node, environment=environment):
            return
    except FhirPathError as error:
        text = f"{constraint.key} could not be evaluated: {error}"
        yield Issue("processing", text, (node.path,), "warning", expression.text)
        return
    severity = "error" if constraint.severity == "error" else "warning"
    yield Issue("invariant", f"{constraint.key}: {constraint.human}", (node.path,), severity, expression.text)


@cache
def _plan(type_: str) -> _Plan:
    """The plan for a type, without what its place adds."""
    return _Plan(type_, _rules(type_, type_))


def _below(type_: str, name: str) -> _Plan | None:
    """The plan for the elements with this JSON name in a type; None where nothing can be broken there."""
    element = types.element(type_, name)
    if element is None or (element.primitive and not _of_primitive(element.type, element.path)):
        return None
    plan = _Plan(element.type, _rules(element.type, element.path))
    return plan if plan.rules or not element.primitive else None


def _of_primitive(type_: str, path: str) -> bool:
    return bool(_rules(type_, path))


@cache
def _rules(type_: str, path: str) -> Rules:
    """The invariants stated for a type, for those that it specializes, and for the element at `path`."""
    found: dict[str, Constraint] = {}
    current: str | None = type_
    while current is not None:
        found |= {c.key: c for c in _stated(current) if c.path == current}
        current = definitions().base(current) if types.known(current) else None
    found |= {c.key: c for c in _stated(path) if c.path == path}
    return tuple((c, compiled(_corrected(c))) for c in found.values() if c.key not in KEPT)


def _stated(path: str) -> tuple[Constraint, ...]:
    return definitions().constraints.get(path.partition(".")[0], ())


def _corrected(constraint: Constraint) -> str:
    return next((str(c.used) for c in INVARIANTS if c.of == constraint.key), constraint.expression)
