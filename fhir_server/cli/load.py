"""`fhir-server load`: files, folders and archives of resources into the store."""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from fhir_server.cli.loader import Loader, Report
from fhir_server.cli.options import Quiet, Store
from fhir_server.cli.progress import bar, console
from fhir_server.cli.sources import items
from fhir_server.cli.stores import assembled
from fhir_server.settings import from_environment

SHOWN = 20


def load(
    paths: Annotated[
        list[Path], typer.Argument(help="Files (.json .ndjson .xml, .gz), folders, archives (.tar.gz .zip …).")
    ],
    store: Store = None,
    quiet: Quiet = False,
) -> None:
    """Load resources and Bundles. Interrupted? The same command goes on where it stopped."""
    start = perf_counter()
    report = asyncio.run(_load(paths, store, quiet=quiet))
    seconds = perf_counter() - start
    print(f"{report.loaded:,} resources loaded in {seconds:.1f} s ({report.loaded / seconds:,.0f}/s)")
    if report.skipped:
        print(f"{report.skipped:,} were there from the interrupted run")
    for failure in report.failures[:SHOWN]:
        for issue in failure.error.issues[:5]:
            console.print(f"[red]refused[/] {failure.place}: {issue.text} {' '.join(issue.expression)}", soft_wrap=True)
    if report.failures:
        more = len(report.failures) - SHOWN
        console.print(f"{len(report.failures):,} refused" + (f", {more:,} of them not shown" if more > 0 else ""))
        raise typer.Exit(1)


async def _load(paths: list[Path], url: str | None, *, quiet: bool) -> Report:
    settings = from_environment(store=url)
    run = "\n".join(str(path.resolve()) for path in paths)
    async with assembled(settings, create=True) as server:
        with bar("load", quiet=quiet) as shown:
            return await Loader(server, run, shown.advance).load(items(paths))
