"""Logs: one line per event, no values of requests."""

import asyncio
import json
import logging
import os
from pathlib import Path

from fhir_server.observability.logs import AccessLog, JsonLines, TextLines


def record(text: str, error: BaseException | None = None, **fields: object) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.getLogger("fhir.test").makeRecord("fhir.test", logging.WARNING, "f", 1, text, (), info)
    made.__dict__.update(fields)
    return made


def test_json_lines() -> None:
    line = json.loads(JsonLines().format(record("something\nhappened", request_id="a")))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "fhir.test", "event": "something\nhappened", "request_id": "a"}


def test_text_lines_stay_one_line() -> None:
    line = TextLines().format(record("something\r\nhappened", request_id="a\nb"))
    assert line.partition(" ")[2] == "warning fhir.test: something\\r\\nhappened request_id=a\\nb"


def test_exceptions_say_where_and_not_what() -> None:
    try:
        int("Smith, born 1980-01-01")
    except ValueError as error:
        made = record("failed", error)
    for line in (JsonLines().format(made), TextLines().format(made)):
        assert "Smith" not in line
        assert "builtins.ValueError" in line
        assert "test_exceptions_say_where_and_not_what" in line


async def test_access_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    log = AccessLog("json", descriptor)
    log.write("read", 200, 0.00123, "a-1")
    log.write("create", 201, 0.5, "a-2")
    assert path.read_text() == ""
    await asyncio.sleep(AccessLog.FLUSH_AFTER + 0.1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["interaction"], line["status"], line["milliseconds"], line["request_id"]) for line in lines] == [
        ("read", 200, 1.23, "a-1"),
        ("create", 201, 500.0, "a-2"),
    ]
    text = AccessLog("text", descriptor)
    text.write("read", 200, 0.001, "a-3")
    text.flush()
    assert path.read_text().endswith(
        "fhir.access: answered interaction=read status=200 milliseconds=1.00 request_id=a-3\n"
    )
    os.close(descriptor)
