"""Prefer: respond-async: the answer is made in the background and fetched from a status URL.

http://hl7.org/fhir/R4/async.html: 202 with Content-Location; there 202 while it runs, then 200, DELETE to forget it. The
result of a request that is no bulk export is a Bundle of type batch-response with the one answer in it.

The result lies in the store's state for an hour, so that any worker can hand it out, and a restart does not lose it. Until
it is there, the process that works on it says there, every few seconds, that it is alive; where it dies, the request has
failed: whether it was carried out is not known, so that nobody does it again. Whichever process is told to forget it, the
work stops.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import msgspec

from fhir_server.bundle import bundle, done
from fhir_server.bundle import response as written
from fhir_server.context import Response, Server
from fhir_server.interactions.preferred import content
from fhir_server.model import now
from fhir_server.outcome import FhirError, NotFound, TooLarge, TooManyRequests, Unavailable
from fhir_server.rest import errors
from fhir_server.storage.base import StateConflict

SPACE: Final = "async"
KEPT: Final = timedelta(hours=1)
LEASE: Final = timedelta(seconds=6)
"""A process that has said nothing for so long is dead."""

LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether the request has been forgotten; the lease is renewed after a third of it."""

AT_ONCE: Final = 16
"""Requests that one process works on in the background."""

MOST_KEPT: Final = 64
"""Requests of one caller whose results are kept, or are being made."""

MOST_BYTES: Final = 64 * 2**20
"""What one result may hold: it lies in the database and goes out in one piece."""

RETRY_AFTER: Final = "60"
"""Seconds after which a caller with too many results may ask again; a DELETE of one of them helps at once."""

PATH: Final = "_async"
"""Where the status URLs are, below the base."""

log: Final = logging.getLogger(__name__)


class Job(msgspec.Struct):
    """What the state holds in the space of its owner: the Bundle, once it is there; `until` it is being worked on, before."""

    result: bytes | None = None
    until: datetime | None = None

    @property
    def abandoned(self) -> bool:
        return self.result is None and (self.until is None or self.until < now())


