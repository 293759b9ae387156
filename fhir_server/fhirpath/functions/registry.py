"""The table of functions: name, how many arguments, what they do.

http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fhir_server.fhirpath.node import Item

Body = Callable[..., list[Item]]
"""(scope, the collection before the dot, one Evaluate per argument) → the result."""

BodyT = TypeVar("BodyT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Function:
    """`body` takes `least` to `most` arguments; `takes_type`: its argument is the name of a type."""

    body: Body
    least: int
    most: int
    takes_type: bool = False


TABLE: Final[dict[str, Function]] = {}
"""All functions by name; filled when the modules of this room are imported."""


def function(
    name: str, least: int = 0, most: int | None = None, *, takes_type: bool = False
) -> Callable[[BodyT], BodyT]:
    """Enters the function below it into the table."""

    def enter(body: BodyT) -> BodyT:
        TABLE[name] = Function(body, least, least if most is None else most, takes_type)
        return body

    return enter
