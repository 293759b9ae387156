"""create: a new resource under an id that the server assigns; conditional with If-None-Exist.

http://hl7.org/fhir/R4/http.html#create and http://hl7.org/fhir/R4/http.html#ccreate
"""

from fhir_server.context import Context, Prepared, Request, Response
from fhir_server.interactions.conformance import accepted
from fhir_server.interactions.criteria import criteria
from fhir_server.interactions.versions import answer, location
from fhir_server.interactions.write import save
from fhir_server.model import Version


async def create(ctx: Context, request: Request) -> Response:
    """201 with the new version; a client's own id is ignored.

    With If-None-Exist: 200 with what is there already where one resource matches; the body is not looked at any further
    then, but it must be valid. Raises Invalid, BadRequest, MultipleMatches.
    """
    prepared = request.prepared
    if prepared is None:
        prepared = await accepted(ctx, request.type, None, request.body)
    ready = prepared
    if request.if_none_exist is None:
        return await ctx.transact(lambda inside: _created(inside, request, ready))
    condition = criteria(ctx, request.type, request.if_none_exist, "http.If-None-Exist")

    async def work(inside: Context) -> Response:
        found = await condition.only(inside.reader)
        if found is not None:
            return existing(found)
        return await _created(inside, request, ready)

    return await ctx.transact(work, locks=(condition.lock,))


def existing(version: Version) -> Response:
    """The answer of a conditional create that found its resource: nothing is written."""
    response = answer(200, version)
    response.location = location(version)
    return response


async def _created(ctx: Context, request: Request, prepared: Prepared) -> Response:
    saved = await save(ctx, prepared, method=request.method)
    response = answer(201, saved.version)
    response.location = location(saved.version)
    return response
