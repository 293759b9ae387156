"""What must be asked before a store can answer: members of value sets, concepts below others, parts of places and organizations.

http://hl7.org/fhir/R4/search.html#subsumption and http://hl7.org/fhir/R4/search.html#recursive
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from fhir_server.concepts import Concepts
from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest
from fhir_server.search.index import extract
from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    Contains,
    Has,
    InValueSet,
    Lineage,
    Match,
    Node,
    Not,
    Op,
    Or,
    Page,
    Placeholder,
    Reference,
    SearchQuery,
    SearchRequest,
    Subsumed,
    Token,
)
from fhir_server.search.tree import simple, unsettled
from fhir_server.search.types.token import folded

MAX_CODES = 100_000
"""Most codes that one value set or hierarchy may put into a search."""
MAX_FAMILY = 10_000
"""Most resources above or below another."""
PAGE = 1000


class Reader(Protocol):
    """What is needed of a store's reader."""

    async def read(self, key: Key) -> Version | None: ...

    async def read_many(self, keys: Iterable[Key]) -> list[Version]: ...

    async def search(self, query: SearchQuery) -> Page: ...

    @property
    def concepts(self) -> Concepts: ...


@dataclass(frozen=True, slots=True)
class Codes:
    """A set of concepts: (system, code) pairs, and code systems that belong to it as a whole."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    systems: frozenset[str] = field(default=frozenset())


class Terminology(Protocol):
    """What codes mean. `reader` shows the terminology resources that are stored, as far as the caller may see them.

    All raise BadRequest, which names what is not known here or cannot be listed.
    """

    async def members(self, value_set: str, reader: Reader) -> Codes:
        """The members of a value set: by its canonical (`url|version` too), or by its address on this server."""
        ...

    async def descendants(self, system: str, code: str, reader: Reader) -> Codes:
        """The concept and all that it subsumes. System "": in every code system that has the code."""
        ...

    async def ancestors(self, system: str, code: str, reader: Reader) -> Codes:
        """The concept and all that subsume it. System "": in every code system that has the code."""
        ...


async def settled(request: SearchRequest, reader: Reader, terminology: Terminology, base: str = "") -> SearchRequest:
    """The request without placeholders: what a store can answer. Raises BadRequest, which names the parameter."""
    if not request.unsettled:
        return request
    known: dict[Placeholder, Node] = {}
    where = {type_: await settle(node, reader, terminology, base, known) for type_, node in request.query.where.items()}
    return replace(request, query=replace(request.query, where=where), unsettled=False)


async def settle(
    node: Node,
    reader: Reader,
    terminology: Terminology,
    base: str = "",
    known: dict[Placeholder, Node] | None = None,
) -> Node:
    """The tree without placeholders. `base`: this server's base URL; `known`: answers from trees settled before, added to.

    Raises BadRequest, which names the parameter: an unknown value set or code system, or too many of what is meant.
    """
    if not unsettled(node):
        return node
    known = {} if known is None else known
    for placeholder in placeholders(node):
        if placeholder not in known:
            known[placeholder] = await _answer(placeholder, reader, terminology, base)
    return simple(_replaced(node, known))


def placeholders(node: Node) -> list[Placeholder]:
    """Those of a tree, in order; one may come twice."""
    match node:
        case InValueSet() | Subsumed() | Lineage():
            return [node]
        case And(of) | Or(of):
            return [found for one in of for found in placeholders(one)]
        case Not(of):
            return placeholders(of)
        case Chain(where=where) | Has(where=where) | Contains(where=where):
            return placeholders(where)
        case _:
            return []


def _replaced(node: Node, known: Mapping[Placeholder, Node]) -> Node:
    match node:
        case InValueSet() | Subsumed() | Lineage():
            return known[node]
        case And(of):
            return And(tuple(_replaced(one, known) for one in of))
        case Or(of):
            return Or(tuple(_replaced(one, known) for one in of))
        case Not(of):
            return Not(_replaced(of, known))
        case Chain(param, target, where):
            return Chain(param, target, _replaced(where, known))
        case Has(source, param, where):
            return Has(source, param, _replaced(where, known))
        case Contains(type_, where):
            return Contains(type_, _replaced(where, known))
        case _:
            return node


async def _answer(asked: Placeholder, reader: Reader, terminology: Terminology, base: str) -> Node:
    try:
        match asked:
            case InValueSet(param, url):
                return _tokens(param, await terminology.members(url, reader))
            case Subsumed(param, system, code, above):
                related = terminology.ancestors if above else terminology.descendants
                return _tokens(param, await related(system, code, reader))
            case Lineage():
                family = await _family(asked, reader, base)
                return Match(asked.param, tuple(_same(asked.type, id_) for id_ in sorted(family)))
    except BadRequest as error:
        text, code = str(error), error.issues[0].code
        raise BadRequest(f"{asked.name}: {text}", code=code, expression=f"http.{asked.name}") from error


def _tokens(param: str, codes: Codes) -> Node:
    if len(codes.pairs) > MAX_CODES:
        raise BadRequest(f"more than {MAX_CODES} codes are meant", code="too-costly")
    whole = tuple((Compare(Token, "system", Op.EQ, system),) for system in sorted(codes.systems))
    rest = sorted(pair for pair in codes.pairs if pair[0] not in codes.systems)
    pairs = tuple(
        (Compare(Token, "system", Op.EQ, system), Compare(Token, "code", Op.EQ, folded(system, code)))
        for system, code in rest
    )
    return Or((Match(param, whole), Match(param, pairs)))


def _same(type_: str, id_: str) -> tuple[Compare, ...]:
    return (Compare(Reference, "type", Op.EQ, type_), Compare(Reference, "id", Op.EQ, id_))


async def _family(asked: Lineage, reader: Reader, base: str) -> set[str]:
    """The ids of the resource itself and of all above or below it. Raises BadRequest where these are too many."""
    step: Callable[[Lineage, set[str], Reader, str], Awaitable[set[str]]] = _wholes if asked.above else _parts
    family = fresh = {asked.id}
    while fresh:
        fresh = await step(asked, fresh, reader, base) - family
        family = family | fresh
        if len(family) > MAX_FAMILY:
            raise BadRequest(f"more than {MAX_FAMILY} resources are meant", code="too-costly")
    return family


async def _parts(asked: Lineage, ids: set[str], reader: Reader, _base: str) -> set[str]:
    """The ids of what says that it is part of one of `ids`."""
    where: dict[str, Node] = {asked.type: Match(asked.by, tuple(_same(asked.type, id_) for id_ in sorted(ids)))}
    found: set[str] = set()
    after: str | None = None
    while True:
        page = await reader.search(SearchQuery(where, count=PAGE, after=after))
        found |= {hit.version.key.id for hit in page.hits}
        if page.next is None or len(found) > MAX_FAMILY:
            return found
        after = page.next


async def _wholes(asked: Lineage, ids: set[str], reader: Reader, base: str) -> set[str]:
    """The ids of what those of `ids` say that they are part of."""
    versions = await reader.read_many([Key(asked.type, id_) for id_ in sorted(ids)])
    values = [e.value for v in versions for e in extract(v.resource, base) if e.param == asked.by]
    return {v.id for v in values if isinstance(v, Reference) and v.type == asked.type}
