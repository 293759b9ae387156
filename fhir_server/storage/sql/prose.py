"""Words of resources: `_text` and `_content` on a full-text index.

http://hl7.org/fhir/R4/search.html#content, https://www.sqlite.org/fts5.html

The index `prose` has up to two documents for each resource, numbered from its rid: all its texts (`_content`) and its narrative
(`_text`). It knows which words stand in a document and nothing more: 37 bytes for a resource, half of what places in the text
would take. What stands one after another is looked up in the resource itself, once its words are known to be there.
Each document begins with a word that no text has, made of its entry number, so that a search is within one resource type.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_server.search.query import And, Chain, Compare, Has, Match, Node, Not, Op, Or, Prose, Sort
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import NARRATIVE
from fhir_server.storage.sql.resource import Conditions, Resource
from fhir_server.storage.sql.text import FALSE, Sql, all_of, any_of

MARK = "\ue000"
"""Stands in no folded text: private use."""

_WORD = re.compile("[0-9A-Za-z\x80-\U0010ffff]+")
"""What the index takes for a word: it splits at all other characters."""


class Ranked(Sort, frozen=True):
    """The rule to sort by how well the words match, with the weights that this takes: `of` each type, and as page links carry them."""

    weights: str = ""
    of: tuple[tuple[str, str], ...] = ()


class Sought(NamedTuple):
    """What one alternative asks for: `words` (begun ones end in *), and `phrases` of words that follow one another."""

    words: tuple[str, ...]
    phrases: tuple[str, ...]


def document(rid: int, param: str) -> int:
    """The number of a resource's document for `_text` or `_content`."""
    return 2 * rid + (param == NARRATIVE)


def marked(entry: int, words: str) -> str:
    """The text of a document."""
    return f"{MARK}{entry} {words}"


def sought(compares: Sequence[Compare]) -> Sought:
    words, phrases = [], []
    for compare in compares:
        text = str(compare.value)
        if compare.op is Op.CONTAINS:
            found = _WORD.findall(text.lower())
            if len(found) > 1:
                phrases.append(" ".join(found))
            words += found
        else:
            for word in text.lower().split():
                found = _WORD.findall(word)
                words += found[:-1] + [each + "*" if word.endswith("*") else each for each in found[-1:]]
    return Sought(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(phrases)))


def holds(tree: Conditions, node: Match, type_: str, resource: Resource) -> Sql:
    """The condition that the words of the resource are as one alternative asks."""
    entry = tree.names.of_entry(type_, node.param, Prose)
    if entry is None:
        return FALSE
    narrative = int(node.param == NARRATIVE)
    return any_of([_holds(tree.dialect, entry, narrative, sought(compares), resource) for compares in node.anyof])


def _holds(dialect: Dialect, entry: int, narrative: int, found: Sought, resource: Resource) -> Sql:
    said = [
        dialect.says(resource, narrative, phrase)
        for phrase in (*found.phrases, *(found.words if resource.image else ()))
    ]
    if resource.image:
        there = Sql(dialect.has(resource.column("entries")), (dialect.place(entry),))
    else:
        words = dialect.found(entry, found.words)
        there = Sql(
            f"EXISTS (SELECT 1 FROM prose WHERE {words.text} AND prose.rowid = {resource.rid} * 2 + ?)",
            (*words.args, narrative),
        )
    return all_of([there, *said])


def rids(tree: Conditions, node: Match, type_: str) -> tuple[list[Sql], bool]:
    """For each alternative a statement of the resources that have its words; False where they may not follow one another."""
    entry = tree.names.of_entry(type_, node.param, Prose)
    if entry is None:
        return [], True
    alternatives = [sought(compares) for compares in node.anyof]
    return [
        Sql("SELECT rowid >> 1 AS rid FROM prose WHERE ") + tree.dialect.found(entry, found.words)
        for found in alternatives
    ], not any(found.phrases for found in alternatives)


def looked_for(node: Node) -> Iterator[Match]:
    """The parts of a tree that ask the resource itself for words, and that it may have fulfilled."""
    if isinstance(node, Match):
        if node.anyof and node.anyof[0][0].kind is Prose:
            yield node
    elif isinstance(node, And | Or):
        for each in node.of:
            yield from looked_for(each)


def of_words(node: Node) -> bool:
    """Whether words are looked for anywhere in the tree."""
    match node:
        case Match():
            return any(looked_for(node))
        case And(of) | Or(of):
            return any(of_words(each) for each in of)
        case Not(each):
            return of_words(each)
        case Chain() | Has():
            return of_words(node.where)
        case _:
            return False
