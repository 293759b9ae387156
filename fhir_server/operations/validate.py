"""$validate: whether a resource would be accepted, without storing it.

http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from typing import Final

from fhir_server.context import Body, Context, Request, Response
from fhir_server.formats.places import located
from fhir_server.interactions import integrity
from fhir_server.interactions.aside import large
from fhir_server.interactions.conformance import issues as conformance
from fhir_server.interactions.conformance import whole
from fhir_server.interactions.preferred import report
from fhir_server.model import Key
from fhir_server.operations.parameters import arguments
from fhir_server.operations.registry import Operation
from fhir_server.outcome import BadRequest, Issue, NotFound, outcome
from fhir_server.validation import structure

MODES: Final = ("create", "update", "delete", "profile")
_OF_INSTANCES: Final = ("update", "delete")


async def validate(ctx: Context, request: Request) -> Response:
    """200 with an OperationOutcome, whatever it says of the resource.

    On an instance the resource may be left out: the stored one is looked at then; with mode=delete, whether it could be
    deleted. Raises BadRequest where there is
    nothing to look at, or the mode is unknown or needs an instance; NotFound for an instance that does not exist.
    """
    given = arguments(request)
    mode, profile, sent = given.one("mode"), given.one("profile"), given.one("resource")
    if mode is not None and mode not in MODES:
        raise BadRequest(f"mode={mode}: expected one of {', '.join(MODES)}", expression="http.mode")
    if mode in _OF_INSTANCES and not request.id:
        text = f"mode={mode} is asked of one resource: {request.type}/[id]/$validate"
        raise BadRequest(text, code="not-supported", expression="http.mode")
    if sent is not None and not isinstance(sent, Body):
        raise BadRequest("The parameter resource is a resource", expression="http.resource")
    if mode == "delete" and request.id:
        return await _delete(ctx, Key(request.type, request.id))
    if sent is None and request.id:
        version = await ctx.reader.read(Key(request.type, request.id))
        if version is None or version.deleted:
            raise NotFound(f"There is no {request.type}/{request.id}")
        sent = Body(version.exact(), version.resource)
    if sent is None:
        raise BadRequest(
            f"A resource of type {request.type} is expected in the body, bare or as the parameter resource",
            code="required",
        )
    issues = [*_type(request, sent), *structure.check(sent.plain), *_identity(request, sent, mode)]
    asked = () if profile is None else (str(profile),)
    more = {"best_practice": True, "vital_signs": True, "aside": large(request.body)}
    if any(issue.severity in ("error", "fatal") for issue in issues):
        issues = list(await whole(ctx, sent.plain, issues, asked, **more))
    else:
        issues += await conformance(ctx, sent.plain, asked, **more)
    if request.body is not None:
        issues = list(located(issues, request.body.raw, under=_under(request)))
    return Response(200, resource=outcome(issues) if issues else report(Response(200)))


async def _delete(ctx: Context, key: Key) -> Response:
    """Whether what is stored could go. Raises NotFound."""
    version = await ctx.reader.read(key)
    if version is None or version.deleted:
        raise NotFound(f"There is no {key}")
    kept = await integrity.keeping(ctx.reader, key, ctx.server.base_url) if ctx.settings.referential_integrity else []
    return Response(200, resource=outcome(kept) if kept else report(Response(200)))


def _under(request: Request) -> str:
    """Where in the body the resource stands."""
    parts = request.body.plain.get("parameter", ()) if request.body is not None else ()
    number = next((n for n, part in enumerate(parts) if part.get("name") == "resource"), None)
    return "" if number is None else f"Parameters.parameter[{number}].resource"


def _type(request: Request, sent: Body) -> list[Issue]:
    found = sent.plain.get("resourceType")
    if found == request.type:
        return []
    return [Issue("invalid", f"The resource is of type {found}; this URL takes {request.type}", ("resourceType",))]


def _identity(request: Request, sent: Body, mode: str | None) -> list[Issue]:
    """An update must say which resource it is about."""
    if mode != "update" or not request.id or sent.plain.get("id") == request.id:
        return []
    return [
        Issue(
            "invalid",
            f"An update to {request.type}/{request.id} takes a resource with this id",
            (f"{request.type}.id",),
        )
    ]


VALIDATE: Final = Operation(
    "validate",
    validate,
    "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    type=True,
    instance=True,
)
