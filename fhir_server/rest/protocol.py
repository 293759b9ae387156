"""HTTP/1.1 on the socket: uvicorn's protocol, with a limit on what comes in before a request is known, and one write out.

A head without an end would fill the memory. What is no HTTP at all is answered with an OperationOutcome too. An answer
that is whole leaves in one piece: uvicorn looks at every header with two patterns and writes twice, which costs as much as
reading a resource from the store.
"""

from functools import lru_cache
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from fhir_server.formats import json
from fhir_server.outcome import BadRequest, FhirError, HeadersTooLarge, UriTooLong
from fhir_server.rest.exchange import MAX_URL
from fhir_server.rest.headers import Sealed, lines

MAX_HEAD: Final = 512 * 1024
"""What a request's head may take on the wire. The endpoint's own limits are lower, and answered in the client's format."""

_PHRASES: Final = {400: b"Bad Request", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}


_lines_of: Final = lru_cache(4)(lines)
"""Uvicorn's own headers, the date, are the same for a second."""


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    _held: tuple[int, Sealed] | None = None

    async def send(self, message: Any) -> None:
        """As uvicorn's, but a head that the FHIR endpoint has sealed waits for its body, and leaves together with it."""
        if message["type"] == "http.response.start":
            headers = message["headers"]
            if type(headers) is Sealed and not (self.response_started or self.disconnected or self.flow.write_paused):
                self._held = (message["status"], headers)
                return
        elif self._held is not None:
            status, headers = self._held
            self._held = None
            self._write(status, headers, message["body"])
            return
        await super().send(message)

    def _write(self, status: int, headers: Sealed, body: bytes) -> None:
        if self.disconnected:
            return
        last = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        varying = lines(headers[headers.fixed :])
        date = _lines_of(tuple(self.default_headers))
        self.transport.write(b"".join((STATUS_LINE[status], headers.lines, date, varying, last, body)))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class Protocol(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_head = False
        if self.cycle is not None:
            self.cycle.__class__ = Cycle  # its task has not begun yet

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._refuse(self._too_long() or HeadersTooLarge("The head of the request does not end"))
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """The answer to what the parser refused; it knows no URL of 64 kB."""
        self._refuse(self._too_long() or BadRequest(f"{msg} Expected HTTP/1.1"))

    def _too_long(self) -> UriTooLong | None:
        if self._in_head and len(self.url) > MAX_URL:
            return UriTooLong(f"The URL is longer than {MAX_URL} bytes; a search can be posted to _search")
        return None

    def _refuse(self, error: FhirError) -> None:
        """The connection is closed after this answer."""
        content = json.dumps(error.outcome())
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/fhir+json; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (error.status, _PHRASES[error.status], len(content), content)
        )
        self.transport.close()
