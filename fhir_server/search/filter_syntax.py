"""The grammar of `_filter`: a filter as what it is made of, each part with its place in the text.

http://hl7.org/fhir/R4/search_filter.html

`and` and `or` bind alike and from left to right; parentheses decide otherwise. Keywords and operators may be written in
either case.
"""

import json
import re
from dataclasses import dataclass

from fhir_server.outcome import BadRequest

OPERATORS = (
    *("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap"),
    *("sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re"),
)
MAX_LENGTH = 10_000
MAX_DEPTH = 24
"""Most filters within one another: parentheses, brackets, and changes between `and` and `or`."""
MAX_TESTS = 200

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)(?::([A-Za-z]+))?")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN = re.compile(r"[^\s\])]+")
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path: what it refers to must fulfil `where`; `target` is the type that the client has named."""

    name: str
    at: int
    target: str = ""
    where: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Condition:
    """`path operator value`."""

    path: tuple[Step, ...]
    operator: str
    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Junction:
    """All (`and`) or any (`or`) of several filters."""

    word: str
    of: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    of: "Filter"


Filter = Condition | Junction | Negation


def wrong(at: int, text: str, code: str = "value") -> BadRequest:
    """The error to raise for what stands at this place, counted from 0; people count from 1."""
    return BadRequest(f"_filter, character {at + 1}: {text}", code=code, expression="http._filter")


def parse(text: str) -> Filter:
    """The filter that the text is. Raises BadRequest, which names the place, for every text that is none."""
    if len(text) > MAX_LENGTH:
        raise wrong(MAX_LENGTH, f"a filter of more than {MAX_LENGTH} characters", "too-costly")
    scanner = _Scanner(text)
    found = scanner.filter(0)
    if scanner.at < len(text):
        raise wrong(scanner.at, f"expected and, or, or the end, not {scanner.rest()}")
    return found


class _Scanner:
    """Reads from `at` on; what it has read is behind it, with the white space that follows."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tests = 0
        self.at = 0
        self.skip()

    def skip(self) -> bool:
        """Passes over white space; whether there was any."""
        before = self.at
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at > before

    def rest(self) -> str:
        """What stands here, for an error."""
        return repr(self.text[self.at : self.at + 20]) if self.at < len(self.text) else "the end"

    def takes(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def word(self) -> str:
        """The word that stands here, in lower case; it is not passed."""
        found = _WORD.match(self.text, self.at)
        return found[0].lower() if found else ""

    def filter(self, depth: int) -> Filter:
        """Filters joined by `and` and `or`, up to what is neither."""
        found = self.part(depth)
        joined: list[Filter] = []
        before = ""
        while (word := self.word()) in ("and", "or"):
            if before and word != before:
                found, joined = Junction(before, (found, *joined)), []
                depth = self.deeper(depth)
            before = word
            self.at += len(word)
            if not self.skip() and not self.text.startswith("(", self.at):
                raise wrong(self.at, f"expected white space after {word}, not {self.rest()}")
            joined.append(self.part(depth))
        return Junction(before, (found, *joined)) if joined else found

    def part(self, depth: int) -> Filter:
        """A test, or a filter in parentheses, with or without `not` before it."""
        start = self.at
        if self.takes("("):
            return self.grouped(depth)
        if self.word() == "not":
            self.at += 3
            self.skip()
            if self.takes("("):
                return Negation(self.grouped(depth))
            self.at = start
            if re.match(r"not\s", self.text[start:], re.IGNORECASE) and not self.operator_follows(start + 3):
                raise wrong(start, "not stands before a filter in parentheses: not (…)")
        return self.test(depth)

    def operator_follows(self, at: int) -> bool:
        found = _WORD.match(self.text[at:].lstrip())
        return found is not None and found[0].lower() in OPERATORS

    def grouped(self, depth: int) -> Filter:
        found = self.inside(")", depth)
        self.skip()
        return found

    def inside(self, end: str, depth: int) -> Filter:
        """A filter up to the closing mark, which is passed."""
        opened = self.at - 1
        self.skip()
        found = self.filter(self.deeper(depth))
        if not self.takes(end):
            raise wrong(
                self.at, f"expected and, or, or {end} for the one opened at character {opened + 1}, not {self.rest()}"
            )
        return found

    def deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise wrong(self.at, f"more than {MAX_DEPTH} filters within one another", "too-costly")
        return depth + 1

    def test(self, depth: int) -> Condition:
        start = self.at
        self.tests += 1
        if self.tests > MAX_TESTS:
            raise wrong(start, f"more than {MAX_TESTS} tests", "too-costly")
        path = self.path(depth)
        if not self.skip():
            raise wrong(self.at, f"expected white space and an operator, not {self.rest()}")
        operator = self.word()
        if operator not in OPERATORS:
            raise wrong(self.at, f"expected one of the operators {' '.join(OPERATORS)}, not {self.rest()}")
        self.at += len(operator)
        if not self.skip():
            raise wrong(self.at, f"expected white space and a value after {operator}, not {self.rest()}")
        value = self.value()
        if not self.skip() and self.at < len(self.text) and self.text[self.at] not in ")]":
            raise wrong(self.at, f"expected white space after the value, not {self.rest()}")
        return Condition(path, operator, value, start)

    def path(self, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            start = self.at
            found = _NAME.match(self.text, start)
            if found is None:
                raise wrong(start, f"expected the name of a search parameter, not {self.rest()}")
            self.at = found.end()
            where = self.inside("]", depth) if self.takes("[") else None
            steps.append(Step(found[1], start, found[2] or "", where))
            if not self.takes("."):
                if where is not None:
                    raise wrong(self.at, f"expected . and a name after ], not {self.rest()}")
                return tuple(steps)
            depth = self.deeper(depth)

    def value(self) -> str:
        """A JSON string, or whatever stands up to white space, `)` or `]`."""
        start = self.at
        if self.text.startswith('"', start):
            return self.string(start)
        found = _TOKEN.match(self.text, start)
        if found is None:
            raise wrong(start, f"expected a value, not {self.rest()}")
        self.at = found.end()
        return found[0]

    def string(self, start: int) -> str:
        found = _STRING.match(self.text, start)
        if found is None:
            raise wrong(start, 'the string that begins here has no closing "')
        try:
            value = json.loads(found[0])
            value.encode()
        except ValueError as error:
            raise wrong(start, "the string that begins here is no JSON string") from error
        if "\x00" in value:
            raise wrong(start, "the string that begins here holds a NUL character")
        self.at = found.end()
        return str(value)
