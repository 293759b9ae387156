"""Structured logs: one JSON object (or one line of text) per event, no patient data in any of them.

Message texts are constants of this program; what varies stands in named fields. Values of requests (paths, queries,
bodies, ids) are never fields. Control characters are escaped, so that one event is one line (ASVS 16.4.1).
"""

import asyncio
import logging
import os
import sys
import time
import traceback
from functools import lru_cache
from typing import Any, Final, Literal

import orjson

_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
LogFormat = Literal["json", "text"]


def configure(level: str, style: str) -> None:
    """All logging of the process goes to standard error in this style ("json" or "text") from `level` on."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(JsonLines() if style == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"


class JsonLines(logging.Formatter):
    """`{"time": …, "level": …, "logger": …, "event": …, <fields>}`; an exception as its type and stack, without its text.

    The text of an exception may quote what a client sent; the stack says where to look.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _PLAIN)
        if record.exc_info and record.exc_info[1]:
            line["exception"], line["stack"] = _exception(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


class TextLines(logging.Formatter):
    """`time level logger: event name=value …` for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(
            f" {name}={_escaped(value)}"
            for name, value in vars(record).items()
            if name not in _PLAIN and value is not None
        )
        text = f"{_instant(record.created)} {record.levelname.lower()} {record.name}: {_escaped(record.getMessage())}{fields}"
        if record.exc_info and record.exc_info[1]:
            kind, stack = _exception(record.exc_info[1])
            text += "".join(f"\n    {place}" for place in (kind, *stack))
        return text


def _exception(error: BaseException) -> tuple[str, list[str]]:
    """The error's type, and where it happened from the outermost call to the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return kind, [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _escaped(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _instant(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class AccessLog:
    """One line per answered request: interaction, resource type, status, duration, request id; nothing else of it.

    Lines gather for a fifth of a second and leave in one write: a line costs a microsecond, not twenty. A crash loses at
    most these; errors do not come this way.
    """

    FLUSH_AFTER: Final = 0.2
    FLUSH_ABOVE: Final = 256

    def __init__(self, style: str, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._line = _JSON_LINE if style == "json" else _TEXT_LINE
        self._waiting: list[tuple[float, str, int, float, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, interaction: str, status: int, seconds: float, request_id: str) -> None:
        """`interaction` is one of a fixed set of words; `request_id` has no character outside [A-Za-z0-9.-]."""
        waiting = self._waiting
        waiting.append((time.time(), interaction, status, seconds, request_id))
        if len(waiting) >= self.FLUSH_ABOVE:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.FLUSH_AFTER, self._flush_later)

    def _flush_later(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> None:
        """What waits is written."""
        waiting, self._waiting = self._waiting, []
        rest = "".join(
            [
                self._line % (_instant(at), interaction, status, seconds * 1000, request_id)
                for at, interaction, status, seconds, request_id in waiting
            ]
        ).encode()
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            return  # nobody reads standard error any more; the request was answered all the same


_JSON_LINE: Final = (
    '{"time":"%s","level":"info","logger":"fhir.access","event":"answered",'
    '"interaction":"%s","status":%d,"milliseconds":%.2f,"request_id":"%s"}\n'
)
_TEXT_LINE: Final = "%s info fhir.access: answered interaction=%s status=%d milliseconds=%.2f request_id=%s\n"
