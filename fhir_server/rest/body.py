"""A request's body: read within limits, decompressed, parsed once by its format's one parser.

http://hl7.org/fhir/R4/http.html#mime-type, #create, #patch; http://hl7.org/fhir/R4/binary.html#rest

Limits hold on the stream, after decompression; a compressed body may grow a hundredfold at most. A body without a
Content-Type is read as what it unmistakably begins with: `{` JSON, `<` XML (R4 asks for the header; many small clients
forget it). Text that says it is not UTF-8 is refused.
"""

import base64
import re
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from isal import isal_zlib

from fhir_server.context import Body
from fhir_server.formats import json, xml
from fhir_server.outcome import BadRequest, TooLarge, UnsupportedMediaType
from fhir_server.rest.negotiation import MEDIA_TYPES, media, require_version

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_RATIO: Final = 100
"""How many times larger than it came a compressed body may be."""

RATIO_FROM: Final = 64 * 1024
"""Smaller bodies may have any ratio: a short text of one letter is not an attack."""

JSON_PATCH: Final = "application/json-patch+json"
XML_PATCH: Final = "application/xml-patch+xml"
MERGE_PATCH: Final = "application/merge-patch+json"
FORM: Final = "application/x-www-form-urlencoded"

_ROOT: Final = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?([A-Za-z]+)")
_NOT_ENCODED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_FHIR: Final = frozenset(name for name in MEDIA_TYPES if "html" not in name)


class Disconnected(Exception):
    """The client went away before its request was whole."""


