"""create_app: the one place where the parts meet: store, routes, hooks, the FHIR endpoint, the pages beside it.

http://hl7.org/fhir/R4/http.html is served below `/fhir`; everything else is an ordinary FastAPI application.
"""

import asyncio
import gc
import ipaddress
import logging
import os
import secrets
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from fhir_server.context import Hooks, Server
from fhir_server.indexing import record
from fhir_server.indexing.reindex import Reindex
from fhir_server.interactions import claims, releases, stored_query
from fhir_server.interactions.codesystem import keep_concepts
from fhir_server.interactions.conformance import LEVELS, announce, forget
from fhir_server.interactions.searchparameter import take_effect
from fhir_server.jobs import Held, Kind, Worker
from fhir_server.observability import logs
from fhir_server.observability.logs import AccessLog
from fhir_server.observability.metrics import Metrics, shared_folder
from fhir_server.observability.tracing import traced
from fhir_server.packages import waiting
from fhir_server.releases.importing import swept
from fhir_server.rest.asgi import Application, Receive, Scope, Send, lifespan
from fhir_server.rest.cors import Cors
from fhir_server.rest.endpoint import Endpoint
from fhir_server.routes import Routes
from fhir_server.search.index import extract
from fhir_server.search.registry import under
from fhir_server.settings import SettingError, Settings, from_environment
from fhir_server.storage import unfinished
from fhir_server.storage.base import StateConflict, Store
from fhir_server.storage.open import open_store
from fhir_server.terminology.remote.configured import checked, configured
from fhir_server.validation import structure
from fhir_server.validation.known import TYPES, required

BASE: Final = "/fhir"
"""Where the FHIR API always is; a path of `base_url` is served beside it."""

WARM_AFTER: Final = 0.25
"""Seconds from readiness to the making of what is not needed at once; a first request does not compete with it."""

COMMON: Final = ("Patient", "Observation", "Encounter", "Condition", "Procedure", "MedicationRequest")
"""Types that are likely to be written first."""

HOOKS: Final = Hooks(
    before_write={
        "SearchParameter": (take_effect,),
        "OperationDefinition": (stored_query.take_effect,),
        **dict.fromkeys(TYPES, (announce,)),
        "CodeSystem": (keep_concepts, announce),
        "StructureDefinition": (announce, claims.declared),
    },
    after_commit=dict.fromkeys(TYPES, (forget,)),
)
"""What the core itself does at a write."""

log: Final = logging.getLogger("fhir.app")


def create_app(settings: Settings, store: Store | None = None) -> Application:
    """The whole server as an ASGI application with a lifespan. A `store` that is given is open, and stays open."""
    check_exposure(settings)
    check_validation(settings)
    check_terminology(settings)
    if not _loopback(settings.host):
        log.warning("open to the network without sign-in: whoever reaches this address can read and change everything")
    outermost: Application = Cors(Site(settings, store), settings.cors_origins)
    return traced(outermost) if settings.telemetry else outermost


def from_settings() -> Application:
    """The application that the environment describes (`FHIR_*`): what each worker process runs."""
    settings = from_environment()
    logs.configure(settings.log_level, settings.log_format)
    return create_app(settings)


def check_validation(settings: Settings) -> None:
    """Raises SettingError where it cannot be told what writes are to be held to."""
    if settings.validation not in LEVELS:
        raise SettingError(f"FHIR_VALIDATION={settings.validation}: expected one of {', '.join(LEVELS)}")
    try:
        asked = required(settings.required_profiles)
    except ValueError as error:
        raise SettingError(f"FHIR_REQUIRED_PROFILES: {error}") from error
    if asked and settings.validation != "profiles":
        raise SettingError("FHIR_REQUIRED_PROFILES asks for profiles, and FHIR_VALIDATION is not profiles")


