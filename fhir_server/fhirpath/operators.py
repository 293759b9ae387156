"""Operators: arithmetic, comparison, logic, union, membership.

http://hl7.org/fhirpath/N1/#operations
"""

from collections.abc import Callable
from decimal import Decimal, DecimalException
from fractions import Fraction
from typing import Final

from fhir_server.fhirpath import temporal, units
from fhir_server.fhirpath.equality import (
    as_temporal,
    compare,
    equal_collections,
    equivalent_collections,
    identity,
    name_of,
)
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.combining import union
from fhir_server.fhirpath.node import Item, Node, quantity, system
from fhir_server.fhirpath.scope import Evaluate, Scope, single, text, truth
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import ARITHMETIC, MAX_INTEGER, Quantity, Value, decimal

Apply = Callable[[Scope, list[Item]], list[Item]]
"""An operator with its right side: from the left side to the result."""


def binary(operator: str, right: Evaluate) -> Apply:
    """`operator right`, waiting for its left side; and, or, implies look at the right side only where it matters."""
    if operator in _LOGIC:
        logic, name = _LOGIC[operator], f"`{operator}`"
        return lambda scope, items: logic(operator, truth(items, name), lambda: truth(right(scope), name))
    operation = _OPERATIONS[operator]
    return lambda scope, items: operation(scope, operator, items, right(scope))


def signed(scope: Scope, sign: str, items: list[Item]) -> list[Item]:
    """`-x` or `+x` of a number or quantity."""
    scope.run.budget.spend()
    item = single(items, f"`{sign}`")
    if item is None:
        return []
    value = quantity(item) or system(item)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | Quantity):
        raise FhirPathError(f"`{sign}` needs a number and got {name_of(item)}")
    if sign == "+":
        return [value]
    return [_negated(value)]


def _negated(value: int | Decimal | Quantity) -> Item:
    """Without the rounding that Python's unary minus gives a Decimal."""
    match value:
        case Quantity():
            return Quantity(value.value.copy_negate(), value.unit, value.word)
        case Decimal():
            return value.copy_negate()
        case _:
            return -value


def number(value: int | Decimal) -> list[Item]:
    """`value` as a result: empty for an Integer beyond 32 bits."""
    return [] if isinstance(value, int) and abs(value) > MAX_INTEGER + (value < 0) else [value]


# logic


def _boolean(value: bool | None) -> list[Item]:
    return [] if value is None else [value]


def _and(_: str, left: bool | None, right: Callable[[], bool | None]) -> list[Item]:
    if left is False:
        return [False]
    other = right()
    return [False] if other is False else _boolean(None if left is None or other is None else True)


def _or(_: str, left: bool | None, right: Callable[[], bool | None]) -> list[Item]:
    if left:
        return [True]
    other = right()
    return [True] if other else _boolean(None if left is None or other is None else False)


def _xor(_: str, left: bool | None, right: Callable[[], bool | None]) -> list[Item]:
    other = right()
    return [] if left is None or other is None else [left != other]


def _implies(_: str, left: bool | None, right: Callable[[], bool | None]) -> list[Item]:
    if left is False:
        return [True]
    other = right()
    return [True] if other else _boolean(None if left is None or other is None else False)


_LOGIC: Final = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}


# comparison and membership