class Jobs:
    """The background requests of one process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._running: dict[str, asyncio.Task[None]] = {}

    async def start(
        self, owner: str, method: str, answer: Callable[[], Awaitable[Response]], request_id: str
    ) -> Response:
        """202: `answer` is being worked on, and its status is at Content-Location. Raises TooManyRequests."""
        state = self._server.store.state
        if len(self._running) >= AT_ONCE:
            raise TooManyRequests(f"The server works on {AT_ONCE} requests in the background already; try again later")
        if len(await state.names(_space(owner))) >= MOST_KEPT:
            raise TooManyRequests(
                f"{MOST_KEPT} results are kept for you already; DELETE the status URL of each that you have fetched",
                headers={"Retry-After": RETRY_AFTER},
            )
        name = secrets.token_urlsafe(18)
        revision = await state.write(_space(owner), name, _packed(Job(until=now() + LEASE)), expires=now() + KEPT)
        task = asyncio.create_task(self._run(_space(owner), name, revision, method, answer, request_id))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))
        return Response(202, headers={"Content-Location": f"{self._server.base_url}/{PATH}/{name}"})

    async def status(self, owner: str, name: str) -> Response:
        """200 with the result, 202 while there is none. Raises NotFound: never there, another's, forgotten, expired."""
        job, revision = await self._job(owner, name)
        if job.abandoned and name not in self._running:
            failed = Job(self._bundle("GET", errors.response(_broken_off("The process that worked on it ended"))))
            try:
                await self._keep(_space(owner), name, revision, failed)
            except StateConflict:
                return await self.status(owner, name)  # something was said meanwhile
            job = failed
        if job.result is None:
            return Response(202, headers={"X-Progress": "in progress", "Retry-After": "1"})
        return Response(200, body=job.result)

    async def forget(self, owner: str, name: str) -> Response:
        """202: the work is stopped, here at once and in another process soon; its result will not be kept."""
        while True:
            _, revision = await self._job(owner, name)
            try:
                await self._server.store.state.delete(_space(owner), name, expected=revision)
            except StateConflict:
                continue  # its lease was renewed meanwhile
            break
        if task := self._running.get(name):
            task.cancel()
        return Response(202)

    async def close(self, seconds: float) -> None:
        """Waits for what runs, at most so long; the rest is stopped."""
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _job(self, owner: str, name: str) -> tuple[Job, int]:
        record = await self._server.store.state.read(_space(owner), name)
        if record is None:
            raise NotFound("There is no such request; results are kept for an hour")
        return msgspec.msgpack.decode(record.value, type=Job), record.revision

    async def _run(
        self,
        space: str,
        name: str,
        revision: int,
        method: str,
        answer: Callable[[], Awaitable[Response]],
        request_id: str,
    ) -> None:
        work = asyncio.create_task(_answered(answer, request_id))
        try:
            revision = await self._held(space, name, revision, work)
            response = work.result()
        except asyncio.CancelledError:
            response = errors.response(_broken_off("The server was stopped before it was done"))
        except StateConflict:
            return  # forgotten meanwhile
        finally:
            work.cancel()
        try:
            await self._keep(space, name, revision, Job(self._bundle(method, response)))
        except StateConflict:
            return  # forgotten meanwhile
        except Unavailable:
            log.warning("the result of a background request could not be kept", extra={"job": name})

    async def _held(self, space: str, name: str, revision: int, work: asyncio.Task[Response]) -> int:
        """The record's revision, once the work is over; until then the lease is renewed. Raises StateConflict: forgotten."""
        state, renewed = self._server.store.state, monotonic()
        while not (await asyncio.wait((work,), timeout=LOOK_EVERY))[0]:
            try:
                if await state.revision(space, name) != revision:
                    raise StateConflict(name)
                if monotonic() - renewed > LEASE.total_seconds() / 3:
                    revision = await self._keep(space, name, revision, Job(until=now() + LEASE))
                    renewed = monotonic()
            except Unavailable:
                log.warning("a background request could not say that it is alive", extra={"job": name})
        return revision

    async def _keep(self, space: str, name: str, revision: int, job: Job) -> int:
        return await self._server.store.state.write(space, name, _packed(job), expected=revision, expires=now() + KEPT)

    def _bundle(self, method: str, response: Response) -> bytes:
        body = content(method, "", response)
        if body is not None and len(body) > MOST_BYTES:
            done_all_the_same = "; what it wrote is written" if method != "GET" else ""
            response = errors.response(
                TooLarge(
                    f"The result holds {len(body)} bytes, more than the {MOST_BYTES} that are kept: ask for less at once"
                    f"{done_all_the_same}",
                    code="too-costly",
                )
            )
        outcome = None
        if response.issues and response.version is None:
            body, outcome = None, FhirError(issues=response.issues).outcome()
        key = str(response.version.key) if response.version is not None and body is not None else ""
        answer = written(
            response.status,
            location=response.location,
            etag=response.etag,
            last_modified=response.last_modified,
            outcome=outcome,
        )
        return bundle("batch-response", [done(self._server.base_url, key, body, answer)])


async def _answered(answer: Callable[[], Awaitable[Response]], request_id: str) -> Response:
    try:
        return await answer()
    except FhirError as error:
        return errors.response(error)
    except Exception as error:  # noqa: BLE001 - a defect is an answer too
        return errors.fault(error, request_id, "respond-async")


def _broken_off(why: str) -> Unavailable:
    return Unavailable(f"{why}; ask again, and if it was to write, read first to see whether it was carried out")


def _space(owner: str) -> str:
    return f"{SPACE} {owner}"


def _packed(job: Job) -> bytes:
    return msgspec.msgpack.encode(job)
