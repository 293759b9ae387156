"""A defect of this server: an answer without a reason, a log entry with it."""

import json
import logging
from pathlib import Path

import pytest

from fhir_server.app import assemble
from fhir_server.context import Context, Request, Response
from fhir_server.observability.metrics import Metrics
from fhir_server.operations.registry import Operation
from fhir_server.outcome import TooManyRequests, Unavailable
from fhir_server.rest import errors
from fhir_server.rest.asgi import Message
from fhir_server.rest.endpoint import Endpoint
from fhir_server.routes import Routes
from fhir_server.settings import Settings
from fhir_server.storage.open import open_store
from tests.stores import store_in


async def fail(_ctx: Context, _request: Request) -> Response:
    raise RuntimeError("Smith has a secret")


async def test_a_defect_says_nothing_but_the_request_id(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(store=store_in(folder))
    store = open_store(settings.store, settings)
    await store.open()
    server = await assemble(settings, store)
    server.routes = Routes([Operation("fail", fail, "urn:test:fail", system=True)])
    metrics = Metrics()
    endpoint = Endpoint(server, ("/fhir",), metrics, None)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/fhir/$fail",
        "raw_path": b"/fhir/$fail",
        "query_string": b"",
        "headers": [(b"x-request-id", b"abc")],
    }
    with caplog.at_level(logging.ERROR):
        await endpoint(scope, receive, send)
    await store.close()
    assert sent[0]["status"] == 500
    (issue,) = json.loads(sent[1]["body"])["issue"]
    assert issue["code"] == "exception"
    assert "abc" in issue["details"]["text"]
    assert "Smith" not in sent[1]["body"].decode()
    (record,) = caplog.records
    assert (record.__dict__["request_id"], record.__dict__["interaction"]) == ("abc", "operation")
    assert record.exc_info is not None
    assert metrics.under_way == 0


def test_who_should_wait_is_told_how_long() -> None:
    for error in (TooManyRequests("x"), Unavailable("x")):
        assert errors.response(error).headers == {"Retry-After": "1"}
    assert errors.response(Unavailable("x", headers={"Retry-After": "30"})).headers == {"Retry-After": "30"}
