"""search: what matches, page by page, with what is included. Of a type, the system or a compartment, by GET and POST.

http://hl7.org/fhir/R4/http.html#search and http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Sequence
from dataclasses import replace

from fhir_server import bundle
from fhir_server.context import Context, Query, Request, Response
from fhir_server.interactions import compartment, explain, named_query, paging, searchset
from fhir_server.model import Key
from fhir_server.search.criteria import UnknownParameter
from fhir_server.search.parse import parse
from fhir_server.search.query import Page, SearchRequest
from fhir_server.search.registry import registry
from fhir_server.search.results import PASSED_OVER
from fhir_server.search.settle import settled


async def search(ctx: Context, request: Request) -> Response:
    """200 with a searchset Bundle: matches in their order, then what is included, then remarks about the search; with
    `_explain=true` a Parameters resource that tells how it is understood and executed.

    Raises BadRequest for parameters that are not understood (strict handling), and for a page that is not one of this search.
    Where parameters were added, changed or removed meanwhile, the search is made again under those in force.
    """
    while True:
        answer = await _searched(ctx, request)
        in_force = registry()
        if not (in_force.added or in_force.behind) or not await ctx.renewed():
            return answer


async def _searched(ctx: Context, request: Request) -> Response:
    parameters, token = paging.split(request.parameters)
    parameters, explaining = explain.split(ctx, parameters)
    path = "/".join(part for part in (request.type, request.id, request.compartment) if part)
    key = ctx.server.signing_key
    place = paging.unseal(key, path, parameters, token) if token is not None else paging.Place("", ctx.now)
    asked = await understood(ctx, request, parameters, place)
    if explaining:
        return Response(200, resource=await explain.explained(ctx, asked))
    page = await ctx.reader.search(asked.query)
    found = await searchset.gather(ctx, asked, page)
    whole = token is None and page.next is None  # then the total is known, asked for or not
    body = bundle.bundle(
        "searchset",
        searchset.entries(ctx, asked, found),
        links=_links(ctx, path, parameters, asked, page, place, token),
        total=page.total if page.total is not None or not whole else len(page.hits),
        at=ctx.now,
    )
    return Response(200, body=body)


async def understood(
    ctx: Context, request: Request, parameters: Sequence[tuple[str, str]], place: paging.Place
) -> SearchRequest:
    """As `understand`, with what the terminology and hierarchies decide in its trees. What is unknown, or not indexed yet,
    is looked at again under the parameters in force.
    """
    type_ = request.type if not request.compartment else request.compartment
    query = await named_query.named(ctx, type_, parameters)
    try:
        asked = understand(ctx, request, parameters, place, query)
    except UnknownParameter:
        await ctx.renewed()
        asked = understand(ctx, request, parameters, place, query)
    else:
        if asked.ignored:
            await ctx.renewed()
            asked = understand(ctx, request, parameters, place, query)
    return await settled(asked, ctx.reader, ctx.server.terminology, ctx.server.base_url)


def understand(
    ctx: Context, request: Request, parameters: Sequence[tuple[str, str]], place: paging.Place, query: Query | None
) -> SearchRequest:
    """The search that the parameters, and the named query, ask for, from `place` on. The Prefer header's handling wins over the setting."""
    searched: str | tuple[str, ...] | None = request.type or None
    if request.compartment:
        searched = compartment.types(request.type, request.compartment)
    asked = parse(
        searched,
        parameters if query is None else named_query.without(query, parameters),
        settings=ctx.settings,
        now=place.now,
        base=ctx.server.base_url,
        handling=request.prefer.handling,
    )
    if query is not None:
        asked = named_query.limited(query, parameters, asked)
    if request.compartment:
        where = compartment.within(asked.query.where, Key(request.type, request.id), ctx.server.base_url)
        asked = replace(asked, query=replace(asked.query, where=where))
    return replace(asked, query=replace(asked.query, after=place.after)) if place.after else asked


def _links(
    ctx: Context,
    path: str,
    parameters: Sequence[tuple[str, str]],
    asked: SearchRequest,
    page: Page,
    place: paging.Place,
    token: str | None,
) -> list[tuple[str, str]]:
    """Self says what was understood, and of a later page what was sent, which its token belongs to; the others carry what
    was sent, less what asked for nothing or was passed over.
    """
    base, key = ctx.server.base_url, ctx.server.signing_key
    kept = tuple(pair for pair in parameters if pair in asked.used or pair[0] in PASSED_OVER)

    def url(after: str) -> str:
        return paging.url(base, path, kept, paging.seal(key, path, kept, paging.Place(after, place.now)))

    understood = parameters if token else [_used(pair, asked) for pair in kept]
    links = [("self", paging.url(base, path, understood, token))]
    if token is not None:
        links.append(("first", paging.url(base, path, kept)))
    if page.previous is not None:
        links.append(("previous", url(page.previous)))
    if page.next is not None:
        links.append(("next", url(page.next)))
    if page.last is not None:
        links.append(("last", url(page.last)))
    return links


def _used(pair: tuple[str, str], asked: SearchRequest) -> tuple[str, str]:
    """The parameter as it was used: a `_count` beyond the largest page is that of the largest page."""
    name, value = pair
    if name == "_count" and asked.query.count and int(value) > asked.query.count:
        return name, str(asked.query.count)
    return pair
