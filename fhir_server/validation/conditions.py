"""An invariant, asked of one JSON value by itself.

http://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from threading import local
from typing import Any, Final

from fhir_server.fhirpath import types
from fhir_server.fhirpath.budget import Allowance
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import Expression
from fhir_server.fhirpath.expression import compile as compiled
from fhir_server.fhirpath.glance import glance
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import Environment
from fhir_server.fhirpath.syntax import Call, External, Member, Path
from fhir_server.outcome import Unprocessable

_ELSEWHERE: Final = frozenset({"resolve", "memberOf", "conformsTo", "subsumes", "subsumedBy", "htmlChecks"})
"""Functions that look beyond the value: at the resource around it, or at what others know."""
_CONSTANT: Final = frozenset({"ucum", "loinc", "sct"})
_TYPED: Final = frozenset({"is", "as", "ofType"})
_CHANGING: Final = frozenset({"now", "today", "timeOfDay"})

Kept = Callable[[Any], bool | None]
"""Of a JSON value: True only if the invariant is kept; anything else asks for a closer look."""
MOST_SECONDS: Final = 0.5
"""Of computing, for all expressions on one resource; past that the walk is asked, which has its own."""
_REMEMBERED: Final = 4096
_SHORT: Final = 64


def kept(expression: str, type_: str) -> Kept | None:
    """Whether an invariant is surely kept by a value of a type, where a glance tells or the value by itself; None where
    neither ever does.
    """
    try:
        invariant = compiled(expression)
    except FhirPathError:
        return None
    evaluate = _evaluated(invariant, type_) if _local(invariant) else None
    seen = None if types.is_primitive(type_) else glance(invariant.parsed, type_)
    if seen is None or evaluate is None:
        return evaluate or seen

    def told(value: Any) -> bool:
        answer = seen(value)
        return evaluate(value) if answer is None else answer

    return told


class _Glance(local):
    """What this thread evaluates with."""

    environment: Environment | None = None


_GLANCE: Final = _Glance()


def begin() -> None:
    """What is asked next in this thread is of another resource: it has MOST_SECONDS."""
    _GLANCE.environment = None


def _evaluated(invariant: Expression, type_: str) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if _GLANCE.environment is None:
            _GLANCE.environment = Environment(together=Allowance(MOST_SECONDS))
        return invariant.holds(Node(value, type_), environment=_GLANCE.environment)

    remembered = lru_cache(_REMEMBERED)(holds)
    lasting = types.is_primitive(type_) and not any(
        isinstance(p, Call) and p.name in _CHANGING for p in _parts(invariant)
    )

    def told(value: Any) -> bool:
        try:
            return remembered(value) if lasting and type(value) is str and len(value) <= _SHORT else holds(value)
        except (FhirPathError, Unprocessable):  # the walk tells what is wrong, or that it takes too long
            return False

    return told


def _local(invariant: Expression) -> bool:
    """It asks for nothing but the value and what is below it."""
    return not any(map(_looks_elsewhere, _parts(invariant)))


def _looks_elsewhere(part: Any) -> bool:
    match part:
        case External(name):
            return name not in _CONSTANT
        case Call(name):
            return name in _ELSEWHERE
        case Path(None, (Member(name), *_)):
            return name[:1].isupper()
        case _:
            return False


def _parts(invariant: Expression) -> Iterator[Any]:
    left: list[Any] = [invariant.parsed]
    while left:
        part = left.pop()
        if isinstance(part, tuple):
            left.extend(part)
        elif isinstance(part, Call) and part.name in _TYPED:
            yield part  # its argument is no expression, but the name of a type
        elif is_dataclass(part):
            yield part
            left.extend(getattr(part, field.name) for field in fields(part))
