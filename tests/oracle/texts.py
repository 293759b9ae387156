"""What a string parameter compares with, and how texts are folded for it.

http://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from functools import lru_cache

from tests.oracle.paths import Node, children

JOINED = "'`\u00b4\u02b9\u02bb\u02bc\u2018\u2019\u2032."
"""Apostrophes and the full stop: O'Brien is OBrien, St. is St."""
LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """Without case, accents, punctuation and runs of white space: O'Brien is obrien, Smith-Jones is smith jones."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    kept = "".join(LETTERS.get(letter, letter) for letter in decomposed if letter not in JOINED and not _accent(letter))
    letters = "".join(
        letter if unicodedata.category(letter)[0] in "LNMS" and not _punctuation(letter) else " " for letter in kept
    )
    return " ".join(letters.split()) or " ".join(text.lower().split())


def _accent(letter: str) -> bool:
    """Marks on a letter; vowels of Devanagari and the like are letters of their script."""
    return (
        unicodedata.category(letter) == "Mn" and unicodedata.combining(letter) not in {0, 7, 8, 9} and letter < "\u0900"
    )


def _punctuation(letter: str) -> bool:
    """ASCII's symbols ($ + < = > ^ | ~ and the backquote) count as punctuation."""
    return letter.isascii() and not letter.isalnum()


def strings(node: Node) -> list[str]:
    """The texts that a string parameter compares with, whole."""
    parts = {
        "HumanName": ("text", "family", "given", "prefix", "suffix"),
        "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
    }.get(node.type)
    if parts:
        return [part.value for name in parts for part in children(node, name)]
    if node.type == "Extension":
        return [text for value in children(node, "value") for text in strings(value)]
    return [node.value] if isinstance(node.value, str) else []


def family_words(node: Node) -> list[str]:
    """What a family name is found by besides the whole: from each later word of it on ("Quinones", of "Carreno Quinones")."""
    families = [part.value for part in children(node, "family")] if node.type == "HumanName" else []
    families += [node.value] if node.path.endswith("HumanName.family") else []
    found = []
    for family in families:
        words = folded(family).split()
        found += [" ".join(words[start:]) for start in range(1, len(words))]
    return found
