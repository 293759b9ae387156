"""How texts are compared: without case, accents, punctuation and runs of white space.

http://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from functools import lru_cache

_CACHED_LENGTH = 64
"""Longer texts are rarely met twice."""

_JOINED = "'`´ʹʻʼ‘’′."  # noqa: RUF001 - O'Brien is OBrien, St. is St
_STROKES = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}  # noqa: RUF001

_ASCII = str.maketrans(
    {c: ("" if chr(c) in _JOINED else " ") for c in range(128) if not chr(c).isalnum()}
    | {c: chr(c).lower() for c in range(65, 91)}
)
_JOINED_BYTES = "".join(c for c in _JOINED if c.isascii()).encode()
_ASCII_BYTES = bytes(ord(_ASCII.get(c) or chr(c)) for c in range(128)) + bytes(128)  # a tenth of str.translate's time


def fold(text: str) -> str:
    """`text` as strings are compared; of a text that is nothing but punctuation the text itself. Idempotent.

    Accents and other marks that sit on a letter go; marks that are letters of their script (Devanagari's vowels) stay.
    Apostrophes and full stops go, other punctuation becomes a space. Compatible forms (ﬁ, ２) become the plain ones.
    """  # noqa: RUF002
    if len(text) > _CACHED_LENGTH:
        return _fold(text)
    return _remembered(text)


def words(text: str) -> str:
    """The words of `text` as `fold` makes them, one space between them; "" where there is nothing but punctuation."""
    if text.isascii():
        return " ".join(text.encode().translate(_ASCII_BYTES, _JOINED_BYTES).decode().split())
    return " ".join(_general(text).split())


def _fold(text: str) -> str:
    return words(text) or " ".join(text.lower().split())


_remembered = lru_cache(maxsize=32_768)(_fold)


def _general(text: str) -> str:
    """NFKD twice, because folding the case of some letters makes new ones that decompose."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    return "".join(_plain(c) for c in plain)


@lru_cache(maxsize=8192)
def _plain(c: str) -> str:
    if c.isascii():
        return c.translate(_ASCII)
    if c in _STROKES:
        return _STROKES[c]
    if c in _JOINED or _accent(c):
        return ""
    category = unicodedata.category(c)
    return c if category[0] in "LNMS" else " "


def _accent(c: str) -> bool:
    """A mark that sits on a letter without being one: Latin, Greek, Cyrillic, Hebrew and Arabic points."""
    return unicodedata.combining(c) != 0 and (
        "\u0300" <= c <= "\u036f"
        or "\u0483" <= c <= "\u0487"
        or "\u0591" <= c <= "\u05c7"
        or "\u0610" <= c <= "\u061a"
        or "\u064b" <= c <= "\u065f"
        or c == "\u0670"
        or "\u06d6" <= c <= "\u06ed"
        or "\u1ab0" <= c <= "\u1aff"
        or "\u1dc0" <= c <= "\u1dff"
        or "\u20d0" <= c <= "\u20ff"
        or "\ufe20" <= c <= "\ufe2f"
    )
