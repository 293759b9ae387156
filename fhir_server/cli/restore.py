"""`fhir-server restore`: a backup becomes the store."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from fhir_server.cli.options import Store
from fhir_server.cli.stores import opened, sqlite_path
from fhir_server.settings import SettingError, from_environment


def restore(
    backup: Annotated[
        Path, typer.Argument(help="A file that `fhir-server backup` wrote.", exists=True, dir_okay=False)
    ],
    store: Store = None,
) -> None:
    """Make a new store from a backup. The store must not exist yet; the copy is checked before it takes the name."""
    settings = from_environment(store=store)
    target = sqlite_path(settings)
    if target.exists():
        raise SettingError(f"{target} exists: restore to another file, or move that one away first")
    draft = target.with_name(target.name + ".restoring")
    shutil.copyfile(backup, draft)
    try:
        asyncio.run(_check(f"sqlite:///{draft}"))
        os.replace(draft, target)
    finally:
        for leftover in draft.parent.glob(draft.name + "*"):
            leftover.unlink()
    print(f"{target}: restored from {backup}")


async def _check(url: str) -> None:
    async with opened(from_environment(store=url)) as copy:
        problems = await copy.check()
    if problems:
        listed = "; ".join(f"{problem.place}: {problem.text}" for problem in problems[:5])
        raise SettingError(f"the backup is damaged, nothing was restored: {listed}")
