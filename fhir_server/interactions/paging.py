"""Pages: links that continue a search or a history. Opaque, signed, valid on any process and after a restart.

http://hl7.org/fhir/R4/http.html#paging
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

import msgspec

from fhir_server.outcome import BadRequest

PARAMETER: Final = "_page"
"""Holds the token of a page link; clients follow links and never write it."""

Parameters = Sequence[tuple[str, str]]

APPEARANCE: Final = frozenset({"_format", "_pretty"})
"""Parameters that a token does not depend on: they say how a page is written, not what is on it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAC: Final = 16
_KEPT: Final = "|,:$*!()/@"
"""Characters that stay readable in links; all of them may stand in a query."""
_READABLE: Final = re.compile(r"[A-Za-z0-9_.~|,:$*!()/@-]*").fullmatch


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: the store's own word, and the moment that the first page was asked for."""

    after: str
    now: datetime


def split(parameters: Parameters) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """The parameters without the page token, and the token (None: this is page one). Raises BadRequest for several."""
    tokens = [value for name, value in parameters if name == PARAMETER]
    if len(tokens) > 1:
        raise BadRequest(f"{PARAMETER} may stand once in a link", expression=f"http.{PARAMETER}")
    return tuple(pair for pair in parameters if pair[0] != PARAMETER), tokens[0] if tokens else None


def seal(key: bytes, path: str, parameters: Parameters, place: Place) -> str:
    """The token of a page of this very path and query, whatever its appearance."""
    milliseconds = (place.now - _EPOCH) // timedelta(milliseconds=1)
    payload = msgspec.msgpack.encode((place.after, milliseconds))
    return urlsafe_b64encode(_mac(key, path, parameters, payload) + payload).decode().rstrip("=")


def unseal(key: bytes, path: str, parameters: Parameters, token: str) -> Place:
    """The place that a token of `seal` holds. Raises BadRequest for any other, and for another query's."""
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        mac, payload = sealed[:_MAC], sealed[_MAC:]
        if compare_digest(mac, _mac(key, path, parameters, payload)):
            after, milliseconds = msgspec.msgpack.decode(payload, type=tuple[str, int])
            return Place(after, _EPOCH + timedelta(milliseconds=milliseconds))
    except (ValueError, msgspec.MsgspecError):
        pass
    raise BadRequest(
        f"{PARAMETER} is not a page of this search: follow the links of a Bundle unchanged, or start from page one",
        expression=f"http.{PARAMETER}",
    )


def url(base: str, path: str, parameters: Parameters, token: str | None = None) -> str:
    """A link: `path` is relative to the base ("" for the base itself)."""
    pairs = [*parameters, (PARAMETER, token)] if token else parameters
    query = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs])
    return f"{base}/{path}".rstrip("/") + (f"?{query}" if query else "")


def _quoted(text: str) -> str:
    return text if _READABLE(text) else quote(text, safe=_KEPT)


def _mac(key: bytes, path: str, parameters: Parameters, payload: bytes) -> bytes:
    asked = [pair for pair in parameters if pair[0] not in APPEARANCE]
    return blake2b(msgspec.msgpack.encode((path, asked, payload)), key=key[:64], digest_size=_MAC).digest()
