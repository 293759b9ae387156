"""The OpenAPI description of the FHIR API, made from the route table, and a page to read and try it.

https://spec.openapis.org/oas/v3.1.0. One generic path per shape of URL, not one per resource type: 20 paths instead of
3,000. Swagger UI's files come with the package fastapi-offline and are served from here.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.openapi.utils import get_openapi
from isal import igzip
from starlette.responses import HTMLResponse, Response

from fhir_server.context import Route, Router, Server
from fhir_server.definitions import definitions

router = APIRouter(include_in_schema=False)

_ASSETS: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_PAGE: Final = (files("fhir_server.pages") / "static" / "docs.html").read_text("utf-8")


@router.get("/docs")
async def page() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"cache-control": "no-cache"})


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """Swagger UI's own files."""
    if name not in _ASSETS:
        raise HTTPException(404)
    headers = {
        "content-type": f"{_ASSETS[name]}; charset=utf-8",
        "content-encoding": "gzip",
        "cache-control": "max-age=86400",
    }
    return Response(_packed(name), headers=headers)


@cache
def _packed(name: str) -> bytes:
    packed: bytes = igzip.compress((files("fastapi_offline") / "static" / name).read_bytes())
    return packed


def openapi(pages: FastAPI) -> dict[str, Any]:
    """The pages' own description with the FHIR API's paths in front of it."""
    if not pages.openapi_schema:
        server: Server = pages.state.server
        own = get_openapi(
            title=pages.title, version=definitions().version, routes=pages.routes, description=_INTRODUCTION
        )
        base = urlsplit(server.base_url).path.rstrip("/")  # relative: trying things out stays on the page's own origin
        own["paths"] = {**_paths(server.routes, base), **own.get("paths", {})}
        own["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
        pages.openapi_schema = own
    return pages.openapi_schema


_INTRODUCTION: Final = """The RESTful API of [HL7 FHIR R4 (4.0.1)](http://hl7.org/fhir/R4/http.html).

`{type}` is any of R4's resource types, `{id}` a logical id. JSON is the default; ask for XML with
`Accept: application/fhir+xml` or `_format=xml`. Every failure is an OperationOutcome that says what is wrong and where.
"""

_TAGS: Final = {
    "One resource": "Read, change, delete; each write makes a version. http://hl7.org/fhir/R4/http.html",
    "Search": "http://hl7.org/fhir/R4/search.html",
    "History": "http://hl7.org/fhir/R4/http.html#history",
    "The whole system": "Capabilities, batches and transactions. http://hl7.org/fhir/R4/http.html#transaction",
    "Operations": "http://hl7.org/fhir/R4/operations.html",
    "Operating the server": "For load balancers and monitoring.",
}

_SUMMARIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "capabilities": ("The whole system", "What this server can do", "The CapabilityStatement."),
    "transaction": (
        "The whole system",
        "Batch or transaction",
        (
            "A Bundle of requests: each for itself (batch), or all or nothing (transaction). References between its entries by "
            "`urn:uuid:` are resolved."
        ),
    ),
    "read": (
        "One resource",
        "Read",
        "The current version. `If-None-Match` with its ETag answers 304 if it is unchanged.",
    ),
    "vread": ("One resource", "Read one version", "A version as it was."),
    "create": (
        "One resource",
        "Create",
        (
            "The server assigns the id; `Location` says where it is. With `If-None-Exist: identifier=system|value` nothing is "
            "created where one matches."
        ),
    ),
    "update": (
        "One resource",
        "Update",
        (
            "A new version of the whole resource. `If-Match` with the ETag refuses (412) when somebody else was faster. Without an "
            "id in the path, criteria choose the resource: `PUT /Patient?identifier=system|value`."
        ),
    ),
    "patch": (
        "One resource",
        "Patch",
        "Changes parts of a resource: JSON Patch, XML Patch, or FHIRPath Patch as a Parameters resource.",
    ),
    "delete": (
        "One resource",
        "Delete",
        "It is gone (410) but its history stays; criteria instead of an id delete what matches.",
    ),
    "purge": ("One resource", "Remove history", "For good. Only where the setting FHIR_PURGE allows it."),
    "search-type": (
        "Search",
        "Search a type",
        (
            "Any of the type's search parameters (see the CapabilityStatement), with modifiers, chains and "
            "`_include`. Follow the Bundle's `next` link for more."
        ),
    ),
    "search-system": ("Search", "Search all types", "Parameters that every type has; `_type` names some."),
    "history-instance": ("History", "Versions of one resource", "Newest first, deletions among them."),
    "history-type": ("History", "Versions of a type", "Newest first."),
    "history-system": ("History", "Versions of everything", "Newest first: what changed on this server."),
    "operation": ("Operations", "Call an operation", "A `$name` from the CapabilityStatement."),
}

