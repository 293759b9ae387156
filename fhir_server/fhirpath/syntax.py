"""The parts of a parsed expression.

http://hl7.org/fhirpath/N1/#expressions
"""

from dataclasses import dataclass

from fhir_server.fhirpath.values import Value


@dataclass(frozen=True, slots=True)
class Literal:
    """One value, or none for `{}`."""

    values: tuple[Value, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class External:
    """`%resource`, `%ucum`, `` %`ext-patient-birthTime` ``."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index` or `$total`, without the dollar."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`.name`: a step to the elements of this name."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`."""

    name: str
    arguments: "tuple[Expression, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class At:
    """`[index]`."""

    index: "Expression"
    at: int


Step = Member | Call | At


@dataclass(frozen=True, slots=True)
class Path:
    """`head.step.step`; without a head the first step starts from `$this`."""

    head: "Expression | None"
    steps: tuple[Step, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Sign:
    """`-operand` or `+operand`."""

    sign: str
    operand: "Expression"
    at: int


@dataclass(frozen=True, slots=True)
class Operation:
    """`first op operand op operand …`: operators of one precedence, evaluated from left to right."""

    first: "Expression"
    rest: "tuple[tuple[str, Expression | tuple[str, ...]], ...]"
    """Each operator with its right side; that of `is` and `as` is a type specifier."""
    at: int


Expression = Literal | External | Special | Path | Sign | Operation
