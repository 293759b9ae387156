"""Parsed expressions as functions: compiled once, evaluated on any number of resources.

http://hl7.org/fhirpath/N1/#expressions
"""

from collections.abc import Callable
from typing import Final

from fhir_server.fhirpath import operators, types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions import TABLE
from fhir_server.fhirpath.functions.registry import Function
from fhir_server.fhirpath.node import Item, Node
from fhir_server.fhirpath.scope import Evaluate, Scope, integer
from fhir_server.fhirpath.syntax import (
    At,
    Call,
    Expression,
    External,
    Literal,
    Member,
    Operation,
    Path,
    Sign,
    Special,
    Step,
)
from fhir_server.fhirpath.types import Type
from fhir_server.fhirpath.values import Value

Walk = Callable[[Scope, list[Item]], list[Item]]
"""A compiled step: from the collection before the dot to the one behind it."""

_CODE_SYSTEMS: Final = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
_BY_PREFIX: Final = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}


def compiled(parsed: Expression) -> Evaluate:
    """The function that evaluates `parsed`; FhirPathError for unknown functions, types and variables."""
    match parsed:
        case Literal():
            return _literal(parsed.values)
        case External():
            return _external(parsed)
        case Special():
            return _special(parsed)
        case Path():
            return _path(parsed)
        case Sign():
            operand = compiled(parsed.operand)
            return lambda scope: operators.signed(scope, parsed.sign, operand(scope))
        case Operation():
            return _operation(parsed)


def _literal(values: tuple[Value, ...]) -> Evaluate:
    return lambda _: list(values)


def _special(parsed: Special) -> Evaluate:
    match parsed.name:
        case "this":
            return lambda scope: list(scope.this)
        case "index":
            return lambda scope: [] if scope.index is None else [scope.index]
        case _:
            return lambda scope: list(scope.total)


def _external(parsed: External) -> Evaluate:
    name = parsed.name
    if name in _CODE_SYSTEMS:
        return _literal((_CODE_SYSTEMS[name],))
    for prefix, url in _BY_PREFIX.items():
        if name.startswith(prefix):
            return _literal((url + name.removeprefix(prefix),))
    if name == "context":
        return lambda scope: list(scope.run.context)
    if name in {"resource", "rootResource"}:
        of_root = name == "rootResource"

        def resource(scope: Scope) -> list[Item]:
            found = scope.run.root if of_root else scope.run.resource
            return [] if found is None else [found]

        return resource

    def variable(scope: Scope) -> list[Item]:
        if name not in scope.run.environment.variables:
            raise FhirPathError(f"FHIRPath: there is no variable %{name} (character {parsed.at + 1})")
        return list(scope.run.environment.variables[name])

    return variable


def _path(parsed: Path) -> Evaluate:
    head = compiled(parsed.head) if parsed.head is not None else None
    first, *rest = parsed.steps
    walks = [_first_member(first)] if head is None and isinstance(first, Member) else [_step(first)]
    names: list[str] = []
    for step in (*rest, None):
        if isinstance(step, Member):
            names.append(step.name)
            continue
        if names:
            walks.append(_members(tuple(names)))
            names = []
        if step is not None:
            walks.append(_step(step))

    def evaluate(scope: Scope) -> list[Item]:
        items = head(scope) if head is not None else scope.this
        for walk in walks:
            items = walk(scope, items)
        return items

    return evaluate


def _step(step: Step) -> Walk:
    match step:
        case Member():
            return _member(step.name)
        case Call():
            return _call(step)
        case At():
            index = compiled(step.index)

            def at(scope: Scope, items: list[Item]) -> list[Item]:
                wanted = integer(index(scope), "An indexer")
                return [] if wanted is None or not 0 <= wanted < len(items) else [items[wanted]]

            return at


def _members(names: tuple[str, ...]) -> Walk:
    """Several members, one of the other: as far as there is something."""
    walks = [_member(name) for name in names]
    if len(walks) == 1:
        return walks[0]

    def walk(scope: Scope, items: list[Item]) -> list[Item]:
        for each in walks:
            if not items:
                break
            items = each(scope, items)
        return items

    return walk


