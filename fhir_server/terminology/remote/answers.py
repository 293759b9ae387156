"""What a terminology server has answered, for a while: bounded in bytes and in age.

http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic
from typing import Any, Final

import orjson

ABOUT_AN_ANSWER: Final = 200
"""Bytes that an answer takes beside its body."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the terminology server: `path` below its base, with its query; `body` of a POST."""

    path: str
    body: bytes | None = None

    @property
    def name(self) -> bytes:
        """The same for the same question."""
        return blake2b(self.path.encode() + b"\0" + (self.body or b""), digest_size=20).digest()


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` and the resource that came with it."""

    status: int
    raw: bytes

    @property
    def resource(self) -> Mapping[str, Any]:
        found = orjson.loads(self.raw)
        return found if isinstance(found, dict) else {}

    @property
    def good(self) -> bool:
        return self.status < 300

    @property
    def code(self) -> str:
        """The first issue's code of an OperationOutcome, as far as it is one: what may be shown of a refusal."""
        issues = self.resource.get("issue")
        first = issues[0] if isinstance(issues, list) and issues else {}
        code = first.get("code") if isinstance(first, dict) else None
        return code if isinstance(code, str) and len(code) < 30 and code.replace("-", "").isalpha() else "processing"


class Answers:
    """Replies by question, the last that were used as far as `most` bytes reach."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._kept: dict[bytes, tuple[Reply, float]] = {}

    def find(self, question: Question) -> Reply | None:
        """The reply, unless it is too old."""
        found = self._kept.pop(question.name, None)
        if found is None:
            return None
        if found[1] < monotonic():
            self._size -= _size(found[0])
            return None
        self._kept[question.name] = found
        return found[0]

    def keep(self, question: Question, reply: Reply, age: float) -> None:
        """The reply is good for `age` seconds."""
        old = self._kept.pop(question.name, None)
        self._size += _size(reply) - (_size(old[0]) if old is not None else 0)
        self._kept[question.name] = reply, monotonic() + age
        while self._size > self._most:
            self._size -= _size(self._kept.pop(next(iter(self._kept)))[0])

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size


def _size(reply: Reply) -> int:
    return len(reply.raw) + ABOUT_AN_ANSWER
