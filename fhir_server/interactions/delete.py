"""delete: a resource is there no more; its history stays. Conditional by criteria, of one or several.

http://hl7.org/fhir/R4/http.html#delete and http://hl7.org/fhir/R4/http.html#3.1.0.7.1
"""

from fhir_server.context import Context, Request, Response
from fhir_server.interactions.criteria import Criteria, criteria
from fhir_server.interactions.versions import etag
from fhir_server.interactions.write import remove
from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest, Issue, MultipleMatches


async def delete(ctx: Context, request: Request) -> Response:
    """204, whether the resource was there or not; 200 with an OperationOutcome where Prefer asks for one.

    Raises PreconditionFailed (If-Match), Conflict (referential integrity).
    """
    key = Key(request.type, request.id)
    version = await ctx.transact(lambda inside: remove(inside, key, if_match=request.if_match), locks=(str(key),))
    return _done(request, [] if version is None else [version], str(key))


async def conditional_delete(ctx: Context, request: Request) -> Response:
    """Deletes what matches the criteria, up to the setting conditional_delete_multiple; MultipleMatches for more."""
    if not request.parameters:
        raise BadRequest(
            f"DELETE {request.type} would delete every {request.type}: name one by its id, or several by criteria"
        )
    condition = criteria(ctx, request.type, request.parameters, "http.url")

    async def work(inside: Context) -> list[Version]:
        found = await condemned(inside, condition)
        gone = [await remove(inside, version.key, if_match=request.if_match) for version in found]
        return [version for version in gone if version is not None]

    return _done(request, await ctx.transact(work, locks=(condition.lock,)), str(condition))


async def condemned(ctx: Context, condition: Criteria) -> tuple[Version, ...]:
    """What a conditional delete removes. Raises MultipleMatches for more than the setting allows."""
    most = ctx.settings.conditional_delete_multiple
    found = await condition.matches(ctx.reader, most + 1)
    if len(found) > most:
        raise MultipleMatches(
            f"{condition} matches more than {most}, the most that one conditional delete removes", expression="http.url"
        )
    return found


def _done(request: Request, gone: list[Version], what: str) -> Response:
    response = Response(204)
    if len(gone) == 1:
        response.etag, response.last_modified = etag(gone[0]), gone[0].last_updated
    if request.prefer.representation == "OperationOutcome":
        names = ", ".join(str(version.key) for version in gone) or f"nothing: there is no {what}"
        response.status = 200
        response.issues = (Issue("informational", f"Deleted: {names}", severity="information"),)
    return response