_FHIR: Final = ("application/fhir+json", "application/fhir+xml")
_PATCHES: Final = ("application/json-patch+json", "application/xml-patch+xml", "application/fhir+json")
_RESOURCE: Final = {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}
_PATIENT: Final = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:example:mrn", "value": "12345"}],
    "name": [{"family": "Okafor", "given": ["Ada"]}],
    "gender": "female",
    "birthDate": "1987-02-20",
}
_BUNDLE: Final = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:6f2a1f4e-6e0c-4b5e-9f0a-3d2f6b1c7a90",
            "resource": _PATIENT,
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:example:mrn|12345"},
        }
    ],
}
_EXAMPLES: Final[Mapping[str, Any]] = {
    "create": _PATIENT,
    "update": {"id": "ada", **_PATIENT},
    "transaction": _BUNDLE,
    "patch": [{"op": "replace", "path": "/birthDate", "value": "1987-02-21"}],
    "operation": {"resourceType": "Parameters", "parameter": []},
}
_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "id": {"description": "logical id", "schema": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}},
    "vid": {"description": "version id", "schema": {"type": "string"}},
    "name": {"description": "code of the operation", "schema": {"type": "string"}},
}
_QUERY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "search": (
        ("_count", "Resources on a page"),
        ("_sort", "Parameters to sort by, `-` before a name for descending"),
        ("_include", "What else to bring along: `Observation:patient`"),
        ("_revinclude", "What refers to the matches: `Provenance:target`"),
        ("_total", "`accurate`, `estimate` or `none`"),
        ("_summary", "`true`, `text`, `data`, `count` or `false`"),
        ("_elements", "Elements to return, separated by commas"),
    ),
    "history": (
        ("_count", "Versions on a page"),
        ("_since", "Versions from this instant on"),
        ("_at", "Versions that were current at some moment of this period"),
    ),
    "read": (
        ("_summary", "`true`, `text`, `data` or `false`"),
        ("_elements", "Elements to return, separated by commas"),
    ),
}


def _paths(routes: Router, base: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in routes.table:
        path = f"{base}/{route.shape}".rstrip("/").replace("[", "{").replace("]", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    tag, summary, text = _SUMMARIES.get(route.interaction, ("The whole system", route.interaction, ""))
    if route.shape == "[type]" and route.interaction in ("update", "patch", "delete"):
        summary += " what matches criteria"
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        "description": text,
        "operationId": f"{route.method} {route.shape or 'base'}".lower(),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.method in ("POST", "PUT", "PATCH"):
        operation["requestBody"] = _body(route)
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "[type]" in route.shape:
        schema = {"type": "string", "enum": list(definitions().resource_types)}
        found.append({"name": "type", "in": "path", "required": True, "schema": schema, "example": "Patient"})
    found += (
        {"name": part, "in": "path", "required": True, **known}
        for part, known in _PARTS.items()
        if f"[{part}]" in route.shape
    )
    queries = _QUERY.get(route.interaction.partition("-")[0], ()) if route.method == "GET" else ()
    found += (
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}} for name, text in queries
    )
    if route.interaction == "search-type" and route.method == "GET":
        found.append(
            {
                "name": "criteria",
                "in": "query",
                "description": "Search parameters of the type, as an object: name → value",
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                "style": "form",
                "explode": True,
                "example": {"name": "okafor"},
            }
        )
    if route.interaction in ("update", "patch", "delete"):
        found.append(_header("If-Match", 'ETag of the version that is meant: `W/"1"`'))
    if route.interaction == "create":
        found.append(_header("If-None-Exist", "criteria: create only where nothing matches"))
    return found


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _body(route: Route) -> dict[str, Any]:
    if route.shape.endswith("_search"):
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        return {"content": {"application/x-www-form-urlencoded": {"schema": form, "example": {"name": "okafor"}}}}
    types = _PATCHES if route.interaction == "patch" else _FHIR
    content: dict[str, Any] = {media_type: {"schema": _RESOURCE} for media_type in types}
    content[types[0]] = {"schema": {} if route.interaction == "patch" else _RESOURCE}
    if route.interaction in _EXAMPLES:
        content[types[0]]["example"] = _EXAMPLES[route.interaction]
    return {"required": route.interaction != "operation", "content": content}


def _responses(route: Route) -> dict[str, Any]:
    good = {"create": "201", "delete": "204", "purge": "204"}.get(route.interaction, "200")
    answer = {"description": "Done"} if good == "204" else {"description": "Done", "content": _content()}
    problem = {"description": "An OperationOutcome says what is wrong, and where", "content": _content()}
    return {good: answer, "4XX": problem}


def _content() -> dict[str, Any]:
    return {media_type: {"schema": _RESOURCE} for media_type in _FHIR}
