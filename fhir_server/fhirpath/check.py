"""A look at an expression before it is ever evaluated: does R4 have the elements it names?

http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from typing import Final

from fhir_server.fhirpath import types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.syntax import At, Call, Expression, Member, Operation, Path, Sign, Special, Step

Types = frozenset[str] | None
"""The FHIR types that an item can have; None where that cannot be told beforehand."""

_SAME: Final = frozenset({
    "where", "first", "last", "tail", "skip", "take", "single", "distinct", "trace", "intersect", "exclude", "sort", "checkModifiers"
})  # fmt: skip
_PER_ITEM: Final = frozenset({"where", "select", "all", "exists", "repeat", "aggregate", "sort", "iif", "trace"})
_NEED_ORDER: Final = frozenset({"first", "last", "tail", "skip", "take"})
_ABSTRACT: Final = frozenset({"Resource", "DomainResource"})


def check(parsed: Expression, type: str) -> Types:  # noqa: A002  # FHIR's word
    """The types of the results. FhirPathError where `parsed`, starting from `type`, names an element that R4 has not, or
    counts on an order of children().
    """
    return _types(parsed, frozenset({type}))


def _types(parsed: Expression, this: Types) -> Types:
    match parsed:
        case Special(name="this"):
            return this
        case Path():
            return _path(parsed, this)
        case Sign():
            _types(parsed.operand, this)
            return None
        case Operation():
            return _operation(parsed, this)
        case _:
            return None


def _operation(parsed: Operation, this: Types) -> Types:
    found = _types(parsed.first, this)
    for operator, right in parsed.rest:
        if isinstance(right, tuple):
            found = _named(right) if operator == "as" else None
        else:
            other = _types(right, this)
            found = found | other if operator == "|" and found is not None and other is not None else None
    return found


def _named(names: tuple[str, ...]) -> Types:
    wanted = types.specifier(names)
    return frozenset({wanted.name}) if wanted and wanted.namespace == "FHIR" else None


def _path(parsed: Path, this: Types) -> Types:
    current = this if parsed.head is None else _types(parsed.head, this)
    ordered = True
    for number, step in enumerate(parsed.steps):
        if not ordered and (isinstance(step, At) or (isinstance(step, Call) and step.name in _NEED_ORDER)):
            raise FhirPathError(f"FHIRPath: children have no order to rely on (character {step.at + 1})")
        first = number == 0 and parsed.head is None
        if first and isinstance(step, Member) and current and any(types.is_subtype(one, step.name) for one in current):
            continue
        current = _step(step, current, this)
        ordered = not (isinstance(step, Call) and step.name in {"children", "descendants"})
    return current


def _step(step: Step, current: Types, this: Types) -> Types:
    match step:
        case Member():
            return _member(step, current)
        case At():
            _types(step.index, this)
            return current
        case Call():
            return _call(step, current, this)


def _member(step: Member, current: Types) -> Types:
    if current is None or current & _ABSTRACT:
        return None
    found = {
        element.type
        for type_ in current
        for element in types.members("Element" if types.is_primitive(type_) else type_, step.name)
    }
    if not found:
        where = " or ".join(sorted(current)[:3])
        raise FhirPathError(f"FHIRPath: {where} has no element {step.name} (character {step.at + 1})")
    return None if "Resource" in found else frozenset(found)


def _call(step: Call, current: Types, this: Types) -> Types:
    if step.name in {"is", "as", "ofType"}:
        argument = step.arguments[0]
        names = tuple(s.name for s in argument.steps if isinstance(s, Member)) if isinstance(argument, Path) else ()
        return None if step.name == "is" else _named(names)
    given = [_types(argument, current if step.name in _PER_ITEM else this) for argument in step.arguments]
    if step.name in _SAME:
        return current
    if step.name in {"select", "repeat"}:
        return given[0]
    if step.name in {"union", "combine"}:
        return current | given[0] if current is not None and given[0] is not None else None
    return frozenset({"Extension"}) if step.name == "extension" else None