def _member(name: str) -> Walk:
    def walk(scope: Scope, items: list[Item]) -> list[Item]:
        found: list[Item] = []
        if len(items) == 1 and type(items[0]) is Node:
            found += items[0].named(name)
            scope.run.budget.spend(2 + len(found))
            return found
        for item in items:
            if isinstance(item, Node):
                found += item.named(name)
            elif isinstance(item, Type) and name in {"namespace", "name"}:
                found.append(item.namespace if name == "namespace" else item.name)
        scope.run.budget.spend(1 + len(items) + len(found))
        return found

    return walk


def _first_member(step: Member) -> Walk:
    """A path may begin with the type of what it starts from: `Patient.name`, `Resource.id`."""
    walk = _member(step.name)
    name = step.name
    if not name[:1].isupper():
        return walk

    def start(scope: Scope, items: list[Item]) -> list[Item]:
        named: list[Item] = [item for item in items if isinstance(item, Node) and types.is_subtype(item.type, name)]
        return named or walk(scope, items)

    return start


def _call(call: Call) -> Walk:
    function = TABLE.get(call.name)
    place = f"character {call.at + 1}"
    if function is None:
        raise FhirPathError(f"FHIRPath: there is no function {call.name}() ({place})")
    if not function.least <= len(call.arguments) <= function.most:
        allowed = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        raise FhirPathError(f"FHIRPath: {call.name}() takes {allowed} arguments, not {len(call.arguments)} ({place})")
    if function.takes_type:
        return _type_call(call, function)
    if call.name == "sort":
        return _sort(call, function)
    arguments = tuple(compiled(argument) for argument in call.arguments)
    body = function.body

    def walk(scope: Scope, items: list[Item]) -> list[Item]:
        scope.run.budget.spend(1 + len(items))
        return body(scope, items, *arguments)

    return walk


def _type_call(call: Call, function: Function) -> Walk:
    """is(), as(), ofType(): the argument is the name of a type."""
    argument = call.arguments[0]
    names = [step.name for step in argument.steps if isinstance(step, Member)] if isinstance(argument, Path) else []
    if not isinstance(argument, Path) or argument.head is not None or len(names) != len(argument.steps):
        raise FhirPathError(f"FHIRPath: {call.name}() takes the name of a type (character {call.at + 1})")
    wanted = _type(tuple(names), call.at)
    body = function.body

    def walk(scope: Scope, items: list[Item]) -> list[Item]:
        scope.run.budget.spend(1 + len(items))
        return body(scope, items, wanted)

    return walk


def _type(names: tuple[str, ...], at: int) -> Type:
    wanted = types.specifier(names)
    if wanted is None:
        raise FhirPathError(f"FHIRPath: there is no type {'.'.join(names)} (character {at + 1})")
    return wanted


def _sort(call: Call, function: Function) -> Walk:
    """sort(-birthDate): a minus in front of a key turns its order, whatever its type."""
    keys = [
        (compiled(key.operand), True) if isinstance(key, Sign) and key.sign == "-" else (compiled(key), False)
        for key in call.arguments
    ]

    def walk(scope: Scope, items: list[Item]) -> list[Item]:
        return function.body(scope, items, *keys)

    return walk


def _operation(parsed: Operation) -> Evaluate:
    first = compiled(parsed.first)
    rest: list[Callable[[Scope, list[Item]], list[Item]]] = [
        _type_operator(operator, right, parsed.at)
        if isinstance(right, tuple)
        else operators.binary(operator, compiled(right))
        for operator, right in parsed.rest
    ]

    def evaluate(scope: Scope) -> list[Item]:
        items = first(scope)
        for apply in rest:
            scope.run.budget.spend()
            items = apply(scope, items)
        return items

    return evaluate


def _type_operator(operator: str, names: tuple[str, ...], at: int) -> Walk:
    wanted = _type(names, at)
    body = TABLE[operator].body
    return lambda scope, items: body(scope, items, wanted)
