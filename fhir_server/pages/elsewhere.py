"""Paths that are neither the FHIR API nor a page: people are led back, programs get an OperationOutcome.

http://hl7.org/fhir/R4/http.html#root: a client whose base URL is wrong ends here most often, so both say where the API is.
"""

from html import escape
from importlib.resources import files
from string import Template
from typing import Final

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from fhir_server.context import Server
from fhir_server.outcome import FhirError, MethodNotAllowed, NotFound

_PAGE: Final = Template((files("fhir_server.pages") / "static" / "elsewhere.html").read_text("utf-8"))


def lead_back(pages: FastAPI) -> None:
    """404 and 405 of the pages say where the FHIR API is."""
    pages.exception_handlers[404] = _elsewhere
    pages.exception_handlers[405] = _elsewhere


async def _elsewhere(request: Request, error: Exception) -> Response:
    server: Server = request.app.state.server
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    path = request.scope["path"]
    text = f"{request.scope['method']} {path} is not possible here" if status == 405 else f"There is nothing at {path}"
    if "text/html" in request.headers.get("accept", ""):
        page = _PAGE.substitute(text=escape(text), base=escape(server.base_url))
        return HTMLResponse(page, status_code=status, headers=headers)
    kind: type[FhirError] = MethodNotAllowed if status == 405 else NotFound
    outcome = kind(f"{text}; the FHIR API is at {server.base_url}").outcome()
    return Response(orjson.dumps(outcome), status, headers | {"content-type": "application/fhir+json; charset=utf-8"})
