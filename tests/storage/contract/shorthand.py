"""Short ways to say writes and trees, so that a test reads as its promise."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from fhir_server.model import Key, Version
from fhir_server.search.prose import content_words, narrative_words
from fhir_server.search.query import (
    EVERYTHING,
    UNRESTRICTED,
    Access,
    Compare,
    DateRange,
    Identifier,
    IndexEntry,
    Match,
    Near,
    Node,
    Number,
    Op,
    Page,
    Point,
    Prose,
    Quantity,
    Reference,
    SearchQuery,
    Sort,
    String,
    Text,
    Token,
    Total,
    Uri,
    Value,
)
from fhir_server.storage.base import Store, Transaction, Write

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def version(
    name: str, number: int = 1, *, body: bytes | None = b"{}", when: datetime = NOON, method: str = "PUT"
) -> Version:
    type_, _, id_ = name.partition("/")
    return Version(Key(type_, id_), str(number), when, body, method="DELETE" if body is None else method)


def write(name: str, *entries: IndexEntry, number: int = 1, when: datetime = NOON, body: bytes | None = None) -> Write:
    """Version `number` of the resource, following the one before it. Its body tells name and number."""
    text = body if body is not None else f'{{"resourceType":"{name}","n":{number}}}'.encode()
    return Write(version(name, number, body=text, when=when), entries, str(number - 1) if number > 1 else None)


def deletion(name: str, number: int, when: datetime = NOON) -> Write:
    return Write(version(name, number, body=None, when=when), (), str(number - 1))


async def save(store: Store, *writes: Write) -> None:
    """All writes in one transaction."""

    async def work(transaction: Transaction) -> None:
        await transaction.append(writes)

    await store.transact(UNRESTRICTED, work)


async def save_each(store: Store, *writes: Write) -> None:
    """Each write in a transaction of its own."""
    for each in writes:
        await save(store, each)


def key(name: str) -> Key:
    type_, _, id_ = name.partition("/")
    return Key(type_, id_)


def names(versions: Sequence[Version]) -> list[str]:
    return [str(version) for version in (each.key for each in versions)]


async def search(
    store: Store,
    type_: str | Sequence[str],
    where: Node = EVERYTHING,
    *,
    access: Access = UNRESTRICTED,
    sort: tuple[Sort, ...] = (),
    count: int = 100,
    after: str | None = None,
    total: Total = Total.NONE,
) -> Page:
    types = [type_] if isinstance(type_, str) else type_
    query = SearchQuery(dict.fromkeys(types, where), sort, count, after, total)
    return await store.reader(access).search(query)


async def ids(store: Store, type_: str, where: Node = EVERYTHING, *, access: Access = UNRESTRICTED) -> list[str]:
    """The ids of all matches, sorted."""
    page = await search(store, type_, where, access=access)
    return sorted(hit.version.key.id for hit in page.hits)


# ---- entries


def token(param: str, code: str, system: str = "") -> IndexEntry:
    return IndexEntry(param, Token(system, code))


def text(param: str, folded: str) -> IndexEntry:
    return IndexEntry(param, Text(folded))


def string(param: str, original: str) -> IndexEntry:
    return IndexEntry(param, String(original.lower(), original))


def reference(param: str, target: str) -> IndexEntry:
    type_, _, id_ = target.partition("/")
    return IndexEntry(param, Reference(type_, id_))


def link(param: str, url: str) -> IndexEntry:
    return IndexEntry(param, Reference(url=url))


def identifier(param: str, code: str, system: str = "") -> IndexEntry:
    return IndexEntry(param, Identifier(system, code))


def date(param: str, low: int, high: int) -> IndexEntry:
    return IndexEntry(param, DateRange(low, high))


def number(param: str, low: float, high: float | None = None) -> IndexEntry:
    return IndexEntry(param, Number(low, low if high is None else high))


def quantity(param: str, value: float, code: str = "", system: str = "", unit: str = "") -> IndexEntry:
    return IndexEntry(param, Quantity(value, value, system, code, unit))


def uri(param: str, value: str, version_: str = "") -> IndexEntry:
    return IndexEntry(param, Uri(value, version_))


def point(param: str, latitude: float, longitude: float) -> IndexEntry:
    return IndexEntry(param, Point(latitude, longitude))


def written(
    name: str, text: str = "", *, narrative: str = "", number: int = 1, more: Sequence[IndexEntry] = ()
) -> Write:
    """Version `number` of a Basic with a text in an extension and a narrative, its words among its entries."""
    tree: dict[str, Any] = {"resourceType": "Basic", "extension": [{"url": "http://x", "valueString": text}]}
    if narrative:
        tree["text"] = {
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(narrative)}</div>',
        }
    found = [("_content", content_words(tree)), ("_text", narrative_words(tree))]
    entries = [IndexEntry(param, Prose(words)) for param, words in found if words]
    return write(name, *entries, *more, number=number, body=json.dumps(tree, ensure_ascii=False).encode())


# ---- trees


def says(param: str, *wanted: str) -> Match:
    """Each of `wanted`: words, or a phrase where they begin with a quotation mark."""
    return Match(
        param,
        (
            tuple(
                Compare(Prose, "words", Op.CONTAINS if each.startswith('"') else Op.WORDS, each.strip('"'))
                for each in wanted
            ),
        ),
    )


def near(param: str, latitude: float, longitude: float, metres: float) -> Near:
    return Near(param, latitude, longitude, metres)


def where(param: str, kind: type[Value], *tests: tuple[str, Op, str | int | float]) -> Match:
    """One alternative."""
    return Match(param, (tuple(Compare(kind, field, op, value) for field, op, value in tests),))


def coded(param: str, code: str, system: str | None = None) -> Match:
    tests = [("code", Op.EQ, code)] if system is None else [("system", Op.EQ, system), ("code", Op.EQ, code)]
    return where(param, Token, *tests)


def either(*matches: Match) -> Match:
    """Commas: the alternatives of all."""
    return Match(matches[0].param, tuple(alternative for match in matches for alternative in match.anyof))


def refers(param: str, target: str) -> Match:
    type_, _, id_ = target.partition("/")
    return where(param, Reference, ("type", Op.EQ, type_), ("id", Op.EQ, id_))


def starts(param: str, prefix: str) -> Match:
    return where(param, String, ("folded", Op.STARTS, prefix))
