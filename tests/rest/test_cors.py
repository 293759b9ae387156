"""What browsers may do from other origins."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from fhir_server.rest.asgi import Message, Receive, Scope, Send
from fhir_server.rest.cors import Cors

ORIGIN = "https://app.example.org"


def test_everybody_may_by_default(client: httpx.Client, patient: str) -> None:
    answer = client.get(patient, headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Location", "Content-Location", "Last-Modified", "X-Request-Id"} <= set(exposed)
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in client.get(patient).headers


def test_refusals_can_be_read_too(client: httpx.Client) -> None:
    answer = client.get("/fhir/Nothing/1", headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*")


def test_preflight(client: httpx.Client, patient: str) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "PUT", "access-control-request-headers": "if-match"}
    answer = client.options(patient, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"].split(", ")
    assert {"If-Match", "Prefer", "Content-Type", "Authorization"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )


async def behind(origins: str, origin: str | None) -> Mapping[bytes, bytes]:
    """The headers of an answer to `origin` where `origins` may call."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    headers: list[Any] = [(b"origin", origin.encode())] if origin else []
    await Cors(application, origins)({"type": "http", "method": "GET", "headers": headers}, receive, send)
    return dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("origins", "origin", "granted"),
    [
        ("", ORIGIN, None),
        (ORIGIN, ORIGIN, ORIGIN.encode()),
        (f"https://x.example, {ORIGIN}/", ORIGIN, ORIGIN.encode()),
        (ORIGIN, "https://app.example.org.evil.example", None),
        (ORIGIN, "http://app.example.org", None),
        (ORIGIN, None, None),
        ("*", ORIGIN, b"*"),
    ],
)
async def test_origins(origins: str, origin: str | None, granted: bytes | None) -> None:
    assert (await behind(origins, origin)).get(b"access-control-allow-origin") == granted
