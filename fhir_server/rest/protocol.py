"""HTTP/1.1 on the socket: uvicorn's protocol with a limit that holds while a request's head is still coming in.

Without it a head without an end would fill the memory. What is no HTTP at all is answered with an OperationOutcome too.
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fhir_server.formats import json
from fhir_server.outcome import BadRequest, FhirError, HeadersTooLarge

MAX_HEAD: Final = 512 * 1024
"""What a request's head may take on the wire. The endpoint's own limits are lower, and answered in the client's format."""

_PHRASES: Final = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class Protocol(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._refuse(HeadersTooLarge("The head of the request does not end"))
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """The answer to what the parser refused."""
        self._refuse(BadRequest(f"{msg} Expected HTTP/1.1"))

    def _refuse(self, error: FhirError) -> None:
        """The connection is closed after this answer."""
        content = json.dumps(error.outcome())
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/fhir+json; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (error.status, _PHRASES[error.status], len(content), content)
        )
        self.transport.close()
