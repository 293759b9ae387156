"""Range: a part of a Binary's content, for viewers that fetch large content piece by piece.

RFC 9110 §14; http://hl7.org/fhir/R4/binary.html#rest

One range of bytes. What asks for several, for other units or under a condition (If-Range: an ETag of FHIR is weak, so that
it never holds) is answered with the whole content, as RFC 9110 has it.
"""

import re
from typing import Final

from fhir_server.outcome import RangeNotSatisfiable
from fhir_server.rest.exchange import Exchange
from fhir_server.rest.headers import Sealed
from fhir_server.rest.render import Reply

_RANGE: Final = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


def wanted(exchange: Exchange) -> bool:
    """A part is asked for: what is answered is then neither compressed nor, if it can be helped, whole."""
    headers = exchange.headers
    return (
        exchange.match is not None
        and exchange.match.type == "Binary"
        and exchange.method == "GET"
        and b"range" in headers
        and b"if-range" not in headers
        and _RANGE.fullmatch(headers[b"range"]) is not None
    )


def uncompressed(exchange: Exchange) -> None:
    """The positions of a range are those of the content itself."""
    exchange.headers.pop(b"accept-encoding", None)


def offered(exchange: Exchange, reply: Reply) -> bool:
    """The reply is a Binary's content, of which parts can be asked for; not a resource."""
    match = exchange.match
    content = (
        match is not None and match.type == "Binary" and reply.status == 200 and exchange.method in ("GET", "HEAD")
    )
    return content and (b"content-type", exchange.format.content_type) not in reply.headers


def part(exchange: Exchange, reply: Reply) -> Reply:
    """206 with the range that is asked for; `reply` itself where it means nothing. Raises RangeNotSatisfiable."""
    found = _RANGE.fullmatch(exchange.headers[b"range"])
    if found is None or found[1] == found[2] == b"":
        return reply
    size = len(reply.body)
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if found[2] and int(found[2]) < first:
            return reply  # RFC 9110 §14.1.1: invalid, so ignored
    else:
        first, last = max(size - int(found[2]), 0), size - 1
    if first > last:
        raise RangeNotSatisfiable(
            f"Range: the content has {size} bytes; a range begins before its end, as in bytes=0-{max(size - 1, 0)}",
            expression="http.Range",
            headers={"Content-Range": f"bytes */{size}"},
        )
    body = reply.body[first : last + 1]
    headers = Sealed(reply.headers[: reply.headers.fixed], reply.headers.lines)
    headers += (each for each in reply.headers[reply.headers.fixed :] if each[0] != b"content-length")
    headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, size)))
    headers.append((b"content-length", b"%d" % len(body)))
    return Reply(206, headers, body)
