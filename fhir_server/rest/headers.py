"""Request headers as an interaction sees them, response headers as clients and browsers need them.

http://hl7.org/fhir/R4/http.html#general and #versions; RFC 9110 for dates and entity tags.
"""

import itertools
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from fhir_server.context import Prefer
from fhir_server.outcome import BadRequest

Headers = list[tuple[bytes, bytes]]


class Sealed(Headers):
    """Response headers that are known to be well formed, with the content-length of a body that follows in one piece.

    The first `fixed` of them are the same in every answer, and stand in `lines` as they go over the wire.
    """

    __slots__ = ("fixed", "lines")

    def __init__(self, fixed: Headers, lines: bytes) -> None:
        super().__init__(fixed)
        self.fixed = len(fixed)
        self.lines = lines


def lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The headers as they go over the wire. Raises ValueError where one holds a line break."""
    text = b"".join([b"%b: %b\r\n" % header for header in headers])
    if text.count(b"\n") != len(headers) or text.count(b"\r") != len(headers):
        raise ValueError("a header holds a line break")
    return text


SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-encoding, origin"),
)
"""On every answer of the FHIR API: a stored page or script cannot run, nothing is kept by browsers and proxies."""

SAFE_IN_BROWSERS: Final = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
"""Also on answers that a browser may show as a page."""

HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Where the base URL is https."""

CONDITIONAL: Final = (b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist", b"prefer")

_ETAG: Final = re.compile(r'(?:W/)?"([A-Za-z0-9.-]{1,64})"')
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9.-]{1,64}")
_PROCESS: Final = secrets.token_hex(6)
_counter: Final = itertools.count(1)


def request_id(sent: bytes | None) -> str:
    """The client's X-Request-Id where it is fit to be echoed and logged, else a new one."""
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent.decode()
    return f"{_PROCESS}-{next(_counter)}"


def joined(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by lower-case name; several lines of one name are one list (RFC 9110 §5.3)."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = {}
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def conditions(headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The fields of Request that come from headers: if_match, if_none_match, if_modified_since, if_none_exist, prefer."""
    found: dict[str, Any] = {}
    if (sent := headers.get(b"if-match")) is not None:
        found["if_match"] = _tags(text(sent, "If-Match"), "If-Match")
    if (sent := headers.get(b"if-none-match")) is not None:
        found["if_none_match"] = _tags(text(sent, "If-None-Match"), "If-None-Match")
    if (sent := headers.get(b"if-modified-since")) is not None:
        found["if_modified_since"] = parse_date(text(sent, "If-Modified-Since"))
    if (sent := headers.get(b"if-none-exist")) is not None:
        found["if_none_exist"] = text(sent, "If-None-Exist")
    if (sent := headers.get(b"prefer")) is not None:
        found["prefer"] = prefer(text(sent, "Prefer"))
    return found


def text(value: bytes, name: str) -> str:
    """A header's value as text. Header values of other character sets than ASCII are UTF-8 here, or refused."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name}: the value is not UTF-8", expression=f"http.{name}") from None


def _tags(value: str, name: str) -> str:
    """A header If-Match or If-None-Match: "*", or a list of versions."""
    if value.strip() != "*" and not all(_ETAG.fullmatch(part.strip()) for part in value.split(",")):
        raise BadRequest(
            f'{name}: {value}: expected a version as W/"1" (see the ETag header of a read), a list of these, or *',
            expression=f"http.{name}",
        )
    return value.strip()


def parse_date(value: str) -> datetime | None:
    """An HTTP date with a zone; None for anything else: RFC 9110 §13.1.3 says to ignore it then."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def prefer(value: str) -> Prefer:
    """What the Prefer header asks for; of a preference that is there twice the first counts, unknown ones do not (RFC 7240)."""
    asked: dict[str, str] = {}
    for part in value.replace(";", ",").split(","):
        name, _, choice = part.partition("=")
        asked.setdefault(name.strip().lower(), choice.strip().strip('"').lower())
    representation = _REPRESENTATIONS.get(asked.get("return", ""), "")
    handling = asked.get("handling", "")
    return Prefer(representation, handling if handling in ("strict", "lenient") else "", "respond-async" in asked)


_REPRESENTATIONS: Final = {
    "minimal": "minimal",
    "representation": "representation",
    "operationoutcome": "OperationOutcome",
}


def http_date(moment: datetime) -> bytes:
    """`Sun, 06 Nov 1994 08:49:37 GMT`, whatever the locale; `moment` is UTC."""
    return b"%b %02d:%02d:%02d GMT" % (_day(moment.toordinal()), moment.hour, moment.minute, moment.second)


@lru_cache(1024)
def _day(ordinal: int) -> bytes:
    text_ = date.fromordinal(ordinal).ctime()  # Sun Nov  6 00:00:00 1994
    return f"{text_[:3]}, {text_[8:10].replace(' ', '0')} {text_[4:7]} {text_[20:]}".encode()


def field(name: str, value: str) -> tuple[bytes, bytes]:
    """A response header; what is not printable ASCII never gets out (response splitting, mojibake)."""
    if not (value.isascii() and value.isprintable()):
        raise BadRequest(f"{name}: the value for this header has characters that a header cannot carry")
    return name.lower().encode(), value.encode()
