"""The real server inside the test process: uvicorn in a thread, on a free loopback port, over a real database file."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import uvicorn

from fhir_server.app import create_app
from fhir_server.rest.protocol import Protocol
from fhir_server.settings import Settings
from tests.http.server import free_port
from tests.stores import store_in


@contextmanager
def site(folder: Path, settings: Settings | None = None) -> Iterator[httpx.Client]:
    """A client whose base URL is the server's root; the server stops gracefully at the end of the block."""
    port = free_port()
    settings = replace(settings or Settings(), port=port)
    if settings.store == Settings().store:
        settings = replace(settings, store=store_in(folder))
    config = uvicorn.Config(
        create_app(settings),
        port=port,
        http=Protocol,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
