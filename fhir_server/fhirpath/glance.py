"""What can be told of an expression by a glance at the JSON of one element, without evaluating it.

http://hl7.org/fhirpath/N1/#boolean-logic

Most invariants ask which elements are there. That is seen in the JSON itself, in a fraction of the time; where a glance
does not tell, the expression is evaluated.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath.syntax import Call, Expression, Literal, Member, Operation, Path, Step

Glance = Callable[[Mapping[str, Any]], bool | None]
"""True, false, or None where it takes more than a glance (an empty result also counts as such)."""

_DATE: Final = 10
_SECONDS: Final = 19
"""Characters of a date, and of a date and time to the second."""


def glance(parsed: Expression, type_: str) -> Glance | None:
    """The glance at elements of a type that tells what `parsed` is; None where no part of it can be told so."""
    match parsed:
        case Operation(first, rest):
            return _operation(first, rest, type_)
        case Path(None, (Member(name), Call("exists" | "hasValue" | "empty" as function, ()), *more)):
            return _counted(_presence(name, function, type_), more)
        case Path(None, (Member(name), *further, Call("exists" | "empty" as function, ()))) if all(
            map(_leads_on, further)
        ):
            return _nothing(name, function, type_)
        case Path(None, (Member(name), Call("startsWith", (Literal((str(text),)),)), *more)):
            return _counted(_begins(name, text), more)
        case Path(inner, steps) if inner is not None and not isinstance(inner, Literal):
            return _counted(glance(inner, type_), steps)
        case _:
            return None


def _counted(found: Glance | None, steps: Any) -> Glance | None:
    """`found` followed by `.not()` as often as it stands there; None for any other step."""
    for step in steps:
        if not isinstance(step, Call) or step.name != "not" or found is None:
            return None
        found = _not(found)
    return found


def _not(found: Glance) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        answer = found(value)
        return None if answer is None else not answer

    return told


def _keys(name: str, type_: str) -> frozenset[str]:
    """The JSON names of an element, `_name` too; none where the type has none of that name."""
    try:
        elements = definitions().elements(type_).values()
    except KeyError:
        return frozenset()
    found = [e for e in elements if name in (e.name, e.choice)]
    return frozenset(key for e in found for key in (e.name, e.sibling) if key is not None)


def _presence(name: str, function: str, type_: str) -> Glance | None:
    keys = _keys(name, type_)
    if not keys or type_ == "Extension":
        return None
    absent = keys.isdisjoint
    if function == "hasValue":
        return lambda value: False if absent(value) else None
    if len(keys) == 1:
        (only,) = keys
        return (lambda value: only in value) if function == "exists" else (lambda value: only not in value)
    if function == "exists":
        return lambda value: not absent(value)
    return absent


_LEAD_ON: Final = frozenset(
    {"where", "select", "as", "ofType", "resolve", "extension", "trace", "intersect", "distinct"}
)


def _leads_on(step: Step) -> bool:
    """From nothing it leads to nothing."""
    return isinstance(step, Member) or (isinstance(step, Call) and step.name in _LEAD_ON)


def _nothing(name: str, function: str, type_: str) -> Glance | None:
    """Where the first element of a path is absent there is nothing at its end."""
    keys = _keys(name, type_)
    if not keys:
        return None
    told, absent = function == "empty", keys.isdisjoint
    return lambda value: told if absent(value) else None


def _begins(name: str, text: str) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        found = value.get(name)
        return found.startswith(text) if isinstance(found, str) else None

    return told


def _operation(first: Expression, rest: Any, type_: str) -> Glance | None:
    found = _compared(first, rest) or glance(first, type_)
    if found is not None and _compared(first, rest) is not None:
        return found
    for operator, operand in rest:
        make = _LOGIC.get(operator)
        if make is None:
            return None
        found = make(found or _untold, glance(operand, type_) or _untold)
    return found


def _untold(_: Mapping[str, Any]) -> bool | None:
    return None


def _or(left: Glance, right: Glance) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        a = left(value)
        if a:
            return True
        b = right(value)
        return True if b else (False if a is False and b is False else None)

    return told


def _and(left: Glance, right: Glance) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        a = left(value)
        if a is False:
            return False
        b = right(value)
        return False if b is False else (True if a and b else None)

    return told


def _implies(left: Glance, right: Glance) -> Glance:
    return _or(_not(left), right)


def _xor(left: Glance, right: Glance) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        a, b = left(value), right(value)
        return None if a is None or b is None else a is not b

    return told


_LOGIC: Final[dict[str, Callable[[Glance, Glance], Glance]]] = {
    "or": _or,
    "and": _and,
    "implies": _implies,
    "xor": _xor,
}


def _compared(first: Expression, rest: Any) -> Glance | None:
    """`name = 'text'`, `name != 'text'`, and `low <= high` of two dates of one form."""
    if len(rest) != 1:
        return None
    ((operator, operand),) = rest
    match first, operator, operand:
        case Path(None, (Member(name),)), "=" | "!=", Literal((str(text),)):
            return _equals(name, text, same=operator == "=")
        case Path(None, (Member(low),)), "<=", Path(None, (Member(high),)):
            return _in_order(low, high)
        case _:
            return None


def _equals(name: str, text: str, *, same: bool) -> Glance:
    def told(value: Mapping[str, Any]) -> bool | None:
        found = value.get(name)
        return (found == text) is same if isinstance(found, str) else None

    return told


def _in_order(low: str, high: str) -> Glance:
    """Dates, and times of one precision and zone, are in the order of their texts."""

    def told(value: Mapping[str, Any]) -> bool | None:
        a, b = value.get(low), value.get(high)
        if not isinstance(a, str) or not isinstance(b, str) or len(a) != len(b) or a[_SECONDS:] != b[_SECONDS:]:
            return None
        return True if a <= b and len(a) >= _DATE else None

    return told
