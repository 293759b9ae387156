"""How names are written that stand for numbers: resource types, systems, kinds of entries."""

from functools import lru_cache

from fhir_server.search.query import Value
from fhir_server.storage.sql.layout import Outline

TYPE, SYSTEM, ENTRY, OUTLINE, UNIT, CANONICAL = "type", "system", "entry", "outline", "unit", "canonical"


@lru_cache(maxsize=8)
def lines(texts: str) -> frozenset[str]:
    return frozenset(texts.split("\n"))


def entry_text(type_: str, param: str, kind: type[Value]) -> str:
    return f"{type_}.{param} {kind.__name__}"


def outline_of(number: int, text: str) -> Outline:
    entries = text.split()
    several = frozenset(int(entry[:-1]) for entry in entries if entry.endswith("+"))
    return Outline(number, frozenset(int(entry.rstrip("+")) for entry in entries), several)
