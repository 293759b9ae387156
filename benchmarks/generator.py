"""A load generator: N keep-alive connections, each sends its next request when the answer to the last one is there."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"


@dataclass(slots=True)
class Measured:
    """What a run showed: latencies in seconds, in the order of completion, and how many answers had which status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    received: int = 0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 400)


class _Connection(asyncio.Protocol):
    def __init__(
        self, next_request: Callable[[], bytes | None], measured: Measured, closed: asyncio.Future[None]
    ) -> None:
        self._next = next_request
        self._measured = measured
        self._closed = closed
        self._buffer = bytearray()
        self._needed = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses
        self._send()

    def _send(self) -> None:
        request = self._next()
        if request is None:
            self._transport.close()
            return
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._needed:
            end = buffer.find(HEAD_END)
            if end < 0:
                return
            self._needed = end + 4 + _content_length(bytes(buffer[:end]))
        if len(buffer) < self._needed:
            return
        measured = self._measured
        measured.latencies.append(perf_counter() - self._sent)
        status = int(buffer[9:12])
        measured.statuses[status] = measured.statuses.get(status, 0) + 1
        measured.received += self._needed
        buffer.clear()
        self._needed = 0
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])


def run(port: int, requests: Callable[[], bytes | None], *, connections: int, seconds: float) -> Measured:
    """Sends what `requests` gives (None: no more) for `seconds`, over `connections`; blocks until the last answer."""
    return uvloop.run(_run(port, requests, connections, seconds))


async def _run(port: int, requests: Callable[[], bytes | None], connections: int, seconds: float) -> Measured:
    measured = Measured()
    loop = asyncio.get_running_loop()
    start = perf_counter()
    stop = start + seconds

    def next_request() -> bytes | None:
        return requests() if perf_counter() < stop else None

    closed = [loop.create_future() for _ in range(connections)]
    for future in closed:
        connection = partial(_Connection, next_request, measured, future)
        await loop.create_connection(connection, "127.0.0.1", port)
    await asyncio.gather(*closed)
    measured.seconds = perf_counter() - start
    return measured


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of one HTTP/1.1 request; header names with _ for -."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEAD_END + body
