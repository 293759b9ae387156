"""create_app: the one place where the parts meet: store, routes, hooks, the FHIR endpoint, the pages beside it.

http://hl7.org/fhir/R4/http.html is served below `/fhir`; everything else is an ordinary FastAPI application.
"""

import gc
import ipaddress
import logging
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI

from fhir_server.context import Server
from fhir_server.observability import logs
from fhir_server.observability.logs import AccessLog
from fhir_server.observability.metrics import Metrics, shared_folder
from fhir_server.observability.tracing import traced
from fhir_server.pages.application import Paged, application
from fhir_server.rest.asgi import Application, Receive, Scope, Send
from fhir_server.rest.cors import Cors
from fhir_server.rest.endpoint import Endpoint
from fhir_server.routes import Routes
from fhir_server.settings import SettingError, Settings, from_environment
from fhir_server.storage.base import StateConflict, Store
from fhir_server.storage.open import open_store

BASE: Final = "/fhir"
"""Where the FHIR API always is; a path of `base_url` is served beside it."""

log: Final = logging.getLogger("fhir.app")


def create_app(settings: Settings, store: Store | None = None) -> Application:
    """The whole server as an ASGI application with a lifespan. A `store` that is given is open, and stays open."""
    check_exposure(settings)
    if not _loopback(settings.host):
        log.warning("open to the network without sign-in: whoever reaches this address can read and change everything")
    outermost: Application = Cors(Site(settings, store), settings.cors_origins)
    return traced(outermost) if settings.telemetry else outermost


def from_settings() -> Application:
    """The application that the environment describes (`FHIR_*`): what each worker process runs."""
    settings = from_environment()
    logs.configure(settings.log_level, settings.log_format)
    return create_app(settings)


def check_exposure(settings: Settings) -> None:
    """Raises SettingError where everybody on a network could read and change everything without anyone having said so."""
    if settings.auth != "none":
        raise SettingError(
            f"auth={settings.auth}: only none is there in this version; SMART on FHIR comes in a later one"
        )
    if not settings.allow_open and not _loopback(settings.host):
        raise SettingError(
            f"--auth none on {settings.host} would let whoever reaches this address read and change everything. "
            "Listen on 127.0.0.1, or say --allow-open (FHIR_ALLOW_OPEN=true) if the network in front is closed"
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url(settings: Settings) -> str:
    """The base of every link that the server writes, without a slash at its end; never taken from a request."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.base_url.rstrip("/") or f"http://{host}:{settings.port}{BASE}"


async def assemble(settings: Settings, store: Store) -> Server:
    """The parts put together over an open store: what serving and loading both stand on."""
    return Server(settings, store, Routes(), base_url(settings), await _signing_key(store))


async def _signing_key(store: Store) -> bytes:
    """The key of page links: made once per database, so that links work on every worker and after a restart."""
    while True:
        record = await store.state.read("keys", "signing")
        if record is not None:
            return record.value
        try:
            await store.state.write("keys", "signing", secrets.token_bytes(32))
        except StateConflict:
            continue  # another worker was faster


class Site:
    """Sends requests below the FHIR base to the endpoint, all others to the pages."""

    def __init__(self, settings: Settings, store: Store | None) -> None:
        self._settings = settings
        self._given = store
        self._endpoint: Endpoint | None = None
        self._bases = _bases(settings)
        self._metrics = Metrics(shared_folder(os.getppid()) if settings.workers > 1 else None)
        self._access_log = AccessLog(settings.log_format) if log.isEnabledFor(logging.INFO) else None
        self._application = application(self._lifespan)
        self._pages = Paged(self._application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._endpoint is not None:
            path = scope["path"]
            for base in self._bases:
                if path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/"):
                    await self._endpoint(scope, receive, send)
                    return
        await self._pages(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        settings = self._settings
        store = self._given or open_store(settings.store, settings)
        if self._given is None:
            await store.open()
        try:
            server = await assemble(settings, store)
            self._endpoint = Endpoint(server, self._bases, self._metrics, self._access_log)
            self._application.state.server = server
            self._application.state.metrics = self._metrics
            _settle()
            log.info("ready", extra={"interactions": len(server.routes.table)})
            yield
            await self._endpoint.jobs.close(settings.graceful_timeout)
        finally:
            if self._access_log is not None:
                self._access_log.flush()
            if self._given is None:
                await store.close()


def _settle() -> None:
    """What start-up made stays for good: the collector need not look at it again, nor look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _bases(settings: Settings) -> Sequence[str]:
    path = urlsplit(settings.base_url).path.rstrip("/")
    return (BASE,) if path in ("", BASE) else (BASE, path)
