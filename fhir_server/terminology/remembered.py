"""Large value sets, read once: their parsed bodies, and what is understood of their long lists of codes.

http://hl7.org/fhir/R4/valueset.html
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, Generic, TypeVar

from fhir_server.model import Version

T = TypeVar("T")
Json = Mapping[str, Any]

MOST_BYTES: Final = 32 * 2**20
"""Of the bodies that are remembered."""
SMALLEST: Final = 4096
"""Shorter bodies, and lists of fewer than a hundredth as many codes, are read again in less time than they are looked up."""


class _Newest(Generic[T]):
    """What was asked for last, as far as `MOST_BYTES` reach."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[T, int]] = {}
        self._size = 0
        self._lock = Lock()

    def of(self, name: Any, size: int, make: Callable[[], T]) -> T:
        with self._lock:
            found = self._kept.pop(name, None)
            if found is not None:
                self._kept[name] = found
                return found[0]
        made = make()
        with self._lock:
            self._size += size - (self._kept[name][1] if name in self._kept else 0)
            self._kept[name] = made, size
            while self._size > MOST_BYTES:
                self._size -= self._kept.pop(next(iter(self._kept)))[1]
        return made


_BODIES: Final = _Newest[Json]()
_LISTS: Final = _Newest[tuple[Json, Any]]()


def resource(version: Version) -> Json:
    """The parsed body, the same object for the same body: not to be changed."""
    body = version.body
    if body is None or len(body) < SMALLEST:
        return version.resource
    return _BODIES.of(body, len(body), lambda: version.resource)


def understood(part: Json, make: Callable[[], T]) -> T:
    """What is made of a part of a value set; worked out once for a long list in a body that is remembered."""
    size = len(part.get("concept", ()))
    if size < SMALLEST // 100:
        return make()
    kept: tuple[Json, T] = _LISTS.of(id(part), 200 * size, lambda: (part, make()))
    return kept[1]  # a part that is kept is alive: no other has its id
