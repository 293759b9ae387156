"""The grammar: tokens to the parts of syntax.py.

http://hl7.org/fhirpath/N1/#grammar
"""

from decimal import Decimal
from typing import Final

from fhir_server.fhirpath import temporal
from fhir_server.fhirpath.budget import MAX_DEPTH
from fhir_server.fhirpath.errors import FhirPathError, TooCostly
from fhir_server.fhirpath.lexer import Token, tokens
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
from fhir_server.fhirpath.temporal import CALENDAR
from fhir_server.fhirpath.values import MAX_INTEGER, Quantity, Value, bounded

_PRECEDENCE: Final[tuple[frozenset[str], ...]] = (
    frozenset({"implies"}),
    frozenset({"or", "xor"}),
    frozenset({"and"}),
    frozenset({"in", "contains"}),
    frozenset({"=", "~", "!=", "!~"}),
    frozenset({"<", ">", "<=", ">="}),
    frozenset({"|"}),
    frozenset({"is", "as"}),
    frozenset({"+", "-", "&"}),
    frozenset({"*", "/", "div", "mod"}),
)
_LOOSEST_FIRST: Final = {operator: level for level, operators in enumerate(_PRECEDENCE) for operator in operators}
_SPECIAL: Final = frozenset({"$this", "$index", "$total"})
_LARGEST_NUMBER: Final = 100


def parse(expression: str) -> Expression:
    """The parsed `expression`; FhirPathError with the position where it leaves the grammar."""
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = tokens(expression)
        self.next = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def whole(self) -> Expression:
        parsed = self.operation()
        if self.token.kind != "end":
            raise self.error("an operator or the end")
        return parsed

    def error(self, wanted: str) -> FhirPathError:
        token = self.token
        found = "the end" if token.kind == "end" else repr(token.text)
        return FhirPathError(
            f"FHIRPath: expected {wanted}, found {found} at character {token.at + 1} of {self.expression[:200]!r}"
        )

    def take(self, *symbols: str) -> Token | None:
        """The next token where it is one of `symbols`."""
        token = self.token
        if token.kind in {"symbol", "name"} and token.text in symbols:
            self.next += 1
            return token
        return None

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.error(repr(symbol))

    def operation(self, level: int = 0) -> Expression:
        """Operators of `level` and all that bind tighter."""
        at = self.token.at
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooCostly(f"FHIRPath: the expression is nested deeper than {MAX_DEPTH} levels at character {at + 1}")
        parsed = self.signed()
        for tightness in range(len(_PRECEDENCE) - 1, level - 1, -1):
            rest: list[tuple[str, Expression | tuple[str, ...]]] = []
            while operator := self.take(*_PRECEDENCE[tightness]):
                if operator.text in {"is", "as"}:
                    rest.append((operator.text, self.type_specifier()))
                else:
                    rest.append((operator.text, self.operation(tightness + 1)))
            if rest:
                parsed = Operation(parsed, tuple(rest), at)
        self.depth -= 1
        return parsed

    def signed(self) -> Expression:
        signs = []
        at = self.token.at
        while sign := self.take("-", "+"):
            signs.append(sign)
            if len(signs) > MAX_DEPTH:
                raise TooCostly(
                    f"FHIRPath: the expression is nested deeper than {MAX_DEPTH} levels at character {at + 1}"
                )
        parsed = self.path()
        for sign in reversed(signs):
            parsed = Sign(sign.text, parsed, sign.at)
        return parsed

    def path(self) -> Expression:
        """A term and the steps behind it."""
        at = self.token.at
        steps: list[Step] = []
        head: Expression | None = None
        if self.token.kind in {"name", "quoted"} and not self._is_boolean():
            steps.append(self.invocation())
        else:
            head = self.term()
        while True:
            if self.take("."):
                if self.token.kind == "special":
                    raise self.error("the name of an element or function")
                steps.append(self.invocation())
            elif bracket := self.take("["):
                steps.append(At(self.operation(), bracket.at))
                self.expect("]")
            else:
                break
        return head if head is not None and not steps else Path(head, tuple(steps), at)

    def _is_boolean(self) -> bool:
        return self.token.kind == "name" and self.token.text in {"true", "false"}

    def invocation(self) -> Step:
        token = self.identifier()
        if not self.take("("):
            return Member(token.text, token.at)
        arguments: list[Expression] = []
        while not self.take(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.operation())
        return Call(token.text, tuple(arguments), token.at)

    def identifier(self) -> Token:
        token = self.token
        if token.kind not in {"name", "quoted"}:
            raise self.error("the name of an element or function")
        self.next += 1
        return token

    def type_specifier(self) -> tuple[str, ...]:
        names = [self.identifier().text]
        while self.take("."):
            names.append(self.identifier().text)
        return tuple(names)

    def term(self) -> Expression:
        token = self.token
        if self.take("("):
            parsed = self.operation()
            self.expect(")")
            return parsed
        if self.take("{"):
            self.expect("}")
            return Literal((), token.at)
        if self.take("%"):
            if self.token.kind == "string":
                self.next += 1
                return External(self.tokens[self.next - 1].text, token.at)
            return External(self.identifier().text, token.at)
        if token.kind == "special" and token.text in _SPECIAL:
            self.next += 1
            return Special(token.text[1:], token.at)
        return Literal((self.value(),), token.at)

    def value(self) -> Value:
        token = self.token
        match token.kind:
            case "string":
                self.next += 1
                return token.text
            case "name" if self._is_boolean():
                self.next += 1
                return token.text == "true"
            case "number":
                self.next += 1
                return self.number(token)
            case "date" | "datetime" | "time":
                self.next += 1
                return self.moment(token)
            case _:
                raise self.error("a value, a path or a function")

    def number(self, token: Token) -> Value:
        """A number, or a quantity where a unit follows."""
        unit = self.token
        if len(token.text) > _LARGEST_NUMBER:
            raise FhirPathError(
                f"FHIRPath: the number at character {token.at + 1} has more than {_LARGEST_NUMBER} digits"
            )
        if unit.kind == "string":
            self.next += 1
            return Quantity(bounded(Decimal(token.text)), unit.text)
        if unit.kind == "name" and unit.text.removesuffix("s") in CALENDAR:
            self.next += 1
            return Quantity(bounded(Decimal(token.text)), unit.text.removesuffix("s"), unit.text)
        if "." in token.text:
            return bounded(Decimal(token.text))
        if int(token.text) > MAX_INTEGER:
            raise FhirPathError(
                f"FHIRPath: the integer {token.text} is above {MAX_INTEGER}; write {token.text}.0 for a decimal"
            )
        return int(token.text)

    def moment(self, token: Token) -> Value:
        kinds: dict[str, temporal.Kind] = {"date": "Date", "datetime": "DateTime", "time": "Time"}
        text = token.text[2:] if token.kind == "time" else token.text[1:]
        value = temporal.parse(text, kinds[token.kind])
        if value is None:
            raise FhirPathError(f"FHIRPath: {token.text} at character {token.at + 1} is not in the calendar")
        return value
