"""How well a text matches the words that were looked for: the score of a search entry, 0 to 1.

http://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search.score

Okapi BM25, as a share of the most that any text could have for these words: so it needs no look at the other matches, is the
same on every page, and compares texts of one search. Rare words count more, repeated ones less each time, long texts less.
"""

from collections.abc import Mapping
from math import log

SATURATION = 1.2
LENGTH = 0.75
USUAL_LENGTH = 50  # words


def rarity(having: int, all_: int) -> float:
    """The weight of a word that stands in `having` of all texts."""
    return log(1 + (max(all_, having) - having + 0.5) / (having + 0.5))


def relevance(text: str, weights: Mapping[str, float]) -> float:
    """What a text of folded words has of the sum of the weights of words; one that ends in * begins words."""
    size = text.count(" ") + 1 if text else 0
    padded = f" {text} ".replace(" ", "  ")
    scale = SATURATION * (1 - LENGTH + LENGTH * size / USUAL_LENGTH)
    total = 0.0
    for word, weight in weights.items():
        found = padded.count(f" {word[:-1]}" if word.endswith("*") else f" {word} ")
        total += weight * found / (found + scale) if found else 0.0
    return total
