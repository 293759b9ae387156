"""A Response as HTTP: status, headers, bytes in the negotiated format.

http://hl7.org/fhir/R4/http.html#general; http://hl7.org/fhir/R4/binary.html#rest

Stored JSON goes out as it is; XML is written from it; `_summary` and `_elements` cut reads (searches cut their own).
"""

import base64
import binascii
from typing import Final, NamedTuple

from fhir_server.context import Response
from fhir_server.formats import json
from fhir_server.formats.xml import to_xml
from fhir_server.interactions.preferred import WRITES, content
from fhir_server.interactions.subset import subset
from fhir_server.model import Version
from fhir_server.rest.body import compress
from fhir_server.rest.exchange import Exchange
from fhir_server.rest.headers import HSTS, SAFE, Headers, Sealed, field, http_date, lines
from fhir_server.rest.negotiation import content_wanted

EMPTY: Final = frozenset({204, 304})


class Reply(NamedTuple):
    """What goes over the wire."""

    status: int
    headers: Sealed
    body: bytes


def shape(parameters: tuple[tuple[str, str], ...]) -> tuple[str, tuple[str, ...]]:
    """`_summary` and `_elements` of a read, which have been understood."""
    if not parameters:
        return "", ()
    asked = dict(parameters)
    elements = tuple(name.strip() for name in asked.get("_elements", "").split(",") if name.strip())
    return asked.get("_summary", ""), elements


class Renderer:
    """Writes answers of the FHIR API under one base URL."""

    def __init__(self, base_url: str, compress_above: int) -> None:
        self._base = base_url
        self._compress_above = compress_above
        self._always: Headers = list(SAFE)
        if base_url.startswith("https:"):
            self._always.append(HSTS)
        self._lines = lines(self._always)

    def reply(self, exchange: Exchange, response: Response) -> Reply:
        """The whole answer; of HEAD too: its body is left out at the very end."""
        version = response.version
        headers = Sealed(self._always, self._lines)
        headers.append((b"x-request-id", exchange.request_id.encode()))
        if response.etag:
            headers.append((b"etag", response.etag.encode()))
        if response.last_modified is not None:
            headers.append((b"last-modified", http_date(response.last_modified)))
        if response.location:
            headers.append(field("Location", f"{self._base}/{response.location}"))
        if response.headers:
            headers += (field(name, value) for name, value in response.headers.items())
        if response.status in EMPTY:
            return Reply(response.status, headers, b"")
        body, content_type = self._body(exchange, response, headers)
        if body is None:
            headers.append((b"content-length", b"0"))
            return Reply(response.status, headers, b"")
        if version is not None and exchange.method in WRITES and not _reported(exchange):
            place = f"{self._base}/{version.key}/_history/{version.version_id}"
            headers.append(field("Content-Location", place))
        headers.append((b"content-type", content_type))
        if len(body) > self._compress_above and (encoding := _encoding(exchange.headers.get(b"accept-encoding"))):
            body = compress(body, encoding)
            headers.append((b"content-encoding", encoding))
        headers.append((b"content-length", b"%d" % len(body)))
        return Reply(response.status, headers, body)

    def _body(self, exchange: Exchange, response: Response, headers: Headers) -> tuple[bytes | None, bytes]:
        version = response.version
        reading = version is not None and exchange.method not in WRITES
        if version is not None and reading:
            if version.key.type == "Binary" and response.status == 200 and (raw := _raw(exchange, version, headers)):
                return raw
            body = version.body
            if exchange.parameters and body is not None:
                body = subset(body, *shape(exchange.parameters))
        else:
            wish = exchange.prefer.representation if exchange.prefer else ""
            body = content(exchange.method, wish, response)
        form = exchange.format
        if body is None:
            return None, b""
        if form.xml:
            return to_xml(body, pretty=exchange.pretty), form.content_type
        return json.pretty(body) if exchange.pretty else body, form.content_type


def _reported(exchange: Exchange) -> bool:
    """The client wants an OperationOutcome of a write: the body is not what is stored anywhere."""
    return exchange.prefer is not None and exchange.prefer.representation == "OperationOutcome"


def _raw(exchange: Exchange, version: Version, headers: Headers) -> tuple[bytes, bytes] | None:
    """The content of a Binary with its own type, where the client does not ask for the resource."""
    resource = version.resource
    content_type = resource.get("contentType", "application/octet-stream")
    context = resource.get("securityContext", {}).get("reference", "")
    if not all(value.isascii() and value.isprintable() for value in (content_type, context)):
        return None  # no header can carry it, so the resource has to
    if exchange.named or not (exchange.unacceptable or content_wanted(exchange.accept, content_type)):
        return None
    try:
        raw = base64.b64decode(resource.get("data", ""))
    except (binascii.Error, ValueError):
        return None
    if context:
        headers.append(field("X-Security-Context", context))
    return raw, field("Content-Type", content_type)[1]


_encodings: dict[bytes, bytes] = {}


def _encoding(accepted: bytes | None) -> bytes:
    """The coding for the answer: gzip or deflate, b"" for neither (RFC 9110 §12.5.3)."""
    if accepted is None:
        return b""
    found = _encodings.get(accepted)
    if found is None:
        found = _chosen(accepted)
        if len(_encodings) < 256 and len(accepted) < 256:
            _encodings[accepted] = found
    return found


def _chosen(accepted: bytes) -> bytes:
    qualities: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        try:
            qualities[name.strip()] = float(parameter.partition("=")[2] or 1)
        except ValueError:
            qualities[name.strip()] = 0
    rest = qualities.get("*", 0)
    gzip, deflate = (qualities.get(name, rest) for name in ("gzip", "deflate"))
    if max(gzip, deflate) <= 0:
        return b""
    return b"gzip" if gzip >= deflate else b"deflate"
