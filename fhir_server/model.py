"""What is stored: resources as a row of versions, named by keys.

http://hl7.org/fhir/R4/http.html#versions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any, Final

import msgspec
import orjson

from fhir_server.formats import json

UPDATE_AS_CREATE: Final = "PUT-CREATE"
"""The method of a version that came by PUT and was a creation: http://hl7.org/fhir/R4/http.html#upsert."""


class Key(msgspec.Struct, frozen=True, order=True, gc=False):
    """A resource's place: its type and logical id, `Patient/123`."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


class Version:
    """One state of a resource; a deletion is a version without a body.

    `body` is the exact JSON that is sent: id and meta are already in it, decimals are untouched. `last_updated` has a
    zone (UTC) and whole milliseconds. `method` is the verb that made it (POST, PUT, PATCH, DELETE), for history Bundles;
    UPDATE_AS_CREATE for a PUT where no resource was before, or none any more.
    """

    __slots__ = ("_resource", "body", "key", "last_updated", "method", "version_id")

    def __init__(
        self,
        key: Key,
        version_id: str,
        last_updated: datetime,
        body: bytes | None,
        *,
        method: str = "PUT",
        resource: Mapping[str, Any] | None = None,
    ) -> None:
        """`resource` may be given where the caller has the parsed tree of `body` in hand already."""
        self.key = key
        self.version_id = version_id
        self.last_updated = last_updated
        self.body = body
        self.method = method
        self._resource = resource

    @property
    def deleted(self) -> bool:
        return self.body is None

    @property
    def resource(self) -> Mapping[str, Any]:
        """The parsed body, for looking at: decimals are floats here. Parsed once, on first use; raises on a deletion."""
        if self._resource is None:
            if self.body is None:
                raise ValueError(f"{self.key} version {self.version_id} is a deletion and has no resource")
            parsed: Mapping[str, Any] = orjson.loads(self.body)
            self._resource = parsed
        return self._resource

    def exact(self) -> dict[str, Any]:
        """A new tree of the body in which decimals keep their digits: the one to edit and to write again."""
        if self.body is None:
            raise ValueError(f"{self.key} version {self.version_id} is a deletion and has no resource")
        return json.parse(self.body).tree

    def __repr__(self) -> str:
        return f"Version({self.key}/_history/{self.version_id})"


@dataclass(frozen=True, slots=True)
class Change:
    """What a write does: the version before it (None for a new resource) and the version after it."""

    before: Version | None
    after: Version


def now() -> datetime:
    """This instant in UTC, cut to milliseconds, as `meta.lastUpdated` holds it."""
    return _moment(int(time() * 1000))


@lru_cache(8)  # many requests come within one millisecond
def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
