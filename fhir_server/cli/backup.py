"""`fhir-server backup`: a consistent copy of the store, taken while the server runs."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from fhir_server.cli.options import Store
from fhir_server.cli.stores import opened
from fhir_server.settings import from_environment


def backup(
    target: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")], store: Store = None
) -> None:
    """Copy the whole store into one file; the server may go on running."""

    async def run() -> None:
        async with opened(from_environment(store=store)) as source:
            await source.backup(target)

    asyncio.run(run())
    print(f"{target}: {target.stat().st_size:,} bytes")
