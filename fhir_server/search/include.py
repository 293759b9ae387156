"""_include and _revinclude: what is sent along with the matches of a search.

http://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fhir_server.model import Key, Version
from fhir_server.search.index import extract
from fhir_server.search.parameters import Parameter, parameters
from fhir_server.search.query import (
    Compare,
    Include,
    Match,
    Node,
    Op,
    Or,
    Page,
    Reference,
    SearchQuery,
    SearchRequest,
    Uri,
)

MAX_ROUNDS = 3
"""How often `:iterate` goes on from what the round before has found."""


class Reader(Protocol):
    """What is needed of a store's reader."""

    async def read_many(self, keys: Iterable[Key]) -> list[Version]: ...

    async def vread(self, key: Key, version_id: str) -> Version | None: ...

    async def search(self, query: SearchQuery) -> Page: ...


@dataclass(slots=True)
class _Wanted:
    """What the forward includes of one round point to."""

    keys: dict[Key, None] = field(default_factory=dict)
    versions: dict[tuple[Key, str], None] = field(default_factory=dict)
    canonicals: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)


async def follow(
    reader: Reader, request: SearchRequest, matches: Sequence[Version], limit: int, base: str = ""
) -> list[Version]:
    """What the request's includes add to `matches`: each version once, none that is a match, at most `limit`.

    References that lead nowhere, or to what the reader does not show, add nothing. A reference to a version brings that
    version. `:iterate` also starts from what was included, in MAX_ROUNDS rounds. `base`: this server's base URL.
    """
    known = {(match.key, match.version_id) for match in matches}
    included: list[Version] = []
    fresh: Sequence[Version] = matches
    for round_ in range(MAX_ROUNDS + 1):
        rules = [rule for rule in request.include if round_ == 0 or rule.iterate]
        if not rules or not fresh or len(included) >= limit:
            break
        found: list[Version] = []
        async for version in _round(reader, rules, fresh, limit - len(included), base):
            if (version.key, version.version_id) not in known and not version.deleted:
                known.add((version.key, version.version_id))
                found.append(version)
        fresh = found[: limit - len(included)]
        included += fresh
    return included


async def _round(
    reader: Reader, rules: Sequence[Include], fresh: Sequence[Version], room: int, base: str
) -> AsyncIterator[Version]:
    """What the rules lead to from `fresh`; some of it may be known already."""
    wanted = _Wanted()
    forward = [rule for rule in rules if not rule.reverse]
    if forward:
        for version in fresh:
            _point(wanted, forward, version, base)
    if wanted.keys:
        for version in await reader.read_many(wanted.keys):
            yield version
    for key, version_id in wanted.versions:
        found = await reader.vread(key, version_id)
        if found is not None:
            yield found
    if wanted.canonicals:
        for version in await _by_canonical(reader, wanted, room):
            yield version
    for rule in rules:
        where = _referring(rule, fresh) if rule.reverse else None
        if where is not None:
            # as many again as there are to start from: those may be what refers, and are known
            page = await reader.search(SearchQuery({rule.source: where}, count=room + len(fresh)))
            for hit in page.hits:
                yield hit.version


def _point(wanted: _Wanted, rules: Sequence[Include], version: Version, base: str) -> None:
    """Adds what the version's references, as far as the rules follow them, point to."""
    type_ = version.key.type
    followed = [pair for rule in rules if rule.source in ("*", type_) for pair in _followed(rule, type_)]
    if not followed:
        return
    for entry in extract(version.resource, base):
        value = entry.value
        if not isinstance(value, Reference):
            continue
        for parameter, target in followed:
            if entry.param in parameter.stored:
                _want(wanted, value, parameter, target)


def _followed(rule: Include, type_: str) -> Iterator[tuple[Parameter, str | None]]:
    """The parameters that a rule follows from a type, with the one target type that is wanted, if only one is."""
    for parameter in parameters(type_).values():
        if parameter.type == "reference" and rule.param in ("*", parameter.code):
            yield parameter, rule.target or parameter.target


def _want(wanted: _Wanted, reference: Reference, parameter: Parameter, target: str | None) -> None:
    if reference.type:
        if target in (None, reference.type):
            key = Key(reference.type, reference.id)
            if reference.version:
                wanted.versions[key, reference.version] = None
            else:
                wanted.keys[key] = None
    elif "canonical" in parameter.types:
        types = (target,) if target else parameter.targets
        wanted.canonicals.setdefault((reference.url, reference.version), {}).update(dict.fromkeys(types))


async def _by_canonical(reader: Reader, wanted: _Wanted, room: int) -> list[Version]:
    """The resources with those canonical URLs and, where one is named, that business version."""
    urls: dict[str, list[tuple[Compare, ...]]] = {}
    for (url, _), types in wanted.canonicals.items():
        for type_ in types:
            if "url" in parameters(type_):
                urls.setdefault(type_, []).append((Compare(Uri, "value", Op.EQ, url),))
    if not urls:
        return []
    where: dict[str, Node] = {type_: Match("url", tuple(anyof)) for type_, anyof in urls.items()}
    page = await reader.search(SearchQuery(where, count=room))
    found = [hit.version for hit in page.hits]
    return [
        v
        for v in found
        if {(v.resource["url"], ""), (v.resource["url"], v.resource.get("version"))} & wanted.canonicals.keys()
    ]


def _referring(rule: Include, fresh: Sequence[Version]) -> Node | None:
    """The tree of what refers to one of `fresh` by the rule's parameter; None where none of them can be referred to so."""
    nodes: list[Node] = []
    for parameter in parameters(rule.source).values():
        if parameter.type != "reference" or rule.param not in ("*", parameter.code):
            continue
        allowed = {rule.target} if rule.target else {parameter.target} if parameter.target else set(parameter.targets)
        anyof = tuple(alternative for v in fresh if v.key.type in allowed for alternative in _names(v, parameter))
        if anyof:
            nodes += [Match(code, anyof) for code in parameter.stored]
    nodes = list(dict.fromkeys(nodes))
    return None if not nodes else nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _names(version: Version, parameter: Parameter) -> Iterator[tuple[Compare, ...]]:
    """What a reference to the resource says: its type and id, or its canonical URL without or with its business version."""
    if "Reference" in parameter.types:
        key = version.key
        yield (Compare(Reference, "type", Op.EQ, key.type), Compare(Reference, "id", Op.EQ, key.id))
    url = version.resource.get("url") if "canonical" in parameter.types else None
    if url is not None:
        for business in dict.fromkeys(("", version.resource.get("version", ""))):
            yield (Compare(Reference, "url", Op.EQ, url), Compare(Reference, "version", Op.EQ, business))
