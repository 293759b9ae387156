"""`fhir-server check`: looks for damage in the store."""

import asyncio
from collections.abc import Sequence

import typer

from fhir_server.cli.options import Store
from fhir_server.cli.stores import opened
from fhir_server.settings import from_environment
from fhir_server.storage.base import Problem


def check(store: Store = None) -> None:
    """Check the store: the database's own integrity, entries without a resource, current versions. Exit 1 on problems."""

    async def run() -> Sequence[Problem]:
        async with opened(from_environment(store=store)) as source:
            return await source.check()

    problems = asyncio.run(run())
    for problem in problems:
        print(f"{problem.place}: {problem.text}")
    if problems:
        raise typer.Exit(1)
    print("no problems found")