def check_terminology(settings: Settings) -> None:
    """Raises SettingError where the remote terminology server cannot be one: this server itself, a target that is not allowed."""
    checked(settings)
    if settings.terminology_url.rstrip("/") in (base_url(settings), f"http://localhost:{settings.port}{BASE}"):
        raise SettingError(f"FHIR_TERMINOLOGY_URL={settings.terminology_url} is this server itself")


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
    await unfinished.refuse(store.state)
    routes = Routes(off=() if settings.purge else {"purge"})
    key = await _signing_key(store)
    server = Server(settings, store, routes, base_url(settings), key, HOOKS, remote=configured(settings, key))
    await record.keep_up(store)
    await server.follow()
    return server


def worker(server: Server) -> Worker:
    """What this process does in the background, in turn with the others on the same database."""

    async def due() -> bool:
        await server.follow()
        return server.registry.wanted

    async def packages_wait() -> bool:
        return bool(await waiting.waiting(server.store.state))

    async def install(held: Held) -> None:
        await waiting.run(server, held)

    async def concepts_wait() -> bool:
        return await server.store.state.read(releases.WORK, releases.SWEEP) is not None

    async def sweep(held: Held) -> None:
        await swept(server.store)
        await held.end(server.store.state, "done")

    kinds = {
        record.JOB: Kind(due, Reindex(server.store).run),
        waiting.JOB: Kind(packages_wait, install),
        releases.SWEEP: Kind(concepts_wait, sweep),
    }
    return Worker(server.store, kinds)


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
    """Sends requests below the FHIR base to the endpoint, all others to the pages.

    FastAPI takes longer to import than all the rest: the pages are built beside the first requests, or by the first that
    needs them.
    """

    def __init__(self, settings: Settings, store: Store | None) -> None:
        self._settings = settings
        self._given = store
        self._server: Server | None = None
        self._endpoint: Endpoint | None = None
        self._bases = _bases(settings)
        self._metrics = Metrics(shared_folder(os.getppid()) if settings.workers > 1 else None)
        self._access_log = AccessLog(settings.log_format) if log.isEnabledFor(logging.INFO) else None
        self._pages: Application | None = None
        self._building = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(self._running, receive, send)
            return
        if self._server is None or self._endpoint is None:
            raise RuntimeError("a request came before the application's lifespan had begun")
        if scope["type"] == "http":
            path = scope["path"]
            for base in self._bases:
                if path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/"):
                    await self._endpoint(scope, receive, send)
                    return
        pages = self._pages
        if pages is None:
            pages = await asyncio.to_thread(self._build, self._server)
        await pages(scope, receive, send)

    def _build(self, server: Server) -> Application:
        """The pages, built once, whichever thread comes first."""
        with self._building:
            if self._pages is None:
                from fhir_server.pages.application import Paged, application  # noqa: PLC0415 - see above

                self._pages = Paged(application(server, self._metrics))
            return self._pages

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        settings = self._settings
        store = self._given or open_store(settings.store, settings)
        if self._given is None:
            await store.open()
        try:
            self._server = server = await assemble(settings, store)
            self._endpoint = Endpoint(server, self._bases, self._metrics, self._access_log)
            log.info("ready", extra={"interactions": len(server.routes.table)})
            warming = asyncio.create_task(self._warm_later(server))
            background = worker(server)
            background.start()
            yield
            warming.cancel()
            await background.stop()
            await self._endpoint.jobs.close(settings.graceful_timeout)
        finally:
            if self._server is not None:
                await self._server.remote.close()
            if self._access_log is not None:
                self._access_log.flush()
            if self._given is None:
                await store.close()

    async def _warm_later(self, server: Server) -> None:
        await asyncio.sleep(WARM_AFTER)
        await asyncio.to_thread(self._warm, server)

    def _warm(self, server: Server) -> None:
        """What the first requests of a kind would wait for is made beside the first requests of all."""
        structure.check({"resourceType": "Patient"})
        with under(server.registry):
            for type_ in COMMON:
                extract({"resourceType": type_})
        self._build(server)
        settle()


def settle() -> None:
    """What start-up made stays for good: the collector need not look at it again, nor look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _bases(settings: Settings) -> Sequence[str]:
    path = urlsplit(settings.base_url).path.rstrip("/")
    return (BASE,) if path in ("", BASE) else (BASE, path)