async def read(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body, decompressed; at most `limit` bytes (TooLarge)."""
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding != "identity" and encoding not in _WINDOW:
        raise UnsupportedMediaType(
            f"Content-Encoding: {encoding}: this server reads one of gzip and deflate, or none",
            expression="http.Content-Encoding",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    if encoding == "identity":
        return await _plain(receive, limit)
    return await _inflated(receive, limit, _WINDOW[encoding])


async def _plain(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


async def _inflated(receive: Receive, limit: int, window: int) -> bytes:
    inflate = zlib.decompressobj(window)
    parts: list[bytes] = []
    came = size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        came += len(chunk)
        if window == 15 and came == len(chunk) and not _has_zlib_header(chunk):
            inflate = zlib.decompressobj(-15)  # "deflate" without zlib's header, as some clients send it
        try:
            parts.append(inflate.decompress(chunk, limit + 1 - size))
        except zlib.error:
            raise BadRequest("The body is not what Content-Encoding says", expression="http.Content-Encoding") from None
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        if size > max(RATIO_FROM, MAX_RATIO * came):
            raise TooLarge(f"The body is compressed more than {MAX_RATIO} times", expression="http.Content-Encoding")
    if came and (not inflate.eof or inflate.unused_data):
        raise BadRequest("The compressed body is cut off, or something follows it", expression="http.Content-Encoding")
    return b"".join(parts)


def _has_zlib_header(chunk: bytes) -> bool:
    return len(chunk) < 2 or (chunk[0] & 0x0F == 8 and int.from_bytes(chunk[:2], "big") % 31 == 0)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes, the most that is accepted here")


def parse(
    raw: bytes,
    content_type: str,
    *,
    method: str,
    type_: str,
    id_: str = "",
    security_context: str = "",
    as_it_comes: Collection[str] = (),
) -> Body | None:
    """The body as an interaction takes it; None where there is none. Content that is put to `Binary/id_` gets this id.

    Media types in `as_it_comes` are not parsed.

    Raises UnsupportedMediaType, Invalid, BadRequest.
    """
    media_type, parameters = media(content_type)
    if not raw and not (media_type and method in ("POST", "PUT") and type_ == "Binary" and media_type not in _FHIR):
        return None
    if media_type in as_it_comes:
        return Body({}, {}, media_type, raw)
    if not media_type:
        media_type = _sniffed(raw)
    if type_ == "Binary" and method in ("POST", "PUT") and not _is_resource(media_type, raw):
        return _binary(raw, content_type, id_, security_context)
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(
            f"Content-Type: charset={charset} is not supported; FHIR is sent as UTF-8", expression="http.Content-Type"
        )
    if method == "PATCH" and media_type in (JSON_PATCH, XML_PATCH, MERGE_PATCH):
        return Body({}, {}, media_type, raw)
    if media_type not in _FHIR:
        raise _wrong_type(media_type, method)
    require_version(parameters)
    if MEDIA_TYPES[media_type][1]:
        tree = xml.from_xml(raw)
        return Body(tree, json.parse(json.dumps(tree)).plain, "application/fhir+xml", raw)
    parsed = json.parse(raw)
    if method == "PATCH" and media_type == "application/json" and parsed.tree.get("resourceType") != "Parameters":
        return Body({}, {}, MERGE_PATCH, raw)  # what fhirpy sends: the elements that change
    return Body(parsed.tree, parsed.plain, "application/fhir+json", raw)


def _sniffed(raw: bytes) -> str:
    start = raw.lstrip()[:1]
    return {b"{": "application/fhir+json", b"<": "application/fhir+xml"}.get(start, "")


def _wrong_type(media_type: str, method: str) -> UnsupportedMediaType:
    right = "application/fhir+json or application/fhir+xml"
    if method == "PATCH":
        right = f"{JSON_PATCH}, {XML_PATCH}, {MERGE_PATCH}, or a Parameters resource as {right}"
    said = f"Content-Type: {media_type} is not supported" if media_type else "The body has no Content-Type"
    advice = {"Accept-Patch": f"{JSON_PATCH}, {XML_PATCH}, {MERGE_PATCH}, application/fhir+json, application/fhir+xml"}
    return UnsupportedMediaType(
        f"{said}; expected {right}", expression="http.Content-Type", headers=advice if method == "PATCH" else None
    )


def _is_resource(media_type: str, raw: bytes) -> bool:
    """Whether what is sent to Binary is a Binary resource, and not the content of one.

    FHIR's own types say that it is a resource, but not that it is a Binary: a Patient that is sent here is content
    ("accepted as is … except where the content is actually a Binary resource"). Generic types leave it to the text.
    """
    if media_type not in _FHIR:
        return False
    if "fhir" in media_type:
        return _root(media_type, raw) in ("", "Binary")
    return b"<Binary" in raw[:4096] if MEDIA_TYPES[media_type][1] else b'"resourceType"' in raw and b'"Binary"' in raw


def _binary(raw: bytes, content_type: str, id_: str, security_context: str) -> Body:
    """Content that is no Binary resource, posted or put to Binary, becomes one."""
    resource: dict[str, Any] = {"resourceType": "Binary"}
    if id_:
        resource["id"] = id_
    resource["contentType"] = content_type.strip() or "application/octet-stream"
    if security_context:
        resource["securityContext"] = {"reference": security_context}
    if raw:
        resource["data"] = base64.b64encode(raw).decode()
    return Body(resource, resource)


def _root(media_type: str, raw: bytes) -> str:
    """The resource type that a document names; "" where it names none, or is malformed: it is refused as a resource then."""
    if MEDIA_TYPES[media_type][1]:
        found = _ROOT.search(raw, 0, 4096)
        return found[1].decode() if found else ""
    try:
        named = json.parse(raw).plain.get("resourceType")
    except BadRequest:
        return ""
    return named if isinstance(named, str) else ""


def form(raw: bytes, content_type: str, limit: int) -> tuple[tuple[str, str], ...]:
    """The parameters of a `_search` body."""
    media_type, _ = media(content_type)
    if not raw:
        return ()
    if media_type != FORM:
        raise UnsupportedMediaType(
            f"Content-Type: {media_type or 'none'}: a search is posted as {FORM}", expression="http.Content-Type"
        )
    return parameters(raw, limit)


def parameters(raw: bytes, limit: int) -> tuple[tuple[str, str], ...]:
    """A query string or form, decoded in order. Raises BadRequest for more than `limit`, bad encoding, NUL."""
    if not raw:
        return ()
    if raw.count(b"&") >= limit:
        raise BadRequest(f"The request has more than {limit} parameters", code="too-costly")
    if b"%00" in raw or b"\x00" in raw:
        raise BadRequest("A parameter holds a NUL character")
    if b"%" in raw and _NOT_ENCODED.search(raw):
        raise BadRequest(
            "A parameter holds a % that is not followed by two hexadecimal digits (a plain % is sent as %25)"
        )
    try:
        if raw.isascii():
            return tuple([_pair(part) for part in raw.split(b"&") if part])
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise BadRequest("A parameter's percent-encoding is not UTF-8") from None
    return tuple(pairs)


def _pair(part: bytes) -> tuple[str, str]:
    """`name=value` decoded, as urllib would have it but in a third of the time."""
    name, _, value = part.replace(b"+", b" ").partition(b"=")
    if b"%" in part:
        return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
    return name.decode(), value.decode()


def compress(body: bytes, encoding: bytes) -> bytes:
    """The body in this Content-Encoding (gzip or deflate), at the level that costs least."""
    if encoding == b"gzip":
        packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    else:
        packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 15)
    packed: bytes = packer.compress(body) + packer.flush()
    return packed
