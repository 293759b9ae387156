"""_include and _revinclude: what is sent along with the matches of a search.

http://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fhir_server.definitions import definitions
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

MAX_ROUNDS = 20
"""How often `:iterate` goes on from what the round before has found."""


class Reader(Protocol):
    """What is needed of a store's reader."""

    async def read_many(self, keys: Iterable[Key]) -> list[Version]: ...

    async def vread(self, key: Key, version_id: str) -> Version | None: ...

    async def search(self, query: SearchQuery) -> Page: ...


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What is sent along, and what is not: rules of which `cut` left something out because there would be too much, and
    rules that would have gone on beyond MAX_ROUNDS (`deeper`).
    """

    versions: tuple[Version, ...] = ()
    cut: tuple[Include, ...] = ()
    deeper: tuple[Include, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """What the forward includes of one round point to, each with the rule that asked for it first."""

    keys: dict[Key, Include] = field(default_factory=dict)
    versions: dict[tuple[Key, str], Include] = field(default_factory=dict)
    canonicals: dict[tuple[str, str], dict[str, Include]] = field(default_factory=dict)


@dataclass(slots=True)
class _Gathering:
    """What has been found so far: `known` are matches and includes, by which nothing comes twice."""

    reader: Reader
    limit: int
    base: str
    known: set[tuple[Key, str]]
    included: list[Version] = field(default_factory=list)
    cut: dict[Include, None] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return self.limit - len(self.included)

    def add(self, rule: Include, version: Version) -> None:
        """Includes a version, unless it is known or there is no room left for it."""
        place = version.key, version.version_id
        if place in self.known or version.deleted:
            return
        if self.room > 0:
            self.known.add(place)
            self.included.append(version)
        else:
            self.cut[rule] = None

    async def search(self, rules: Iterable[Include], where: dict[str, Node]) -> list[Version]:
        """As many as there is room for, and one more: those that are known already may be among them."""
        known = sum(1 for key, _ in self.known if key.type in where)
        page = await self.reader.search(SearchQuery(where, count=self.room + known + 1))
        if page.next is not None:
            self.cut |= dict.fromkeys(rules)
        return [hit.version for hit in page.hits]


async def follow(
    reader: Reader, request: SearchRequest, matches: Sequence[Version], limit: int, base: str = ""
) -> Inclusion:
    """What the request's includes add to `matches`: each version once, none that is a match, at most `limit`.

    References that lead nowhere, or to what the reader does not show, add nothing. A reference to a version brings that
    version. `:iterate` also starts from what was included, until there is nothing new. `base`: this server's base URL.
    """
    gathering = _Gathering(reader, limit, base, {(match.key, match.version_id) for match in matches})
    fresh: Sequence[Version] = matches
    rules: Sequence[Include] = request.include
    again = [rule for rule in rules if rule.iterate]
    for _ in range(MAX_ROUNDS + 1):
        before = len(gathering.included)
        await _round(gathering, rules, fresh)
        fresh, rules = gathering.included[before:], again
        if not (fresh and rules):
            break
    deeper = tuple(again) if fresh and not gathering.cut else ()
    return Inclusion(tuple(gathering.included), tuple(gathering.cut), deeper)


async def _round(gathering: _Gathering, rules: Sequence[Include], fresh: Sequence[Version]) -> None:
    """Includes what the rules lead to from `fresh`."""
    wanted = _Wanted()
    forward = [rule for rule in rules if not rule.reverse]
    if forward:
        for version in fresh:
            _point(wanted, forward, version, gathering.base)
    if wanted.keys:
        found = {version.key: version for version in await gathering.reader.read_many(wanted.keys)}
        for key, rule in wanted.keys.items():
            if key in found:
                gathering.add(rule, found[key])
    for (key, version_id), rule in wanted.versions.items():
        past = await gathering.reader.vread(key, version_id)
        if past is not None:
            gathering.add(rule, past)
    if wanted.canonicals:
        await _by_canonical(gathering, wanted)
    for rule in rules:
        if rule.reverse:
            for source in definitions().resource_types if rule.source == "*" else (rule.source,):
                where = _referring(rule, source, fresh)
                if where is not None:
                    for version in await gathering.search((rule,), {source: where}):
                        gathering.add(rule, version)


def _point(wanted: _Wanted, rules: Sequence[Include], version: Version, base: str) -> None:
    """Adds what the version's references, as far as the rules follow them, point to."""
    type_ = version.key.type
    followed = [(rule, *pair) for rule in rules if rule.source in ("*", type_) for pair in _followed(rule, type_)]
    if not followed:
        return
    for entry in extract(version.resource, base):
        value = entry.value
        if not isinstance(value, Reference):
            continue
        for rule, parameter, target in followed:
            if entry.param in parameter.stored:
                _want(wanted, value, rule, parameter, target)


def _followed(rule: Include, type_: str) -> Iterator[tuple[Parameter, str | None]]:
    """The parameters that a rule follows from a type, with the one target type that is wanted, if only one is."""
    for parameter in parameters(type_).values():
        if parameter.usage == "reference" and rule.param in ("*", parameter.code):
            yield parameter, rule.target or parameter.target


def _want(wanted: _Wanted, reference: Reference, rule: Include, parameter: Parameter, target: str | None) -> None:
    if reference.type:
        if target in (None, reference.type):
            key = Key(reference.type, reference.id)
            if reference.version:
                wanted.versions.setdefault((key, reference.version), rule)
            else:
                wanted.keys.setdefault(key, rule)
    elif "canonical" in parameter.types:
        types = (target,) if target else parameter.targets
        wanted.canonicals.setdefault((reference.url, reference.version), {}).update(dict.fromkeys(types, rule))


async def _by_canonical(gathering: _Gathering, wanted: _Wanted) -> None:
    """Includes the resources with those canonical URLs and, where one is named, that business version."""
    urls: dict[str, list[tuple[Compare, ...]]] = {}
    rules: dict[Include, None] = {}
    for (url, _), types in wanted.canonicals.items():
        for type_, rule in types.items():
            if "url" in parameters(type_):
                urls.setdefault(type_, []).append((Compare(Uri, "value", Op.EQ, url),))
                rules[rule] = None
    if not urls:
        return
    where: dict[str, Node] = {type_: Match("url", tuple(anyof)) for type_, anyof in urls.items()}
    for version in await gathering.search(rules, where):
        resource = version.resource
        for place in ((resource["url"], ""), (resource["url"], resource.get("version", ""))):
            if version.key.type in wanted.canonicals.get(place, {}):
                gathering.add(wanted.canonicals[place][version.key.type], version)


def _referring(rule: Include, source: str, fresh: Sequence[Version]) -> Node | None:
    """The tree of what refers to one of `fresh` by the rule's parameter; None where none of them can be referred to so."""
    nodes: list[Node] = []
    for parameter in parameters(source).values():
        if parameter.usage != "reference" or rule.param not in ("*", parameter.code):
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
