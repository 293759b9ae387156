"""`fhir-server package add | list | remove`: implementation guides in the store."""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from fhir_server.cli.options import Quiet, Store
from fhir_server.cli.progress import console
from fhir_server.cli.stores import assembled, opened
from fhir_server.packages import manifest, record
from fhir_server.packages.install import install, uninstall
from fhir_server.settings import from_environment

package = typer.Typer(
    name="package", help="FHIR packages (implementation guides): add, list, remove.", no_args_is_help=True
)


@package.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="Packages as .tgz files.")],
    store: Store = None,
    quiet: Quiet = False,
) -> None:
    """Install packages. Interrupted? The same command goes on. Nothing is fetched: give the dependencies, too."""
    asyncio.run(_add(files, store, quiet=quiet))


@package.command("list")
def list_(store: Store = None) -> None:
    """Show what is installed, with what each package still lacks."""
    asyncio.run(_list(store))


@package.command()
def remove(name: Annotated[str, typer.Argument(help="name|version, as listed.")], store: Store = None) -> None:
    """Delete what a package alone brought; the history of it stays."""
    asyncio.run(_remove(name, store))


async def _add(files: list[Path], url: str | None, *, quiet: bool) -> None:
    settings = from_environment(store=url)
    async with assembled(settings, create=True) as server:
        for file in files:
            start = perf_counter()
            found = await install(server, manifest.read(file.read_bytes(), settings.max_package_unpacked))
            seconds = perf_counter() - start
            print(f"{found.key}: {len(found.resources)} resources in {seconds:.1f} s")
            if not quiet:
                for what, why in found.left_out:
                    console.print(f"left out: {what}: {why}", soft_wrap=True, markup=False)
                for what, why in found.unused:
                    console.print(f"stored, not searched by: {what}: {why}", soft_wrap=True, markup=False)
        there = await record.every(server.store.state)
        for one in there:
            for name in record.missing(one, there):
                print(f"{one.key} depends on {name}, which is not installed")


async def _list(url: str | None) -> None:
    async with opened(from_environment(store=url)) as store:
        there = await record.every(store.state)
        for one in there:
            state = "" if one.complete else f" (incomplete: {'remove' if one.going else 'add'} it again)"
            print(f"{one.key}  {len(one.resources)} resources  {one.title}{state}")
            for name in record.missing(one, there):
                print(f"  depends on {name}, which is not installed")


async def _remove(key: str, url: str | None) -> None:
    settings = from_environment(store=url)
    async with assembled(settings) as server:
        gone = await uninstall(server, key)
        print(f"{gone.key}: removed")
