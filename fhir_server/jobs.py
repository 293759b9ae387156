"""Long work in the background that belongs to the database, not to a process: leases, progress, cancelling, resuming.

http://hl7.org/fhir/R4/async.html

A job is a small record in the store's state. One process at a time holds it, by a lease that it renews whenever it writes
down how far it is; where that process dies, the lease runs out and another one goes on from what was written last. Every
process can see how far a job is.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from fhir_server.model import now
from fhir_server.storage.base import StateConflict, StateStore, Store

SPACE: Final = "jobs"

LEASE: Final = timedelta(seconds=15)
"""How long a process that says nothing keeps a job."""

LOOK_EVERY: Final = 0.25
"""Seconds between two looks for work: two reads of a small record."""

log: Final = logging.getLogger(__name__)


class Lost(Exception):
    """The job is not this process's any more: it was cancelled, or its lease ran out and another process has it."""


class Job(msgspec.Struct, frozen=True):
    """How a job stands. `place` is its own note of where to go on; `error` says why it failed, or fails at the moment."""

    status: str = "waiting"  # waiting | running | done | failed | cancelled
    done: int = 0
    total: int = 0
    place: bytes = b""
    owner: str = ""
    until: datetime | None = None
    began: datetime | None = None
    ended: datetime | None = None
    error: str = ""

    @property
    def over(self) -> bool:
        return self.status in ("done", "failed", "cancelled")

    @property
    def held(self) -> bool:
        """Some process works on it, as far as its lease tells."""
        return self.until is not None and self.until > now() and not self.over


class Held:
    """A job that this process holds."""

    def __init__(self, name: str, job: Job, revision: int) -> None:
        self.name = name
        self.job = job
        self._revision = revision

    async def write(self, state: StateStore, **changes: Any) -> None:
        """Writes down how far the job is, and renews the lease. With a transaction's state: if that is committed.

        Raises Lost: then nothing more may be done for it.
        """
        until = None if changes.get("status", self.job.status) != "running" else now() + LEASE
        job = msgspec.structs.replace(self.job, **{"until": until, **changes})
        try:
            revision = await state.write(SPACE, self.name, _packed(job), expected=self._revision)
        except StateConflict as error:
            raise Lost(self.name) from error
        self.job, self._revision = job, revision

    def mark(self) -> tuple[Job, int]:
        """What to give to `back` where the transaction that `write` took part in is run again or undone."""
        return self.job, self._revision

    def back(self, mark: tuple[Job, int]) -> None:
        self.job, self._revision = mark

    async def end(self, state: StateStore, status: str, error: str = "") -> None:
        """The job is over. Raises Lost."""
        await self.write(state, status=status, ended=now(), error=error, owner="")


async def find(state: StateStore, name: str) -> Job | None:
    """The job as it stands; None where there never was one of this name."""
    record = await state.read(SPACE, name)
    return None if record is None else _unpacked(record.value)


async def claim(state: StateStore, name: str, owner: str) -> Held | None:
    """The job, held by `owner` from now on; a new one where there is none or the last is over. None: another has it."""
    record = await state.read(SPACE, name)
    job = Job() if record is None else _unpacked(record.value)
    if job.held:
        return None
    if job.over:
        job = Job()
    job = msgspec.structs.replace(job, status="running", owner=owner, until=now() + LEASE, began=job.began or now())
    try:
        revision = await state.write(SPACE, name, _packed(job), expected=record.revision if record else None)
    except StateConflict:
        return None
    return Held(name, job, revision)


async def cancel(state: StateStore, name: str) -> bool:
    """Whoever holds the job finds it lost at its next step. False where there is none under way."""
    while True:
        record = await state.read(SPACE, name)
        if record is None or (job := _unpacked(record.value)).over:
            return False
        ended = msgspec.structs.replace(job, status="cancelled", until=None, ended=now())
        try:
            await state.write(SPACE, name, _packed(ended), expected=record.revision)
        except StateConflict:
            continue
        return True


@dataclass(frozen=True, slots=True)
class Kind:
    """What a worker does: `due` asks whether there is anything to do, `run` does it and ends the job."""

    due: Callable[[], Awaitable[bool]]
    run: Callable[[Held], Awaitable[None]]


class Worker:
    """The part of a process that looks for jobs and works on them, one of a kind at a time."""

    def __init__(self, store: Store, kinds: Mapping[str, Kind]) -> None:
        self._store = store
        self._kinds = kinds
        self._owner = secrets.token_hex(8)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._watch(name, kind)) for name, kind in self._kinds.items()]

    async def stop(self) -> None:
        """Stops in the middle of whatever is under way, and lets others have it at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, name: str, kind: Kind) -> None:
        pause = LOOK_EVERY
        while True:
            await asyncio.sleep(pause)
            try:
                held = await claim(self._store.state, name, self._owner) if await kind.due() else None
                if held is not None:
                    await self._work(kind, held)
                pause = LOOK_EVERY
            except Exception:
                log.exception("a background job failed and will be tried again", extra={"job": name})
                pause = min(2 * pause, LEASE.total_seconds())

    async def _work(self, kind: Kind, held: Held) -> None:
        try:
            await kind.run(held)
        except Lost:
            log.info("a background job went to another process", extra={"job": held.name})
        except asyncio.CancelledError:
            await self._release(held, "")
            raise
        except Exception as error:
            await self._release(held, f"{type(error).__name__}: {error}")
            raise

    async def _release(self, held: Held, error: str) -> None:
        """The lease ends now; what was written down stays."""
        try:
            await held.write(self._store.state, status="waiting", owner="", error=error)
        except Exception:  # noqa: BLE001 - the lease runs out by itself
            log.warning("a background job could not be handed over", extra={"job": held.name})


def _packed(job: Job) -> bytes:
    return msgspec.msgpack.encode(job)


def _unpacked(value: bytes) -> Job:
    return msgspec.msgpack.decode(value, type=Job)
