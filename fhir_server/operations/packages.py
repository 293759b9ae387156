"""ImplementationGuide/$install, $uninstall and $packages: FHIR packages over HTTP.

http://hl7.org/fhir/R4/packages.html; names and parameters as HAPI FHIR has them. http://hl7.org/fhir/R4/async.html for 202

A package is installed in the background. $install waits for it and answers with the result; what takes longer is answered
with 202 and the place where its progress is told.
"""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

from fhir_server.context import Context, Request, Response
from fhir_server.operations.parameters import Arguments, arguments
from fhir_server.operations.registry import Operation
from fhir_server.outcome import BadRequest, Conflict, NotFound, NotSupported, TooLarge, Unprocessable
from fhir_server.packages import install as packages
from fhir_server.packages import manifest, record, waiting
from fhir_server.packages.record import Installed

RAW: Final = ("application/gzip", "application/x-gzip", "application/tar+gzip", "application/x-compressed-tar")
PATIENCE: Final = 20.0
"""Seconds for which $install waits for its result at most; two thirds of the request's time at the most, too."""
LOOK_EVERY: Final = 0.1
RETRY_AFTER: Final = "1"
URL: Final = "ImplementationGuide/$packages"


async def install(ctx: Context, request: Request) -> Response:
    """200 with the package as it stands once it is installed; 202 with Content-Location where that takes longer.

    Raises Invalid for what is no package for this server, TooLarge, Conflict, Unprocessable where it could not be done.
    """
    _outside(ctx, request)
    settings, state = ctx.settings, ctx.server.store.state
    raw = _sent(request)
    if len(raw) > settings.max_package:
        raise TooLarge(f"The package is larger than {settings.max_package} bytes (FHIR_MAX_PACKAGE)")
    package = await asyncio.to_thread(manifest.read, raw, settings.max_package_unpacked)
    key = package.manifest.key
    del package
    await waiting.put(state, key, raw)
    until = monotonic() + min(PATIENCE, settings.request_timeout * 2 / 3)
    while monotonic() < until:
        if not await waiting.progress(state, key):
            break
        await asyncio.sleep(LOOK_EVERY)
    else:
        place = f"{ctx.server.base_url}/{URL}?name={quote(key, safe='')}"
        return await _answer(ctx, [key], status=202, headers={"Content-Location": place})
    failed = await waiting.failure(state, key)
    if failed:
        raise Unprocessable(failed, code="processing")
    return await _answer(ctx, [key])


async def uninstall(ctx: Context, request: Request) -> Response:
    """200 with what was installed. Raises NotFound, BadRequest where it is not clear which version is meant, Conflict."""
    _outside(ctx, request)
    given = arguments(request)
    key = await _one(ctx, given)
    if await waiting.progress(ctx.server.store.state, key):
        raise Conflict(f"{key} is being installed at the moment; remove it when that is done")
    gone = await packages.uninstall(ctx.server, key)
    return Response(200, resource=_parameters([_part("removed", [("name", gone.name), ("version", gone.version)])]))


async def listed(ctx: Context, request: Request) -> Response:
    """All packages, or those of a `name` (name|version for one): 202 with X-Progress while one of them is being installed,
    else 200. Raises NotFound for a name that is not there.
    """
    name, state = arguments(request).one("name"), ctx.server.store.state
    keys = sorted({one.key for one in await record.every(state)} | {*await waiting.waiting(state)})
    if name is not None:
        keys = [key for key in keys if name in (key, key.partition("|")[0])]
        failed = "" if keys else await waiting.failure(state, str(name))
        if not keys:
            raise NotFound(failed or f"{name} is not installed")
    return await _answer(ctx, keys)


def _outside(ctx: Context, request: Request) -> None:
    if ctx.transaction is not None:
        raise BadRequest(f"${request.operation} cannot be called within a transaction")


def _sent(request: Request) -> bytes:
    """The bytes of the .tgz."""
    if request.body is not None and request.body.media_type in RAW:
        return request.body.raw
    given = arguments(request)
    content = given.one("npmContent")
    if content is None and ("url" in given.values or "name" in given.values):
        raise NotSupported("This server fetches nothing: send the package itself, as npmContent or application/gzip")
    if not isinstance(content, str):
        raise BadRequest(
            "The package (.tgz) is expected as valueBase64Binary of the parameter npmContent, or as a body of type "
            f"{RAW[0]}",
            code="required",
            expression="http.npmContent",
        )
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except binascii.Error as error:
        raise BadRequest(f"npmContent is no base64: {error}", code="value", expression="http.npmContent") from error


async def _one(ctx: Context, given: Arguments) -> str:
    """The key of the package that is meant."""
    name, version = given.one("name"), given.one("version")
    if not isinstance(name, str) or not name:
        raise BadRequest("The parameter name is expected", code="required", expression="http.name")
    if version is not None or "|" in name:
        return name if version is None else f"{name}|{version}"
    there = [one.key for one in await record.every(ctx.server.store.state) if one.name == name]
    if not there:
        raise NotFound(f"{name} is not installed")
    if len(there) > 1:
        raise BadRequest(f"Which version? There are {', '.join(there)}", code="required", expression="http.version")
    return there[0]


async def _answer(
    ctx: Context, keys: Sequence[str], *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    state = ctx.server.store.state
    there = await record.every(state)
    known = {one.key: one for one in there}
    parts, busy = [], ""
    for key in keys:
        progress = await waiting.progress(state, key)
        failed = await waiting.failure(state, key)
        busy = busy or progress
        name, _, version = key.partition("|")
        parts.append(_package(known.get(key, Installed(name, version)), there, progress, failed))
    found = headers or {}
    if busy:
        found |= {"X-Progress": busy, "Retry-After": RETRY_AFTER}
    return Response(202 if busy else status, resource=_parameters(parts), headers=found)


def _package(one: Installed, there: list[Installed], progress: str, failed: str) -> dict[str, Any]:
    words = [("name", one.name), ("version", one.version), ("title", one.title), ("canonical", one.canonical)]
    words += [("status", "installing" if progress else one.status), ("progress", progress), ("error", failed)]
    words += [("missing", dependency) for dependency in record.missing(one, there)]
    found = _part("package", words)
    found["part"].append({"name": "resources", "valueInteger": len(one.resources)})
    for name, pairs in (("leftOut", one.left_out), ("notSearchedBy", one.unused)):
        found["part"] += [_part(name, [("what", what), ("why", why)]) for what, why in pairs]
    return found


def _part(name: str, words: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"name": name, "part": [{"name": each, "valueString": text} for each, text in words if text]}


def _parameters(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Parameters", **({"parameter": list(parts)} if parts else {})}


_OF: Final = ("ImplementationGuide",)
INSTALL: Final = Operation(
    "install",
    install,
    "urn:fhir-server:OperationDefinition:install",
    resource=_OF,
    type=True,
    affects_state=True,
    raw=RAW,
)
UNINSTALL: Final = Operation(
    "uninstall",
    uninstall,
    "urn:fhir-server:OperationDefinition:uninstall",
    resource=_OF,
    type=True,
    affects_state=True,
)
PACKAGES: Final = Operation("packages", listed, "urn:fhir-server:OperationDefinition:packages", resource=_OF, type=True)
