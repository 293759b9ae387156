"""The FastAPI application beside the FHIR API: a landing page, documentation, health, metrics.

https://fastapi.tiangolo.com. None of it loads anything from elsewhere: hospital networks are closed.
"""

from fastapi import FastAPI

from fhir_server.context import Server
from fhir_server.observability.metrics import Metrics
from fhir_server.pages import docs, elsewhere, health, landing
from fhir_server.rest.asgi import Application, Message, Receive, Scope, Send
from fhir_server.rest.headers import SAFE_IN_BROWSERS

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def application(server: Server, metrics: Metrics) -> FastAPI:
    """The pages of this server."""
    pages = FastAPI(
        title="FHIR R4 server",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        default_response_class=health.Json,
    )
    pages.state.server = server
    pages.state.metrics = metrics
    for router in (landing.router, docs.router, health.router):
        pages.include_router(router)
    elsewhere.lead_back(pages)
    pages.openapi = lambda: docs.openapi(pages)  # type: ignore[method-assign]
    return pages


class Paged:
    """Round the pages: the headers that keep browsers from doing anything else with them."""

    def __init__(self, pages: Application) -> None:
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", POLICY),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    *SAFE_IN_BROWSERS,
                ]
            await send(message)

        if scope["method"] == "HEAD":  # FastAPI knows only GET; the server leaves the body out of what HEAD asked for
            scope = {**scope, "method": "GET"}
        await self._pages(scope, receive, safely)
