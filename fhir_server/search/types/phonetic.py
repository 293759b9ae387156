"""Strings by their sound: the parameter `phonetic` of people and organizations.

http://hl7.org/fhir/R4/patient.html#search

R4 leaves the algorithm to the server. Metaphone is here: it writes down how a word sounds in English, tells a first letter's
sound and not its shape (Catherine, Kathryn), and has no reach for chance likeness as Soundex has. A word that it has no
sound for, as those of other scripts, stands for itself.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jellyfish import metaphone

from fhir_server.search.folding import fold
from fhir_server.search.query import And, Compare, IndexEntry, Match, Node, Op, Or, Token
from fhir_server.search.types.reading import unescape
from fhir_server.search.types.string import NAME_PARTS

Add = Callable[[IndexEntry], None]

MAX_WORD = 64
CACHED_LENGTH = 64
"""Longer texts are rarely met twice."""


def text(add: Add, param: str, value: str, group: int) -> None:
    """Each word of it."""
    for sound in sounds(value):
        add(IndexEntry(param, sound, group))


def human_name(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """Each word of a HumanName."""
    for part in ("family", "text"):
        if (name := value.get(part)) is not None:
            text(add, param, name, group)
    for part in NAME_PARTS:
        for name in value.get(part, ()):
            if name is not None:
                text(add, param, name, group)


CONVERTERS: Mapping[str, Callable[..., None]] = {"string": text, "HumanName": human_name}


def sounds(value: str) -> tuple[Token, ...]:
    """The sound of each word."""
    return _sounds(value) if len(value) <= CACHED_LENGTH else _of_words(value)


def _of_words(value: str) -> tuple[Token, ...]:
    return tuple(Token("", _sound(word[:MAX_WORD])) for word in fold(value).split())


_sounds = lru_cache(maxsize=32_768)(_of_words)


def _sound(word: str) -> str:
    return (metaphone(word) if word.isascii() else "") or word


def alike(param: str, value: str) -> Node:
    """Each word of the value sounds like one of the resource's."""
    found = dict.fromkeys(sounds(unescape(value)))
    matches = tuple(Match(param, ((Compare(Token, "code", Op.EQ, sound.code),),)) for sound in found)
    return And(matches) if matches else Or(())
