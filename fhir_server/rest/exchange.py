"""One HTTP request to the FHIR API, as far as it is understood: its target, its format, its general parameters.

http://hl7.org/fhir/R4/http.html#parameters
"""

from typing import Final
from urllib.parse import unquote_to_bytes

from fhir_server.context import Match, Prefer
from fhir_server.outcome import BadRequest, HeadersTooLarge, NotAcceptable, UriTooLong
from fhir_server.rest.asgi import Scope
from fhir_server.rest.body import parameters
from fhir_server.rest.headers import joined, request_id
from fhir_server.rest.negotiation import JSON, Format, negotiate

MAX_URL: Final = 64 * 1024 - 1
MAX_HEADERS: Final = 32 * 1024
MAX_PARAMETERS: Final = 512

_GENERAL: Final = frozenset({"_format", "_pretty"})


class Exchange:
    """What is known of a request while it is answered.

    `interaction` is a word for logs and metrics; `named`: the format is named by `_format`; `general` are `_format` and
    `_pretty`, `parameters` the others; `reading`: the body is still coming in.
    """

    __slots__ = (
        "accept",
        "format",
        "general",
        "headers",
        "interaction",
        "match",
        "method",
        "named",
        "parameters",
        "prefer",
        "pretty",
        "reading",
        "request_id",
        "unacceptable",
    )

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.headers = joined(scope["headers"])
        self.request_id = request_id(self.headers.get(b"x-request-id"))
        self.interaction = "unknown"
        self.accept = ""
        self.format: Format = JSON
        self.named = False
        self.pretty = False
        self.general: tuple[tuple[str, str], ...] = ()
        self.parameters: tuple[tuple[str, str], ...] = ()
        self.match: Match | None = None
        self.prefer: Prefer | None = None
        self.unacceptable: NotAcceptable | None = None
        self.reading = False

    def understand(self, scope: Scope) -> None:
        """The format and the general parameters are known. Raises BadRequest, UriTooLong, HeadersTooLarge."""
        query: bytes = scope["query_string"]
        if len(scope["raw_path"]) + 1 + len(query) > MAX_URL:
            raise UriTooLong(f"The URL is longer than {MAX_URL} bytes; a long search can be sent by POST to _search")
        if sum(map(len, self.headers)) + sum(map(len, self.headers.values())) > MAX_HEADERS:
            raise HeadersTooLarge(f"The headers are longer than {MAX_HEADERS} bytes")
        asked = None
        if query:
            self.parameters = parameters(query, MAX_PARAMETERS)
            if b"_format" in query or b"_pretty" in query or b"%" in query:
                asked = self._general()
        accept = self.headers.get(b"accept")
        if accept is not None:
            self.accept = accept.decode("latin-1")
        self._negotiate(asked)

    def add_parameters(self, more: tuple[tuple[str, str], ...]) -> None:
        """The parameters of a posted search join those of its URL; its `_format` counts too."""
        self.parameters += more
        asked = self._general()
        if asked is not None:
            self.unacceptable = None
            self._negotiate(asked)
            self.require_acceptable()

    def _negotiate(self, asked: str | None) -> None:
        self.named = asked is not None
        try:
            self.format = negotiate(self.accept, asked)
        except NotAcceptable as error:
            self.unacceptable = error  # a read of Binary may fit all the same

    def _general(self) -> str | None:
        """Takes `_format` and `_pretty` out of the parameters."""
        asked = None
        for name, value in self.parameters:
            if name == "_format":
                asked = value or asked  # an empty parameter asks for nothing
            elif name == "_pretty":
                self.pretty = value == "true"
        self.general += tuple(pair for pair in self.parameters if pair[0] in _GENERAL)
        self.parameters = tuple(pair for pair in self.parameters if pair[0] not in _GENERAL)
        return asked

    def require_acceptable(self) -> None:
        if self.unacceptable is not None:
            raise self.unacceptable


def segments(scope: Scope, base: str) -> list[str]:
    """The path below `base`, decoded after it was cut at its slashes: `Patient/a%2Fb` has two segments."""
    raw: bytes = scope["raw_path"]
    if b"%" not in raw and raw.isascii():
        parts = scope["path"][len(base) + 1 :].split("/")
    else:
        parts = [_decoded(part) for part in raw[len(base) + 1 :].split(b"/")]
    return [part for part in parts if part] if "" in parts else parts


def _decoded(part: bytes) -> str:
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise BadRequest("The path's percent-encoding is not UTF-8") from None
    if not text.isprintable():
        raise BadRequest("The path holds characters that cannot be printed")
    return text
