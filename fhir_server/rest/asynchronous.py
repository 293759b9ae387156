"""Prefer: respond-async: the answer is made in the background and fetched from a status URL.

http://hl7.org/fhir/R4/async.html: 202 with Content-Location; there 202 while it runs, then 200, DELETE to forget it. The
result of a request that is no bulk export is a Bundle of type batch-response with the one answer in it.

The result lies in the store's state for an hour, so that any worker can hand it out, and a restart does not lose it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import msgspec

from fhir_server.bundle import bundle, done
from fhir_server.bundle import response as written
from fhir_server.context import Response, Server
from fhir_server.interactions.preferred import content
from fhir_server.model import now
from fhir_server.outcome import FhirError, NotFound, TooLarge, TooManyRequests
from fhir_server.rest import errors
from fhir_server.storage.base import StateConflict

SPACE: Final = "async"
KEPT: Final = timedelta(hours=1)
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


class Job(msgspec.Struct):
    """What the state holds in the space of its owner: the Bundle, once it is there."""

    result: bytes | None = None


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
        revision = await state.write(_space(owner), name, _packed(Job()), expires=now() + KEPT)
        task = asyncio.create_task(self._run(_space(owner), name, revision, method, answer, request_id))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))
        return Response(202, headers={"Content-Location": f"{self._server.base_url}/{PATH}/{name}"})

    async def status(self, owner: str, name: str) -> Response:
        """200 with the result, 202 while there is none. Raises NotFound: never there, another's, forgotten, expired."""
        job, _ = await self._job(owner, name)
        if job.result is None:
            return Response(202, headers={"X-Progress": "in progress", "Retry-After": "1"})
        return Response(200, body=job.result)

    async def forget(self, owner: str, name: str) -> Response:
        """202: the work is stopped (where it is this process's) and its result will not be kept."""
        _, revision = await self._job(owner, name)
        await self._server.store.state.delete(_space(owner), name, expected=revision)
        if task := self._running.get(name):
            task.cancel()
        return Response(202)

    async def close(self, seconds: float) -> None:
        """Waits for what runs, at most so long; the rest is stopped."""
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=seconds)
            for task in late:
                task.cancel()

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
        try:
            response = await answer()
        except FhirError as error:
            response = errors.response(error)
        except Exception as error:  # noqa: BLE001 - a defect is an answer too
            response = errors.fault(error, request_id, "respond-async")
        job = Job(self._bundle(method, response))
        try:
            await self._server.store.state.write(space, name, _packed(job), expected=revision, expires=now() + KEPT)
        except StateConflict:
            return  # forgotten meanwhile

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


def _space(owner: str) -> str:
    return f"{SPACE} {owner}"


def _packed(job: Job) -> bytes:
    return msgspec.msgpack.encode(job)
