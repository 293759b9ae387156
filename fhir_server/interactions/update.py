"""update: a new version of a resource, or its first one under an id that the client chose; conditional by criteria.

http://hl7.org/fhir/R4/http.html#update, #upsert and #cond-update
"""

from dataclasses import replace

from fhir_server.context import Body, Context, Prepared, Request, Response
from fhir_server.interactions.conformance import accepted
from fhir_server.interactions.criteria import criteria
from fhir_server.interactions.versions import answer, location
from fhir_server.interactions.write import resource, save
from fhir_server.model import Key
from fhir_server.outcome import BadRequest, Conflict, Invalid


async def update(ctx: Context, request: Request) -> Response:
    """200 with the new version (or the current one where nothing differs), 201 where there was none or a deletion.

    Raises Invalid where the body's id is absent or another one, and what `save` raises.
    """
    prepared = request.prepared
    if prepared is None:
        require_id(request.id, resource(request.type, request.body))
        prepared = await accepted(ctx, request.type, request.id, request.body)
    ready = prepared
    return await ctx.transact(lambda inside: _saved(inside, request, ready), locks=(str(ready.key),))


async def conditional_update(ctx: Context, request: Request) -> Response:
    """Updates the one match; without any, creates: under the body's id where it has one (update-as-create), else under a
    new id. Raises BadRequest where the match has another id than the body, MultipleMatches.
    """
    if not request.parameters:
        raise BadRequest(f"PUT needs the logical id, {request.type}/[id], or criteria, {request.type}?identifier=…")
    body = resource(request.type, request.body)
    sent = body.plain.get("id")
    # checked and indexed before the transaction; the id that it gets is only known inside
    prepared = request.prepared or await accepted(ctx, request.type, sent, body)
    condition = criteria(ctx, request.type, request.parameters, "http.url")

    async def work(inside: Context) -> Response:
        found = await condition.only(inside.reader)
        if found is None:
            if not prepared.assigned:
                await require_free(inside, prepared.key)
            return await _saved(inside, request, prepared)
        if sent is not None and sent != found.key.id:
            raise BadRequest(
                f"{condition} matches {found.key}, but the resource has the id {sent}; leave the id out",
                expression=f"{request.type}.id",
                code="invalid",
            )
        return await _saved(inside, request, replace(prepared, key=found.key, assigned=False))

    key = Key(request.type, prepared.key.id)
    return await ctx.transact(work, locks=(condition.lock, str(key)))


def require_id(id_: str, body: Body) -> None:
    """Invalid unless the resource has this id (http://hl7.org/fhir/R4/http.html#update asks for 400)."""
    sent = body.plain.get("id")
    if sent != id_:
        said = "has no id" if sent is None else f"has the id {sent!r}"
        raise Invalid(
            f"The resource {said}; an update to {id_!r} takes a resource with this id",
            code="invalid",
            expression=f"{body.plain['resourceType']}.id",
        )


async def require_free(ctx: Context, key: Key) -> None:
    """Conflict where the id that criteria did not find belongs to another resource: that one is not what was meant."""
    there = await ctx.reader.read(key)
    if there is not None and not there.deleted:
        raise Conflict(
            f"No {key.type} matches the criteria, but {key} exists; it does not match, and is not overwritten",
            expression=f"{key.type}.id",
        )


async def _saved(ctx: Context, request: Request, prepared: Prepared) -> Response:
    saved = await save(
        ctx, prepared, method=request.method, if_match=request.if_match, if_none_match=request.if_none_match
    )
    response = answer(201 if saved.created else 200, saved.version)
    if saved.created:
        response.location = location(saved.version)
    return response
