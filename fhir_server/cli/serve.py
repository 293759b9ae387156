"""`fhir-server serve`: the server, with one or more worker processes."""

import asyncio
import errno
import os
import signal
import socket
import sys
from typing import Annotated

import typer
import uvicorn

from fhir_server.app import check_exposure, check_validation
from fhir_server.cli import demo as demo_data
from fhir_server.cli.options import Store
from fhir_server.cli.progress import console
from fhir_server.cli.stores import shown
from fhir_server.settings import SettingError, Settings, from_environment, to_environment, unknown


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8000")] = None,
    store: Store = None,
    auth: Annotated[str | None, typer.Option(help="none, or smart.", show_default="none")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", show_default="1")] = None,
    base_url: Annotated[str | None, typer.Option(help="Public base URL of the FHIR API.")] = None,
    demo: Annotated[bool | None, typer.Option("--demo", help="Load the demo data into an empty store.")] = None,
    allow_open: Annotated[
        bool | None, typer.Option("--allow-open", help="Let --auth none listen beyond loopback.")
    ] = None,
) -> None:
    """Serve FHIR R4 over HTTP until told to stop; requests under way are finished then."""
    settings = from_environment(
        host=host,
        port=port,
        store=store,
        auth=auth,
        workers=workers,
        base_url=base_url,
        demo=demo,
        allow_open=allow_open,
    )
    for name in unknown():
        console.print(f"[yellow]warning:[/] {name} is not a setting (see `fhir-server settings`)")
    check_exposure(settings)
    check_validation(settings)
    require_port(settings)
    asyncio.run(demo_data.prepare(settings))
    greet(settings)
    os.environ |= to_environment(settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # raised again by uvicorn once it has stopped in good order
    uvicorn.run(
        "fhir_server.app:from_settings",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http="fhir_server.rest.protocol:Protocol",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.graceful_timeout),
    )


def require_port(settings: Settings) -> None:
    """Raises SettingError where the address cannot be listened on: before anything is loaded or started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        reason = "is in use: name another with --port" if error.errno == errno.EADDRINUSE else f"cannot be had: {error}"
        raise SettingError(f"port {settings.port} on {settings.host} {reason}") from error


def greet(settings: Settings) -> None:
    """Says where things are, in a form to click on."""
    root = f"http://{settings.host}:{settings.port}"
    console.print(f"\n[bold]FHIR R4 server[/] on {root}")
    for name, url in (
        ("FHIR API", settings.base_url or f"{root}/fhir"),
        ("Capabilities", f"{root}/fhir/metadata"),
        ("Documentation", f"{root}/docs"),
        ("Store", shown(settings.store)),
    ):
        console.print(f"  {name:14} {url}", highlight=False, soft_wrap=True)
    if settings.auth == "none":
        console.print(
            "  [yellow]No sign-in (--auth none): whoever reaches this address may read and change everything.[/]",
            soft_wrap=True,
        )
    console.print("  Ctrl+C stops it.\n")
