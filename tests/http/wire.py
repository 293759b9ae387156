"""HTTP on one connection with nothing in between: fast, and able to send what well-behaved clients never would."""

import contextlib
import json
import socket
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Self

HEAD_END = b"\r\n\r\n"
WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; names of headers are in lower case, `seconds` is the time from the first byte sent to the last received."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Wire:
    """A keep-alive connection to a server on this machine, opened again where the server has closed it."""

    port: int
    _socket: socket.socket | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def request(self, method: str, target: str | bytes, body: bytes | None = None, **headers: str) -> Answer:
        """Sends one request to `target` (path and query as they stand). Header names are given with _ for -."""
        lines = [method.encode() + b" " + (target.encode() if isinstance(target, str) else target) + b" HTTP/1.1"]
        lines.append(b"Host: 127.0.0.1:%d" % self.port)
        if body is not None:
            headers = {"Content_Type": "application/fhir+json"} | headers
            lines.append(b"Content-Length: %d" % len(body))
        lines += [f"{name.replace('_', '-')}: {value}".encode() for name, value in headers.items()]
        return self.send(b"\r\n".join(lines) + HEAD_END + (body or b""), head=method == "HEAD")

    def send(self, raw: bytes, *, head: bool = False) -> Answer:
        """Sends these bytes and reads one answer. Raises ConnectionError where the server closes without one."""
        for attempt in (1, 2):
            kept = self._socket is not None
            try:
                return self._exchange(raw, head=head)
            except ConnectionError:
                self.close()
                if attempt == 2 or not kept:
                    raise
        raise ConnectionError

    def _exchange(self, raw: bytes, *, head: bool) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), WAIT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = perf_counter()
        with contextlib.suppress(BrokenPipeError):  # the server may answer before it has all: read what it said
            self._socket.sendall(raw)
        received = bytearray()
        while (end := received.find(HEAD_END)) < 0:
            received += self._more()
        status_line, *lines = bytes(received[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status_line.split(" ")[1])
        body = bytes(received[end + 4 :])
        if not head and status != 204 and status != 304:
            body = (
                self._chunked(body) if "chunked" in headers.get("transfer-encoding", "") else self._sized(body, headers)
            )
        answer = Answer(status, headers, body, perf_counter() - start)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def _sized(self, body: bytes, headers: dict[str, str]) -> bytes:
        parts, size, needed = [body], len(body), int(headers.get("content-length", "0"))
        while size < needed:
            parts.append(self._more())
            size += len(parts[-1])
        return b"".join(parts)

    def _chunked(self, raw: bytes) -> bytes:
        body = bytearray()
        while True:
            while b"\r\n" not in raw:
                raw += self._more()
            line, _, raw = raw.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            while len(raw) < size + 2:
                raw += self._more()
            body += raw[:size]
            raw = raw[size + 2 :]
            if size == 0:
                return bytes(body)
