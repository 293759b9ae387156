"""How much at once, and how long."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from fhir_server.outcome import TooManyRequests
from fhir_server.rest.limits import Limits
from fhir_server.settings import Settings
from tests.http.site import site
from tests.stores import store_in


async def test_one_too_many() -> None:
    limits = Limits(2, 10)
    loop = asyncio.get_running_loop()

    async def request(inside: asyncio.Event, go: asyncio.Event) -> None:
        task = asyncio.current_task()
        assert task is not None
        limits.enter(task, loop)
        inside.set()
        await go.wait()
        limits.leave(task)

    go, entered = asyncio.Event(), [asyncio.Event(), asyncio.Event()]
    tasks = [asyncio.create_task(request(event, go)) for event in entered]
    for event in entered:
        await event.wait()
    with pytest.raises(TooManyRequests):
        await request(asyncio.Event(), go)
    go.set()
    await asyncio.gather(*tasks)
    await request(asyncio.Event(), go)


async def test_what_takes_too_long_may_still_answer() -> None:
    limits = Limits(2, 0.05)
    task = asyncio.current_task()
    assert task is not None
    limits.enter(task, asyncio.get_running_loop())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(5)
    late = limits.late(task, reading=False)
    assert late is not None
    assert (late.status, late.issues[0].code) == (503, "timeout")
    await asyncio.sleep(0)
    limits.leave(task)
    assert limits.late(task, reading=False) is None


@pytest.fixture
def small(folder: Path) -> Settings:
    return Settings(store=store_in(folder), max_requests=2, request_timeout=1.0)


def waiting(client: httpx.Client) -> socket.socket:
    """A request whose body does not come."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10)
    connection.sendall(
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\n\r\n{"
    )
    return connection


def test_429_and_408_over_http(folder: Path, small: Settings) -> None:
    with site(folder, small) as client:
        connections = [waiting(client) for _ in range(2)]
        time.sleep(0.2)
        refused = client.get("/fhir/metadata")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["issue"][0]["code"] == "throttled"
        assert client.get("/health/live").status_code == 200
        for connection in connections:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert b'"code":"timeout"' in answer
            connection.close()
        assert client.get("/fhir/metadata").status_code == 200


def test_clients_that_go_away_leave_nothing_behind(folder: Path, small: Settings) -> None:
    with site(folder, small) as client:
        for _ in range(5):
            waiting(client).close()
            time.sleep(0.05)
        assert client.get("/fhir/metadata").status_code == 200
        assert "fhir_requests_under_way 0.0" in client.get("/metrics").text


def test_stopping_finishes_what_is_under_way(folder: Path) -> None:
    answers = []
    with site(folder) as client:
        connection = waiting(client)

        def finish() -> None:
            time.sleep(0.5)  # the server is stopping by now
            connection.sendall(b'"resourceType":"Patient"}'.ljust(99))
            answers.append(connection.recv(65536))

        thread = threading.Thread(target=finish)
        thread.start()
        time.sleep(0.2)
    thread.join(10)
    assert answers[0].startswith(b"HTTP/1.1 201 Created\r\n")
    connection.close()
