"""vread: one version of a resource.

http://hl7.org/fhir/R4/http.html#vread
"""

from fhir_server.context import Context, Request, Response
from fhir_server.interactions.read import unchanged
from fhir_server.interactions.versions import answer, etag, gone
from fhir_server.model import Key
from fhir_server.outcome import NotFound


async def vread(ctx: Context, request: Request) -> Response:
    """200 with that version, 304 where the client has it. Raises NotFound; Gone where the version is a deletion."""
    key = Key(request.type, request.id)
    version = await ctx.reader.vread(key, request.version_id)
    if version is None:
        raise NotFound(f"There is no version {request.version_id} of {key}; its versions are at {key}/_history")
    if version.deleted:
        raise gone(version)
    if unchanged(version, request.if_none_match, request.if_modified_since):
        return Response(304, etag=etag(version), last_modified=version.last_updated)
    return answer(200, version)
