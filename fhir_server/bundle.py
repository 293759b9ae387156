"""Bundles that go out, joined from stored bytes: nothing stored is parsed to be sent.

http://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import orjson

from fhir_server.formats.json import instant
from fhir_server.model import UPDATE_AS_CREATE, Version

Links = Sequence[tuple[str, str]]
"""(relation, url) in the order in which they are written."""

_DISTANCE: Final = (
    b'"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/location-distance","valueDistance":'
    b'{"value":%b,"unit":"km","system":"http://unitsofmeasure.org","code":"km"}}],'
)
"""How far a Location is from the place that was searched for, to the millimetre."""

_CREATIONS: Final = ("POST", UPDATE_AS_CREATE)


def bundle(
    type_: str, entries: Iterable[bytes], *, links: Links = (), total: int | None = None, at: datetime | None = None
) -> bytes:
    """A Bundle of these entries; `total` and `at` (its timestamp) are left out where None."""
    parts = [b'{"resourceType":"Bundle","type":"', type_.encode(), b'"']
    if at is not None:
        parts += [b',"timestamp":"', instant(at).encode(), b'"']
    if total is not None:
        parts += [b',"total":', str(total).encode()]
    if links:
        parts += [b',"link":', orjson.dumps([{"relation": relation, "url": url} for relation, url in links])]
    joined = b",".join(entries)
    if joined:
        parts += [b',"entry":[', joined, b"]"]
    parts.append(b"}")
    return b"".join(parts)


def found(
    base: str, key: str, body: bytes, mode: str, score: float | None = None, distance: float | None = None
) -> bytes:
    """An entry of a searchset: `key` is `Patient/1`, `mode` match or include, `distance` in metres."""
    start = b'{"fullUrl":"%b/%b","resource":' % (_escaped(base), key.encode())
    away = b"" if distance is None else _DISTANCE % orjson.dumps(round(distance / 1000, 6))
    search = b'"}}' if score is None else b'","score":' + orjson.dumps(score) + b"}}"
    return b"".join((start, body, b',"search":{', away, b'"mode":"', mode.encode(), search))


def remark(outcome: bytes) -> bytes:
    """An entry of a searchset that tells about the search itself."""
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome


def past(base: str, version: Version, body: bytes | None) -> bytes:
    """An entry of a history: what was asked for, as a direct interaction that would do the same, and what came of it."""
    key = str(version.key).encode()
    method = version.method if version.method in ("POST", "DELETE") else "PUT"
    url = version.key.type.encode() if method == "POST" else key
    created = version.method in _CREATIONS or version.version_id == "1"
    code = 204 if version.deleted else 201 if created else 200
    return b'{"fullUrl":"%b/%b",%b"request":{"method":"%b","url":"%b"},"response":%b}' % (
        _escaped(base),
        key,
        b'"resource":%b,' % body if body is not None else b"",
        method.encode(),
        url,
        response(code, etag=f'W/"{version.version_id}"', last_modified=version.last_updated),
    )


def response(
    code: int,
    *,
    location: str = "",
    etag: str = "",
    last_modified: datetime | None = None,
    outcome: Mapping[str, object] | None = None,
) -> bytes:
    """Bundle.entry.response."""
    parts = [b'{"status":"', status(code)]
    if location:
        parts += [b'","location":"', location.encode()]
    if etag:
        parts += [b'","etag":', orjson.dumps(etag)[:-1]]
    if last_modified is not None:
        parts += [b'","lastModified":"', instant(last_modified).encode()]
    parts.append(b'"')
    if outcome is not None:
        parts += [b',"outcome":', orjson.dumps(outcome)]
    parts.append(b"}")
    return b"".join(parts)


def done(base: str, key: str, resource: bytes | None, answer: bytes) -> bytes:
    """An entry of a batch-response or transaction-response; `key` "" for a resource that has no place here."""
    full_url = b'"fullUrl":"%b/%b",' % (_escaped(base), key.encode()) if key else b""
    return b'{%b%b"response":%b}' % (full_url, b'"resource":%b,' % resource if resource is not None else b"", answer)


@lru_cache
def status(code: int) -> bytes:
    """`201 Created`."""
    return f"{code} {HTTPStatus(code).phrase}".encode()


@lru_cache
def _escaped(base: str) -> bytes:
    return orjson.dumps(base)[1:-1]
