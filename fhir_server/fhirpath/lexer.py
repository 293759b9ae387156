"""The text of an expression as tokens.

http://hl7.org/fhirpath/N1/#lexical-elements
"""

import re
from dataclasses import dataclass
from typing import Final

from fhir_server.fhirpath.budget import MAX_LENGTH
from fhir_server.fhirpath.errors import FhirPathError, TooCostly

_TOKEN: Final = re.compile(
    r"""
      (?P<space>  \s+ | //[^\r\n]* | /\*.*?\*/ )
    | (?P<time>   @T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)? )
    | (?P<datetime> @\d{4}(?:-\d\d(?:-\d\d)?)?T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)? )
    | (?P<date>   @\d{4}(?:-\d\d(?:-\d\d)?)? )
    | (?P<number> \d+(?:\.\d+)? )
    | (?P<name>   [A-Za-z_][A-Za-z0-9_]* )
    | (?P<quoted> `(?:[^`\\]|\\.)*` )
    | (?P<string> '(?:[^'\\]|\\.)*' )
    | (?P<special> \$[a-z]+ )
    | (?P<symbol> <=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}%] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES: Final = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", **{character: character for character in "\\/'\"`"}}


@dataclass(frozen=True, slots=True)
class Token:
    """A token by kind (a group of the pattern, or `end`), its meaning (quotes and escapes undone) and its offset."""

    kind: str
    text: str
    at: int


def tokens(expression: str) -> list[Token]:
    """All tokens of `expression`, one of kind `end` last; FhirPathError with the position of what is none."""
    if len(expression) > MAX_LENGTH:
        raise TooCostly(f"The expression has {len(expression):,} characters; at most {MAX_LENGTH:,} are evaluated")
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or (match[0].startswith("/*") and not match[0].endswith("*/")):
            raise FhirPathError(
                f"FHIRPath: {expression[at : at + 12]!r} at character {at + 1} is no token of the language"
            )
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, _meaning(kind, match[0], at), at))
        at = match.end()
        if expression.startswith("/*", at) and expression.find("*/", at + 2) < 0:
            raise FhirPathError(f"FHIRPath: the comment that begins at character {at + 1} never ends")
    return [*found, Token("end", "", len(expression))]


def _meaning(kind: str, text: str, at: int) -> str:
    if kind not in {"quoted", "string"}:
        return text

    def character(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPES:
            raise FhirPathError(
                f"FHIRPath: \\{match[2]} at character {at + match.start() + 2} is no escape; write \\\\ for \\"
            )
        return _ESCAPES[match[2]]

    meaning = _ESCAPE.sub(character, text[1:-1])
    if any("\ud800" <= one <= "\udfff" for one in meaning):
        return _paired(meaning, at)
    return meaning


def _paired(text: str, at: int) -> str:
    """Two escapes of a surrogate pair as the one character that they mean; an unpaired one is an error."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise FhirPathError(f"FHIRPath: the string at character {at + 1} holds half of a surrogate pair") from None
