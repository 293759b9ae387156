"""capabilities: what this server does, read off the route table, the definitions and the settings; nothing is claimed by hand.

http://hl7.org/fhir/R4/http.html#capabilities and http://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterable
from hashlib import blake2b
from importlib.metadata import version
from typing import Any, Final

from fhir_server.concepts import System
from fhir_server.context import Context, Request, Response, Server
from fhir_server.dates import instant
from fhir_server.definitions import definitions
from fhir_server.definitions.own import by_canonical
from fhir_server.formats import json
from fhir_server.interactions import claims
from fhir_server.interactions.claims import Claims
from fhir_server.interactions.patch import FORMATS
from fhir_server.interactions.subset import SUMMARIES, normative, subset
from fhir_server.outcome import BadRequest
from fhir_server.search.described import EXPRESSIONS, described
from fhir_server.search.parameters import includes, parameters, revincludes
from fhir_server.search.registry import registry
from fhir_server.terminology.expansion import PARAMETERS
from fhir_server.terminology.sources import Sources

MODES: Final = ("full", "normative", "terminology")
NAME: Final = "FHIR Server"
NOTHING: Final = Claims()

_RESOURCE_INTERACTIONS: Final = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_SYSTEM_INTERACTIONS: Final = ("transaction", "batch", "search-system", "history-system")
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"


async def capabilities(ctx: Context, request: Request) -> Response:
    """200 with the CapabilityStatement (mode=normative: what of it is not for trial use; mode=terminology:
    TerminologyCapabilities); 304 where the client has it.
    """
    asked = dict(request.parameters)
    mode = asked.get("mode", "full")
    if mode not in MODES:
        raise BadRequest(f"mode={mode}: expected one of {', '.join(MODES)}", expression="http.mode")
    summary = asked.get("_summary", "")
    if summary and summary not in SUMMARIES:
        raise BadRequest(f"_summary is one of {', '.join(SUMMARIES)}", expression="http._summary")
    await ctx.renewed()
    body = json.dumps(await terminology(ctx)) if mode == "terminology" else await _cached(ctx.server, mode)
    elements = tuple(name for name in asked.get("_elements", "").split(",") if name)
    if (summary and summary != "false") or elements:
        body = subset(body, summary, elements)
    said = body.replace(instant(ctx.server.started).encode(), b"")  # the same on every worker
    etag = f'W/"{blake2b(said, digest_size=8).hexdigest()}"'
    if request.if_none_match is not None and etag[3:-1] in request.if_none_match:
        return Response(304, etag=etag)
    return Response(200, body=body, etag=etag)


async def _cached(server: Server, mode: str) -> bytes:
    """The statement of what is in force and claimed now, whichever process has changed it."""
    number = await claims.revision(server.store.state)
    name, kept = f"{mode} {number} {registry().revision}", server.statements
    found = kept.get(name)
    if found is None:
        claimed, read = await claims.read(server.store.state)
        found = json.dumps(statement(server, claimed))
        if mode == "normative":
            found = normative(found)
        if read == number:
            for old in [each for each in kept if each.startswith(f"{mode} ")]:
                del kept[old]
            kept[name] = found
    return found


def statement(server: Server, claimed: Claims = NOTHING) -> dict[str, Any]:
    """The CapabilityStatement resource."""
    found = {
        "resourceType": "CapabilityStatement",
        "url": f"{server.base_url}/metadata",
        **_about(server),
        "instantiates": claimed.instantiates,
        "fhirVersion": definitions().version,
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": list(FORMATS),
        "implementationGuide": claimed.implementation_guides,
        "rest": [_rest(server, claimed)],
    }
    return {name: value for name, value in found.items() if value != []}


async def terminology(ctx: Context) -> dict[str, Any]:
    """The TerminologyCapabilities resource: the code systems of R4 and of the store, as far as the caller may see them."""
    server = ctx.server
    systems: dict[str, list[System]] = {}
    for source in await Sources(ctx.reader, server.base_url).every():
        if source.system.content != "not-present":
            systems.setdefault(source.system.url, []).append(source.system)
    return {
        "resourceType": "TerminologyCapabilities",
        "url": f"{server.base_url}/metadata?mode=terminology",
        **_about(server),
        "codeSystem": [_code_system(url, versions) for url, versions in systems.items()],
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in PARAMETERS],
            "textFilter": "Each word of the filter begins a word of the code, of the display or of a designation,"
            " whatever their case and accents.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": False},
        "translation": {"needsMap": True},
        "closure": {"translation": False},
    }


def _code_system(url: str, versions: list[System]) -> dict[str, Any]:
    """Its versions, the newest first, which is the default."""
    told = [
        {
            **({"code": system.version} if system.version else {}),
            "isDefault": n == 0,
            "compositional": False,
            **({"property": list(system.declared)} if system.declared else {}),
        }
        for n, system in enumerate(versions)
    ]
    return {"uri": url, "version": told, "subsumption": True}


def _about(server: Server) -> dict[str, Any]:
    number = version("fhir-server")
    return {
        "version": number,
        "name": NAME.replace(" ", ""),
        "title": NAME,
        "status": "active",
        "date": instant(server.started),
        "kind": "instance",
        "software": {"name": NAME, "version": number},
        "implementation": {"description": f"{NAME} at {server.base_url}", "url": server.base_url},
    }


def _rest(server: Server, claimed: Claims) -> dict[str, Any]:
    codes = {route.interaction for route in server.routes.table}
    if "transaction" in codes:
        codes.add("batch")  # one route takes both
    types = definitions().resource_types
    rest: dict[str, Any] = {
        "mode": "server",
        "security": {
            "cors": bool(server.settings.cors_origins),
            "description": "Everybody may do everything: this server runs without authorization, for one machine only."
            if server.settings.auth == "none"
            else f"Authorization: {server.settings.auth}",
        },
        "resource": [_resource(server, type_, codes, claimed) for type_ in types],
        "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS if code in codes],
        "searchParam": _common(),
    }
    operations = _operations(server, "", claimed)
    if operations:
        rest["operation"] = operations
    if "search-compartment" in codes:
        rest["compartment"] = [compartment.url for compartment in definitions().compartments.values()]
    return rest


def _resource(server: Server, type_: str, codes: Iterable[str], claimed: Claims) -> dict[str, Any]:
    settings = server.settings
    found: dict[str, Any] = {
        "type": type_,
        "profile": _PROFILE + type_,
        "supportedProfile": claimed.supported(type_),
        "interaction": [{"code": code} for code in _RESOURCE_INTERACTIONS if code in codes],
        "versioning": "versioned-update" if settings.require_if_match else "versioned",
        "readHistory": "vread" in codes,
        "updateCreate": settings.update_as_create,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple" if settings.conditional_delete_multiple > 1 else "single",
        "referencePolicy": ["literal", "logical", *(["enforced"] if settings.referential_integrity else [])],
        "searchInclude": list(includes(type_)),
        "searchRevInclude": list(revincludes(type_)),
        "searchParam": described(type_),
    }
    operations = _operations(server, type_, claimed)
    if operations:
        found["operation"] = operations
    return {name: value for name, value in found.items() if value != []}


def _common() -> list[dict[str, Any]]:
    """The parameters that every type has: those of a search on the system."""
    any_type = definitions().resource_types[0]
    of_all = {code for code, p in parameters(any_type).items() if "Resource" in p.definition.base} | {*EXPRESSIONS}
    return [parameter for parameter in described(any_type) if parameter["name"] in of_all]


def _operations(server: Server, type_: str, claimed: Claims) -> list[dict[str, str]]:
    """Operations and named queries."""
    called = [_operation(server, code, definition) for code, definition in server.routes.operations(type_)]
    asked = [{"name": q.code, "definition": q.definition} for q in claimed.queries.values() if q.of(type_)]
    return called + asked


def _operation(server: Server, code: str, definition: str) -> dict[str, str]:
    """Of our own operations it is said where their definition can be read."""
    found, place = {"name": code, "definition": definition}, by_canonical().get(definition)
    return found if place is None else {**found, "documentation": f"[{place}]({server.base_url}/{place})"}
