"""read: the current version of a resource, or the word that the client has it already.

http://hl7.org/fhir/R4/http.html#read and http://hl7.org/fhir/R4/http.html#cread
"""

from datetime import datetime

from fhir_server.context import Context, Request, Response
from fhir_server.definitions.own import own
from fhir_server.formats import json
from fhir_server.interactions.versions import answer, etag, gone, tags
from fhir_server.model import Key, Version
from fhir_server.outcome import NotFound


async def read(ctx: Context, request: Request) -> Response:
    """200 with the resource; 304 where If-None-Match or If-Modified-Since say so. Raises NotFound, Gone.

    This server's own definitions can be read, too, unless something is stored in their place.
    """
    key = Key(request.type, request.id)
    version = await ctx.reader.read(key) or _own(ctx, key)
    if version is None:
        raise NotFound(f"There is no {key}")
    if version.deleted:
        raise gone(version)
    if unchanged(version, request.if_none_match, request.if_modified_since):
        return Response(304, etag=etag(version), last_modified=version.last_updated)
    return answer(200, version)


def _own(ctx: Context, key: Key) -> Version | None:
    found = own().get((key.type, key.id))
    moment = ctx.server.started
    return None if found is None else Version(key, "1", moment, json.stamp(found, key.id, "1", moment))


def unchanged(version: Version, if_none_match: str | None, if_modified_since: datetime | None) -> bool:
    """Whether the client has this version: the entity tag decides, the date only without one (RFC 9110 §13.2.2)."""
    if if_none_match is not None:
        return not {"*", version.version_id}.isdisjoint(tags(if_none_match))
    return if_modified_since is not None and version.last_updated.replace(microsecond=0) <= if_modified_since
