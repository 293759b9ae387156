"""SearchParameter.expression, understood: the elements of a type that a search parameter speaks of.

http://hl7.org/fhir/R4/searchparameter.html

All expressions of R4 lie in a small part of FHIRPath: unions of paths with `as`, `ofType`, `where(child = 'text')`,
`where(resolve() is Type)`, an index, and one test (`exists() and … != false`). Anything else raises UnsupportedExpression.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from fhir_server.definitions import Element, definitions

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|'[^'\\]*'|[0-9]+|!=|[.|()\[\]=])", re.ASCII)
MAX_LENGTH = 10_000


class UnsupportedExpression(ValueError):
    """An expression outside the subset; the text names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One JSON property on the way down; `where` are (child, text) pairs that must hold, `index` picks one item."""

    name: str
    repeats: bool
    where: tuple[tuple[str, str], ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """One way down from the resource to an element of one FHIR type.

    `resolves_to` is the type that a reference must point to; `truth` marks `x.exists() and x != false`: not the elements
    but whether any is there and not false.
    """

    steps: tuple[Step, ...]
    type: str
    element: Element
    resolves_to: str | None = None
    truth: bool = False


def branches(expression: str, type_: str) -> tuple[Branch, ...]:
    """The ways down that `expression` has for resources of `type_`, choices expanded, each once; () where it has none."""
    found = dict.fromkeys(branch for term in _terms(expression) for branch in _Reader(term, type_).branches())
    return tuple(found)


def terms(expression: str) -> tuple[str, ...]:
    """The members of the union, each as text. Raises UnsupportedExpression where brackets are not closed."""
    found, depth, start = [], 0, 0
    for at, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            found.append(expression[start:at].strip())
            start = at + 1
    if depth:
        raise UnsupportedExpression(expression)
    return (*found, expression[start:].strip())


@cache
def _terms(expression: str) -> tuple[tuple[str, ...], ...]:
    """The tokens of each member of the union."""
    if len(expression) > MAX_LENGTH:
        raise UnsupportedExpression(f"longer than {MAX_LENGTH} characters")
    terms: list[tuple[str, ...]] = []
    term: list[str] = []
    depth, at, text = 0, 0, expression.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise UnsupportedExpression(expression)
        token, at = found[1], found.end()
        depth += (token == "(") - (token == ")")  # noqa: S105
        if token == "|" and depth == 0:  # noqa: S105
            terms.append(tuple(term))
            term = []
        else:
            term.append(token)
    return (*terms, tuple(term))


class _Reader:
    """Reads one member of a union."""

    def __init__(self, tokens: tuple[str, ...], type_: str) -> None:
        self.tokens = tokens
        self.at = 0
        self.type = type_

    def branches(self) -> list[Branch]:
        found = self.path()
        if self.take("and"):
            return self.truth(found)
        if self.at != len(self.tokens):
            raise UnsupportedExpression(" ".join(self.tokens))
        return [branch for branch in found if branch.steps]

    def truth(self, found: list[Branch]) -> list[Branch]:
        """`x.exists() and x != false`."""
        half = self.tokens[: self.at - 1]
        if half[-4:] != (".", "exists", "(", ")") or self.tokens[self.at :] != (*half[:-4], "!=", "false"):
            raise UnsupportedExpression(" ".join(self.tokens))
        return [replace(branch, truth=True) for branch in found]

    def path(self) -> list[Branch]:
        if self.take("("):
            found = self.path()
            if self.take("as"):
                found = _of_type(found, self.word())
            self.expect(")")
        else:
            found = self.root(self.word())
        while self.peek() in (".", "["):
            found = self.step(found)
        return found

    def root(self, name: str) -> list[Branch]:
        if name not in ("Resource", "DomainResource", self.type):
            if definitions().is_resource(name):
                return []
            if not name[:1].islower():
                raise UnsupportedExpression(" ".join(self.tokens))
            return list(_children(Branch((), self.type, _ROOT), name))
        return [Branch((), self.type, _ROOT)]

    def step(self, found: list[Branch]) -> list[Branch]:
        if self.take("["):
            index = int(self.word(str.isdecimal))
            self.expect("]")
            return [_last(b, index=index) for b in found]
        self.expect(".")
        name = self.word()
        if not self.take("("):
            return [deeper for branch in found for deeper in _children(branch, name)]
        if name in ("as", "ofType"):
            found = _of_type(found, self.word())
        elif name == "where":
            found = self.where(found)
        elif name != "exists":
            raise UnsupportedExpression(" ".join(self.tokens))
        self.expect(")")
        return found

    def where(self, found: list[Branch]) -> list[Branch]:
        name = self.word()
        if name == "resolve":
            self.expect("(", ")", "is")
            target = self.word()
            return [replace(branch, resolves_to=target) for branch in found]
        self.expect("=")
        text = self.word(_quoted)[1:-1]
        return [_last(branch, where=(*branch.steps[-1].where, (name, text))) for branch in found]

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, token: str) -> bool:
        taken = self.peek() == token
        self.at += taken
        return taken

    def word(self, fits: Callable[[str], bool] = str.isidentifier) -> str:
        token = self.peek()
        if not fits(token):
            raise UnsupportedExpression(" ".join(self.tokens))
        self.at += 1
        return token

    def expect(self, *tokens: str) -> None:
        for token in tokens:
            if not self.take(token):
                raise UnsupportedExpression(" ".join(self.tokens))


def _quoted(token: str) -> bool:
    return token.startswith("'")


_ROOT = Element(name="", path="", type="", min=1, max=1)


def _last(branch: Branch, **changes: object) -> Branch:
    *before, last = branch.steps
    return replace(branch, steps=(*before, replace(last, **changes)))  # type: ignore[arg-type]


def _of_type(found: list[Branch], type_: str) -> list[Branch]:
    return [branch for branch in found if branch.type == type_]


def _children(branch: Branch, name: str) -> Iterator[Branch]:
    """The element called `name` below, or each type of the choice called so."""
    d = definitions()
    try:
        elements = d.elements(branch.type)
    except KeyError:
        return
    for element in elements.values():
        if name in (element.name, element.choice):
            step = Step(element.name, element.repeats)
            yield replace(branch, steps=(*branch.steps, step), type=element.type, element=element)
