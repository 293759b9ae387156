"""Packages that were sent over HTTP: kept in the store's state until a process has installed them in the background.

http://hl7.org/fhir/R4/async.html

Whichever process has the job works on it; where it dies, another one goes on, or the same after its restart.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from fhir_server import jobs
from fhir_server.context import Server
from fhir_server.jobs import Held, Lost
from fhir_server.model import now
from fhir_server.outcome import Conflict, FhirError, Unavailable
from fhir_server.packages import manifest
from fhir_server.packages.install import install
from fhir_server.storage.base import StateConflict, StateStore

log: Final = logging.getLogger(__name__)

JOB: Final = "packages"
UPLOADS: Final = "package-uploads"
FAILURES: Final = "package-failures"
KEPT: Final = timedelta(days=1)
"""For how long a failure is told of."""


async def put(state: StateStore, key: str, raw: bytes) -> None:
    """The package waits for its installation; nothing is changed where the same one waits already.

    Raises Conflict where other content under this name and version waits.
    """
    there = await state.read(UPLOADS, key)
    if there is None:
        try:
            await state.write(UPLOADS, key, raw)
        except StateConflict:
            there = await state.read(UPLOADS, key)
    if there is not None and there.value != raw:
        raise Conflict(f"Another package {key} is being installed at the moment; try again when it is done")
    failed = await state.read(FAILURES, key)
    if failed is not None:
        await state.delete(FAILURES, key, expected=failed.revision)


async def waiting(state: StateStore) -> list[str]:
    """The packages (`name|version`) that are not installed yet."""
    return sorted(await state.names(UPLOADS))


async def progress(state: StateStore, key: str) -> str:
    """How far the installation of a package is, for people; "" where none is under way."""
    if key not in await state.names(UPLOADS):
        return ""
    job = await jobs.find(state, JOB)
    if job is None or job.over or job.place != key.encode():
        return "waiting"
    return f"{job.done:,} of {job.total:,} files"


async def failure(state: StateStore, key: str) -> str:
    """Why the last installation that was asked for could not be done; "" where it could."""
    found = await state.read(FAILURES, key)
    return "" if found is None else found.value.decode()


async def run(server: Server, held: Held) -> None:
    """All that waits is installed, one package after the other, and the job ends. Raises Lost."""
    state = server.store.state

    async def advance(done: int, total: int) -> None:
        await held.write(state, done=done, total=total)

    while keys := await waiting(state):
        key = keys[0]
        record = await state.read(UPLOADS, key)
        if record is None:
            continue
        await held.write(state, place=key.encode(), done=0, total=0)
        try:
            package = await asyncio.to_thread(manifest.read, record.value, server.settings.max_package_unpacked)
            await install(server, package, advance)
        except (Lost, Unavailable, StateConflict):
            raise  # another process goes on, or this one when the database is back
        except FhirError as error:
            await _fail(state, key, str(error))
        except Exception:
            log.exception("a package could not be installed", extra={"package": key})
            await _fail(state, key, f"{key} could not be installed: a fault of the server, which its log tells of")
        await state.delete(UPLOADS, key, expected=record.revision)
    await held.end(state, "done")


async def _fail(state: StateStore, key: str, text: str) -> None:
    there = await state.read(FAILURES, key)
    expected = there.revision if there else None
    await state.write(FAILURES, key, text.encode(), expected=expected, expires=now() + KEPT)
