"""The text search parameters `_text` and `_content`: words, "phrases", and, or, not, parentheses.

http://hl7.org/fhir/R4/search.html#text
"""

import re

from fhir_server.search.prose import words
from fhir_server.search.query import And, Compare, Match, Node, Not, Op, Or, Prose
from fhir_server.search.types.reading import Reading, unescape

MAX_WORDS = 100
MAX_NESTING = 20
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|((?:[^\s()",\\]|\\.)+)|(,)|(["\\])', re.DOTALL)
_OPERATORS = frozenset({"and", "or", "not"})


def prose(param: str, value: str, reading: Reading) -> Node:
    """What the words ask of the prose under `param`. Words beside one another must all be there; `not` binds closest, then
    `and`; a comma is `or`. A word that ends in * begins one of the text; words in quotes stand one after another.

    Raises BadRequest.
    """
    return _Reader(param, value, reading).whole()


class _Reader:
    """Reads one value."""

    def __init__(self, param: str, value: str, reading: Reading) -> None:
        self.param = param
        self.reading = reading
        self.at = 0
        self.nesting = 0
        self.tokens: list[tuple[str, str]] = []
        for found in _TOKEN.finditer(value):
            phrase, bracket, word, comma, broken = found.groups()
            if broken:
                raise reading.wrong(f"{value[:64]!r}: a quotation mark that is not closed, or a backslash at the end")
            if bracket or comma:
                self.tokens.append((bracket or "or", ""))
            elif word is not None and word.lower() in _OPERATORS:
                self.tokens.append((word.lower(), word))
            else:
                self.tokens.append(("word", word) if word is not None else ("phrase", phrase))
        if len(self.tokens) > MAX_WORDS:
            raise reading.wrong(f"more than {MAX_WORDS} words", "too-costly")

    def whole(self) -> Node:
        found = self.either()
        if self.at < len(self.tokens):
            raise self.reading.wrong("a closing parenthesis without one that opens")
        return found

    def either(self) -> Node:
        found = [self.both()]
        while self.take("or"):
            found.append(self.both())
        return Or(tuple(found))

    def both(self) -> Node:
        found = [self.single()]
        while self.take("and") or self.kind() not in ("", "or", ")"):
            found.append(self.single())
        return And(tuple(found))

    def single(self) -> Node:
        turned = False
        while self.take("not"):
            turned = not turned
        found = self.bracket() if self.take("(") else self.leaf()
        return Not(found) if turned else found

    def bracket(self) -> Node:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.reading.wrong(f"more than {MAX_NESTING} parentheses within one another", "too-costly")
        found = self.either()
        if not self.take(")"):
            raise self.reading.wrong("a parenthesis that is not closed")
        self.nesting -= 1
        return found

    def leaf(self) -> Node:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind not in ("word", "phrase"):
            raise self.reading.wrong(f"a word is missing before {kind!r}" if kind else "a word is missing at the end")
        self.at += 1
        plain = unescape(text)
        begins = kind == "word" and plain.endswith("*")
        sought = words(plain)
        if not sought:
            raise self.reading.wrong(f"{text[:64]!r} has no word in it")
        op = Op.WORDS if begins or " " not in sought else Op.CONTAINS
        return Match(self.param, ((Compare(Prose, "words", op, f"{sought}*" if begins else sought),),))

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, kind: str) -> bool:
        taken = self.kind() == kind
        self.at += taken
        return taken
