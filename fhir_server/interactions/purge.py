"""purge: versions are removed for good. R4 4.0.1 does not define DELETE on a history: this is ours, a setting, off unless asked for.

http://hl7.org/fhir/R4/http.html#delete ("servers are free to completely delete the resource and its history")
"""

from fhir_server.context import Context, Request, Response
from fhir_server.interactions.write import remove, writable
from fhir_server.model import Key
from fhir_server.outcome import Conflict, MethodNotAllowed, NotFound


async def purge(ctx: Context, request: Request) -> Response:
    """204: the resource with all its versions is gone, or that one version, which must not be the current one.

    A resource that is alive is deleted first, with all that this asks for. Raises MethodNotAllowed where the setting is
    off, NotFound, Conflict for the current version, or where referential integrity is on and something refers to it.
    """
    if not ctx.settings.purge:
        raise MethodNotAllowed(
            "Removing versions for good is switched off (setting FHIR_PURGE); DELETE the resource to end its life"
        )
    key = Key(request.type, request.id)

    async def work(inside: Context) -> Response:
        transaction = writable(inside)
        current = await transaction.read(key)
        if current is not None and current.version_id == request.version_id:
            raise Conflict(
                f"Version {request.version_id} is the current one of {key}; update or delete the resource first"
            )
        if not request.version_id:
            await remove(inside, key)
        if not await transaction.purge(key, request.version_id or None):
            raise NotFound(f"There is no {key}" + (f" version {request.version_id}" if request.version_id else ""))
        return Response(204)

    return await ctx.transact(work, locks=(str(key),))
