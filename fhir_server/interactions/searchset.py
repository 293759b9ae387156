"""A searchset: what matched, what is sent along, and what there is to say about the search, as entries of a Bundle.

http://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fhir_server import bundle
from fhir_server.context import Context
from fhir_server.formats import json
from fhir_server.interactions.subset import subset
from fhir_server.outcome import Issue, outcome
from fhir_server.search.include import MAX_ROUNDS, Inclusion, follow
from fhir_server.search.query import NOTHING, And, Contains, Hit, Ids, Node, Or, Page, SearchQuery, SearchRequest
from fhir_server.search.registry import registry


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a page, what they include, and (with `_contained=both`) the ids of those that match by themselves, by type."""

    page: Page
    included: Inclusion
    own: frozenset[str] = frozenset()


async def gather(ctx: Context, asked: SearchRequest, page: Page) -> Found:
    """The page with what must be looked up besides."""
    included = Inclusion()
    if asked.include and page.hits:
        matches = [hit.version for hit in page.hits]
        included = await follow(ctx.reader, asked, matches, ctx.settings.max_includes, ctx.server.base_url)
    return Found(page, included, await _own(ctx, asked, page))


async def _own(ctx: Context, asked: SearchRequest, page: Page) -> frozenset[str]:
    """The keys of hits that hold a contained match and match by themselves as well."""
    if asked.contained != "both" or asked.contained_type != "contained":
        return frozenset()
    doubtful: dict[str, list[str]] = {}
    for hit in page.hits:
        if hit.contained:
            doubtful.setdefault(hit.version.key.type, []).append(hit.version.key.id)
    where: dict[str, Node] = {}
    for type_, ids in doubtful.items():
        tree = _outside(asked.query.where[type_])
        if tree != NOTHING:
            where[type_] = And((tree, Ids(tuple(ids))))
    if not where:
        return frozenset()
    found = await ctx.reader.search(SearchQuery(where, count=len(page.hits)))
    return frozenset(str(hit.version.key) for hit in found.hits)


def _outside(node: Node) -> Node:
    """The tree without what is about contained resources."""
    match node:
        case Contains():
            return NOTHING
        case Or(of):
            return Or(tuple(each for each in of if not isinstance(each, Contains)))
        case _:
            return node


def entries(ctx: Context, asked: SearchRequest, found: Found) -> Iterator[bytes]:
    """The matches in their order, then what is included, then remarks about the search."""
    base = ctx.server.base_url
    for hit in found.page.hits:
        for key, body in _matches(asked, hit, found.own):
            yield bundle.found(base, key, _part(asked, body), "match", hit.score, hit.distance)
    for version in found.included.versions:
        body = version.body or b""
        yield bundle.found(base, str(version.key), subset(body, asked.summary), "include")
    issues = [
        *_remarks(asked),
        *_left_out(found.included, ctx.settings.max_includes),
        *_touched(found.page),
        *_behind(),
    ]
    if issues:
        yield bundle.remark(json.dumps(outcome(issues)))


def _matches(asked: SearchRequest, hit: Hit, own: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """(key, body) of a hit: the resource itself, or with `_containedType=contained` those in it that matched, each under
    the key of its container with its id as fragment.
    """
    key, body = str(hit.version.key), hit.version.body or b""
    if not hit.contained or asked.contained_type != "contained":
        yield key, body
        return
    if key in own:
        yield key, body
    for one in hit.version.exact().get("contained", ()):
        if one.get("id") in hit.contained:
            yield f"{key}#{one['id']}", json.dumps(one)


def _part(asked: SearchRequest, body: bytes) -> bytes:
    return subset(body, asked.summary, asked.elements)


def _remarks(asked: SearchRequest) -> Iterator[Issue]:
    for name, reason in asked.ignored:
        yield Issue("not-supported", f"{name} was passed over: {reason}", (f"http.{name}",), "warning")


def _left_out(included: Inclusion, most: int) -> Iterator[Issue]:
    for rule in included.cut:
        name = str(rule).partition("=")[0]
        text = f"{rule} leads to more than the {most} resources that are included in one page; the others were left out"
        yield Issue("too-costly", f"{text}. A smaller _count has fewer on each page", (f"http.{name}",), "warning")
    for rule in included.deeper:
        name = str(rule).partition("=")[0]
        text = f"{rule} was followed {MAX_ROUNDS} times over; what it leads to beyond was left out"
        yield Issue("too-costly", text, (f"http.{name}",), "warning")


def _behind() -> Iterator[Issue]:
    """Nothing partial is silent."""
    in_force = registry()
    if in_force.behind:
        far = in_force.progress or "waiting"
        yield Issue("incomplete", f"Resources are being indexed again ({far}): matches may be missing", (), "warning")


def _touched(page: Page) -> Iterator[Issue]:
    if page.touched and page.next is None:
        yield Issue(
            "informational",
            f"{page.touched} matching resources changed while the pages were read, and may be missing from them",
            severity="warning",
        )
