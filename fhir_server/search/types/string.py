"""String search parameters: which entries a text gives, and what a search value compares with.

http://hl7.org/fhir/R4/search.html#string
"""

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.search.folding import fold
from fhir_server.search.query import Compare, IndexEntry, Op, String
from fhir_server.search.types.reading import Alternatives, Reading, unescape

Add = Callable[[IndexEntry], None]

OPS: Mapping[str, Op] = {"contains": Op.CONTAINS, "text": Op.WORDS}
NAME_PARTS = ("given", "prefix", "suffix")
ADDRESS_PARTS = ("text", "city", "district", "state", "postalCode", "country")
MODIFIERS = frozenset({"exact", "contains", "text"})


def text(add: Add, param: str, value: str, group: int) -> None:
    add(IndexEntry(param, String(fold(value), value), group))


def family(add: Add, param: str, value: str, group: int) -> None:
    """A family name, and each later word of it by itself: "Quinones" finds "Carreno Quinones"."""
    folded = fold(value)
    add(IndexEntry(param, String(folded, value), group))
    while " " in folded:
        folded = folded.partition(" ")[2]
        add(IndexEntry(param, String(folded, ""), group))


def human_name(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """Every string of a HumanName."""
    if (name := value.get("family")) is not None:
        family(add, param, name, group)
    for part in NAME_PARTS:
        for name in value.get(part, ()):
            if name is not None:
                add(IndexEntry(param, String(fold(name), name), group))
    if (name := value.get("text")) is not None:
        add(IndexEntry(param, String(fold(name), name), group))


def address(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """Every string of an Address."""
    for line in value.get("line", ()):
        if line is not None:
            add(IndexEntry(param, String(fold(line), line), group))
    for part in ADDRESS_PARTS:
        if (piece := value.get(part)) is not None:
            add(IndexEntry(param, String(fold(piece), piece), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "string": text,
    "markdown": text,
    "HumanName": human_name,
    "Address": address,
}
SPECIAL: Mapping[str, Callable[..., None]] = {"HumanName.family": family}
"""Converters of single elements, by their definition's path."""


def alternatives(value: str, modifier: str, _reading: Reading) -> Alternatives:
    """What an entry must hold: starts with the value; `:contains` has it anywhere; `:exact` is it, letter for letter;
    `:text`: each word of the value begins one of its words.
    """
    plain = unescape(value)
    if modifier == "exact":
        return ((Compare(String, "folded", Op.EQ, fold(plain)), Compare(String, "original", Op.EQ, plain)),)
    op = OPS.get(modifier, Op.STARTS)
    return ((Compare(String, "folded", op, fold(plain)),),)
