"""How much at once and how long: 429 for a request too many, 503 or 408 for one that takes too long.

http://hl7.org/fhir/R4/http.html#Status-Codes
"""

import asyncio
from typing import Any, Final

from fhir_server.outcome import FhirError, TimedOut, TooManyRequests, Unavailable

INTERVAL: Final = 0.1
"""How often deadlines are looked at, in seconds: one timer for all requests, not one for each."""


class Limits:
    """The requests that this process works on, each with its deadline."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[Any], float] = {}  # in the order of their deadlines
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
        """The task is counted and will be cancelled at its deadline. Raises TooManyRequests."""
        if len(self._deadlines) >= self._most:
            raise TooManyRequests("The server is busy with as many requests as it takes at once; try again in a moment")
        self._deadlines[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(INTERVAL, self._sweep, loop)

    def leave(self, task: asyncio.Task[Any]) -> None:
        self._deadlines.pop(task, None)
        self._late.discard(task)

    def late(self, task: asyncio.Task[Any], *, reading: bool) -> FhirError | None:
        """Why the task was cancelled, if that was for its deadline; it may go on to answer then."""
        if task not in self._late:
            return None
        task.uncancel()
        if reading:
            return TimedOut(f"The request's body did not arrive within {self._seconds:g} seconds")
        return Unavailable(
            f"The request took longer than {self._seconds:g} seconds and was given up; if it was a write, read to see "
            "whether it was carried out",
            code="timeout",
        )

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in list(self._deadlines.items()):
            if deadline > now:
                break
            del self._deadlines[task]
            self._late.add(task)
            task.cancel()
        self._timer = loop.call_later(INTERVAL, self._sweep, loop) if self._deadlines else None
