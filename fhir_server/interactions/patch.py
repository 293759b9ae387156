"""patch: a resource changed by JSON Patch, FHIRPath Patch, XML Patch or JSON Merge Patch; conditional by criteria.

http://hl7.org/fhir/R4/http.html#patch
"""

from collections.abc import Callable
from typing import Final, TypeVar

from fhir_server.context import Body, Context, Prepared, Request, Response
from fhir_server.formats import json
from fhir_server.formats.xml import from_xml, to_xml
from fhir_server.interactions.conformance import conform
from fhir_server.interactions.criteria import criteria
from fhir_server.interactions.versions import answer, gone, require_match
from fhir_server.interactions.write import prepare, save
from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest, FhirError, Invalid, NotFound, Unprocessable, UnsupportedMediaType
from fhir_server.patch import json_patch, merge_patch, xml_patch

T = TypeVar("T")

FORMATS: Final = (
    "application/json-patch+json",
    "application/xml-patch+xml",
    "application/fhir+json",
    "application/fhir+xml",
    merge_patch.MEDIA_TYPE,
)


async def patch(ctx: Context, request: Request) -> Response:
    """200 with the patched version, or the current one where the patch changes nothing.

    Raises NotFound, Gone, PreconditionFailed (If-Match), Unprocessable where the patch does not fit or what comes out is
    no valid resource, UnsupportedMediaType.
    """
    key = Key(request.type, request.id)
    body = _required(request)
    ahead = _Ahead(body)
    current = await ctx.reader.read(key)
    if current is not None and not current.deleted and ctx.transaction is None:
        ahead.apply(current)
    return await ctx.transact(lambda inside: _patched(inside, request, key, ahead), locks=(str(key),))


async def conditional_patch(ctx: Context, request: Request) -> Response:
    """Patches the one match. Raises NotFound without any, MultipleMatches, and what `patch` raises."""
    if not request.parameters:
        raise BadRequest(f"PATCH needs the logical id, {request.type}/[id], or criteria, {request.type}?identifier=…")
    condition = criteria(ctx, request.type, request.parameters, "http.url")
    ahead = _Ahead(_required(request))

    async def work(inside: Context) -> Response:
        found = await condition.only(inside.reader)
        if found is None:
            raise NotFound(f"No resource matches {condition}, so there is nothing to patch")
        return await _patched(inside, request, found.key, ahead)

    return await ctx.transact(work, locks=(condition.lock,))


def apply(current: Version, body: Body) -> Prepared:
    """The patched resource, ready to be saved. Raises FhirError for a patch that is malformed or does not fit."""
    if body.media_type == "application/json-patch+json":
        tree = json_patch.apply(current.exact(), json_patch.parse(body.raw))
    elif body.media_type == "application/xml-patch+xml":
        patched = xml_patch.apply(to_xml(current.body or b""), body.raw)
        tree = _valid(lambda: from_xml(patched))
    elif body.media_type == merge_patch.MEDIA_TYPE:
        tree = merge_patch.apply(current.exact(), merge_patch.parse(body.raw))
    elif body.tree.get("resourceType") == "Parameters":
        from fhir_server.patch import fhirpath_patch  # noqa: PLC0415 - FHIRPath is a tenth of the start-up

        tree = fhirpath_patch.apply(current.exact(), body.tree)
    else:
        raise UnsupportedMediaType(f"A patch is one of {', '.join(FORMATS)} (FHIR's own as a Parameters resource)")
    _require_identity(current, tree)
    parsed = _valid(lambda: json.parse(json.dumps(tree)))
    return _valid(lambda: prepare(current.key.type, current.key.id, Body(parsed.tree, parsed.plain)))


def _valid(made: Callable[[], T]) -> T:
    """What is made of the patched resource; Unprocessable where it is no resource any more."""
    try:
        return made()
    except Invalid as error:
        raise Unprocessable(issues=error.issues) from error


class _Ahead:
    """The patch applied before the transaction to what was current then; again inside only where that has changed."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._basis = ""
        self._prepared: Prepared | None = None
        self._error: FhirError | None = None

    def apply(self, current: Version) -> None:
        """Does the work for this version; what is wrong is raised by `to`."""
        self._basis = current.version_id
        self._prepared = self._error = None
        try:
            self._prepared = apply(current, self._body)
        except FhirError as error:
            self._error = error

    def to(self, current: Version) -> Prepared:
        """The result for this version. Raises FhirError."""
        if current.version_id != self._basis or (self._prepared is None and self._error is None):
            self.apply(current)
        if self._error is not None:
            raise self._error
        assert self._prepared is not None
        return self._prepared


async def _patched(ctx: Context, request: Request, key: Key, ahead: _Ahead) -> Response:
    current = await ctx.reader.read(key)
    if current is None:
        raise NotFound(f"There is no {key} to patch")
    if current.deleted:
        raise gone(current)
    require_match(request.if_match, current)
    prepared = ahead.to(current)
    await conform(ctx, prepared.tree)
    saved = await save(ctx, prepared, method="PATCH", if_match=request.if_match)
    return answer(200, saved.version)


def _required(request: Request) -> Body:
    if request.body is None:
        raise BadRequest(f"A patch is expected in the body: {', '.join(FORMATS)}", code="required")
    return request.body


def _require_identity(current: Version, tree: object) -> None:
    """Unprocessable where the patch has changed what the resource is, or which one."""
    if not isinstance(tree, dict):
        raise Unprocessable("The patch leaves no resource", code="invalid")
    if tree.get("resourceType") != current.key.type:
        raise Unprocessable("A patch cannot change the type of a resource", expression="resourceType", code="invalid")
    if tree.get("id") != current.key.id:
        raise Unprocessable(
            "A patch cannot change the id of a resource", expression=f"{current.key.type}.id", code="invalid"
        )