def _equality(scope: Scope, operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    same = equal_collections(left, right, scope.run.budget)
    return _boolean(same if same is None or operator == "=" else not same)


def _equivalence(scope: Scope, operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    return [equivalent_collections(left, right, scope.run.budget) == (operator == "~")]


def _inequality(_: Scope, operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    mine, other = single(left, f"`{operator}`"), single(right, f"`{operator}`")
    order = None if mine is None or other is None else compare(mine, other)
    if order is None:
        return []
    return [{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]]


def _membership(scope: Scope, operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    items, collection = (left, right) if operator == "in" else (right, left)
    item = single(items, f"`{operator}`")
    if item is None:
        return []
    wanted = identity(item, scope.run.budget)
    return [any(identity(one, scope.run.budget) == wanted for one in collection)]


def _union(scope: Scope, _: str, left: list[Item], right: list[Item]) -> list[Item]:
    return union(scope, left, right)


# arithmetic


def _concatenation(scope: Scope, _: str, left: list[Item], right: list[Item]) -> list[Item]:
    return [scope.run.budget.text((text(left, "`&`") or "") + (text(right, "`&`") or ""))]


def _arithmetic(scope: Scope, operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    mine, other = single(left, f"`{operator}`"), single(right, f"`{operator}`")
    if mine is None or other is None:
        return []
    ours, theirs = quantity(mine) or system(mine), quantity(other) or system(other)
    if ours is None or theirs is None:
        return []
    ours = as_temporal(ours, theirs if isinstance(theirs, Temporal) else None)
    try:
        result = _calculated(scope, operator, ours, theirs)
    except DecimalException:
        return []
    if result is None:
        raise FhirPathError(f"`{operator}` is not defined for {name_of(mine)} and {name_of(other)}")
    return result


def _calculated(
    scope: Scope, operator: str, left: Node | Value | None, right: Node | Value | None
) -> list[Item] | None:
    """The result, None where the types do not go together."""
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return _numbers(operator, left, right)
    if isinstance(left, str) and isinstance(right, str) and operator == "+":
        return [scope.run.budget.text(left + right)]
    if isinstance(left, Temporal) and isinstance(right, Quantity) and operator in {"+", "-"}:
        return _moved(left, right, -1 if operator == "-" else 1)
    if isinstance(left, int | Decimal) and isinstance(right, Quantity):
        left = Quantity(Decimal(left), "1")
    if isinstance(right, int | Decimal) and isinstance(left, Quantity):
        right = Quantity(Decimal(right), "1")
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _quantities(operator, left, right)
    return None


def _numbers(operator: str, left: int | Decimal, right: int | Decimal) -> list[Item] | None:
    mine, other = Decimal(left), Decimal(right)
    whole = isinstance(left, int) and isinstance(right, int)
    if operator in {"/", "div", "mod"} and not other:
        return []
    match operator:
        case "+":
            result = ARITHMETIC.add(mine, other)
        case "-":
            result = ARITHMETIC.subtract(mine, other)
        case "*":
            result = ARITHMETIC.multiply(mine, other)
        case "/":
            return [ARITHMETIC.divide(mine, other)]
        case "div":
            result, whole = ARITHMETIC.divide_int(mine, other), True
        case "mod":
            result = ARITHMETIC.remainder(mine, other)
        case _:
            return None
    if whole:
        return [] if abs(result) > MAX_INTEGER + 1 else number(int(result))
    return [result]


def _moved(left: Temporal, right: Quantity, direction: int) -> list[Item]:
    word = right.calendar
    if word is None or (left.kind == "Time" and word in {"year", "month"}):
        raise FhirPathError(
            f"A {left.kind} cannot be moved by {right}; use years, months, weeks, days, hours, minutes or seconds"
        )
    moved = temporal.add(left, right.value if direction > 0 else right.value.copy_negate(), word)
    return [] if moved is None else [moved]


def _quantities(operator: str, left: Quantity, right: Quantity) -> list[Item] | None:
    if operator in {"*", "/"}:
        return _product(operator, left, right)
    if operator not in {"+", "-"}:
        return None
    calculate = ARITHMETIC.add if operator == "+" else ARITHMETIC.subtract
    if left.unit == right.unit:
        return [Quantity(calculate(left.value, right.value), left.unit, left.word)]
    ours, theirs = left.canonical, right.canonical
    if ours is None or theirs is None or ours[1] != theirs[1]:
        return []
    per_unit = Quantity(Decimal(1), left.unit).canonical
    assert per_unit is not None
    return [Quantity(calculate(left.value, decimal(theirs[0] / per_unit[0])), left.unit, left.word)]


def _product(operator: str, left: Quantity, right: Quantity) -> list[Item]:
    """The product or quotient in base units; empty for units that are not known, and for a quotient by zero."""
    if operator == "/" and not right.value:
        return []
    calculate = ARITHMETIC.multiply if operator == "*" else ARITHMETIC.divide
    value = calculate(left.value, right.value)
    if right.unit == "1":
        return [Quantity(value, left.unit, left.word)]
    if left.unit == "1" and operator == "*":
        return [Quantity(value, right.unit, right.word)]
    mine, other = units.unit(left.unit), units.unit(right.unit)
    if mine is None or other is None:
        return []
    product = mine.times(other, 1 if operator == "*" else -1)
    return [Quantity(decimal(Fraction(value) * product.factor), product.code)]


_OPERATIONS: Final[dict[str, Callable[[Scope, str, list[Item], list[Item]], list[Item]]]] = {
    "=": _equality, "!=": _equality, "~": _equivalence, "!~": _equivalence,
    "<": _inequality, "<=": _inequality, ">": _inequality, ">=": _inequality,
    "in": _membership, "contains": _membership, "|": _union, "&": _concatenation,
    "+": _arithmetic, "-": _arithmetic, "*": _arithmetic, "/": _arithmetic, "div": _arithmetic, "mod": _arithmetic,
}  # fmt: skip
