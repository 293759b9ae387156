"""R4's own invariants: the constraints of resource types, of their elements and of datatypes, by FHIRPath.

http://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from fhir_server.definitions import Constraint, definitions
from fhir_server.definitions.corrections import INVARIANTS
from fhir_server.fhirpath import types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import Expression
from fhir_server.fhirpath.expression import compile as compiled
from fhir_server.fhirpath.glance import Glance, glance
from fhir_server.fhirpath.node import Node, resource_type
from fhir_server.fhirpath.scope import Environment
from fhir_server.outcome import Issue

KEPT: Final = frozenset({"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "txt-1", "txt-2", "ref-1"})
"""Invariants that the structural tier has already seen to, and that of local references (`local`)."""
BEST_PRACTICE: Final = frozenset({"dom-6"})
"""What a good resource does, not what a valid one must: asked for by `$validate` alone."""

Rules = tuple[tuple[Constraint, Expression, Glance | None], ...]


class _Plan:
    """What holds for elements of one place: the rules, and where more of them lie below."""

    __slots__ = ("below", "rules", "type")

    def __init__(self, type_: str, rules_: Rules) -> None:
        self.type, self.rules = type_, rules_
        self.below: dict[str, _Plan | None] = {}
        """JSON name → the plan of the elements there; None: nothing to look at. Filled as names are met."""


Visit = Callable[[Node], Iterator[Issue]]


def check(
    node: Node,
    environment: Environment,
    *,
    best_practice: bool = False,
    visits: Mapping[str, Visit] = MappingProxyType({}),
) -> Iterator[Issue]:
    """The issues of R4's invariants that a resource and all that is in it do not keep; with those of the `visits` that
    elements of certain types get on the way.
    """
    return _Walk(environment, visits, best_practice=best_practice).below(_plan(node.type), node)


class _Walk:
    """One walk through a resource."""

    __slots__ = ("best_practice", "environment", "visits")

    def __init__(self, environment: Environment, visits: Mapping[str, Visit], *, best_practice: bool) -> None:
        self.environment, self.visits, self.best_practice = environment, visits, best_practice

    def below(self, plan: _Plan, node: Node) -> Iterator[Issue]:
        """The issues of a node and of all that is below it."""
        value = node.value
        for constraint, expression, seen in plan.rules:
            if seen is not None and type(value) is dict and seen(value):
                continue
            if constraint.key not in BEST_PRACTICE or self.best_practice:
                yield from _broken(constraint, expression, node, self.environment)
        visit = self.visits.get(plan.type)
        if visit is not None:
            yield from visit(node)
        if type(value) is dict:
            for name, child in value.items():
                below = plan.below.get(name, plan)
                if below is plan:
                    below = plan.below[name] = _below(plan.type, name)
                if below is not None:
                    yield from self.element(below, node, name, child)

    def element(self, plan: _Plan, node: Node, name: str, child: Any) -> Iterator[Issue]:
        if name[0] == "_":
            yield from self.beside(node, name[1:])
        elif type(child) is list:
            for index, one in enumerate(child):
                if one is not None:
                    yield from self.at(plan, Node(one, plan.type, node, name, index))
        else:
            yield from self.at(plan, Node(child, plan.type, node, name))

    def at(self, plan: _Plan, node: Node) -> Iterator[Issue]:
        if node.type == "Resource":
            node.type = resource_type(node.value)
            plan = _plan(node.type)
        return self.below(plan, node)

    def beside(self, node: Node, name: str) -> Iterator[Issue]:
        """The extensions of a primitive, which stand in its `_name`."""
        for primitive in node.child(name):
            for extension in primitive.child("extension"):
                yield from self.below(_plan("Extension"), extension)


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
    return _Plan(type_, rules(type_, type_))


def _below(type_: str, name: str) -> _Plan | None:
    """The plan for the elements with this JSON name in a type; None where nothing can be broken there."""
    element = types.element(type_, name.removeprefix("_"))
    if element is not None and name[0] == "_":
        return _Plan(element.type, ())
    if element is None or (element.primitive and not _of_primitive(element.type, element.path)):
        return None
    plan = _Plan(element.type, rules(element.type, element.path))
    return plan if plan.rules or not element.primitive else None


def _of_primitive(type_: str, path: str) -> bool:
    return bool(rules(type_, path))


@cache
def rules(type_: str, path: str) -> Rules:
    """The invariants stated for a type, for those that it specializes, and for the element at `path`."""
    found: dict[str, Constraint] = {}
    current: str | None = type_
    while current is not None:
        found |= {c.key: c for c in _stated(current) if c.path == current}
        current = definitions().base(current) if types.known(current) else None
    found |= {c.key: c for c in _stated(path) if c.path == path}
    kept = [(c, compiled(_corrected(c))) for c in found.values() if c.key not in KEPT]
    return tuple((c, expression, glance(expression.parsed, type_)) for c, expression in kept)


def _stated(path: str) -> tuple[Constraint, ...]:
    return definitions().constraints.get(path.partition(".")[0], ())


def _corrected(constraint: Constraint) -> str:
    return next((str(c.used) for c in INVARIANTS if c.of == constraint.key), constraint.expression)
