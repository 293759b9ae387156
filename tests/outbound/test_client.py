"""Each rule of the guarded client, over real sockets.

https://www.rfc-editor.org/rfc/rfc9110.html
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fhir_server.outbound import Failed, Origin, Rules
from fhir_server.outbound.client import Answer, Client
from fhir_server.outbound.network import lookup
from tests.outbound.certificates import Authority
from tests.outbound.peer import OK, Peer, peer

pytestmark = pytest.mark.anyio


def local(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> Rules:
    return Rules(internal=frozenset({Origin(scheme, host, port)}), **more)


@asynccontextmanager
async def client(rules: Rules, **more: Any) -> AsyncIterator[Client]:
    found = Client(rules, **more)
    try:
        yield found
    finally:
        await found.close()


async def failure(rules: Rules, url: str, **more: Any) -> str:
    async with client(rules, **more) as calling:
        with pytest.raises(Failed) as failed:
            await calling.send("GET", url)
        return failed.value.code


async def test_what_is_allowed_is_called_with_no_more_than_was_said() -> None:
    async with peer() as there, client(local(there.port)) as calling:
        answer = await calling.send("POST", f"http://127.0.0.1:{there.port}/a?b=c", headers={"Accept": "x/y"}, body=b"1")  # fmt: skip
        assert answer == Answer(200, {"content-type": "text/plain", "content-length": "5"}, b"hello")
        head, _, body = there.requests[0].partition(b"\r\n\r\n")
        assert body == b"1"
        assert set(head.decode().split("\r\n")) == {
            "POST /a?b=c HTTP/1.1",
            f"Host: 127.0.0.1:{there.port}",
            "User-Agent: fhir-server",
            "Accept-Encoding: identity",
            "Accept: x/y",
            "Content-Length: 1",
        }


async def test_connections_are_kept() -> None:
    async with peer() as there, client(local(there.port)) as calling:
        for _ in range(3):
            await calling.send("GET", f"http://127.0.0.1:{there.port}/")
        assert (len(there.requests), there.connections) == (3, 1)


async def test_what_is_inside_is_not_called_unless_it_is_allowed() -> None:
    async with peer() as there:
        other = local(there.port, host="other")
        for url in (f"http://127.0.0.1:{there.port}/", f"https://127.0.0.1:{there.port}/"):
            assert await failure(other, url) == "refused"
            assert await failure(Rules(ports=frozenset({there.port})), url) == "refused"
        assert there.connections == 0


async def test_a_permission_is_for_the_whole_origin() -> None:
    async with peer() as there, peer() as neighbour:
        allowed = local(there.port)
        port = there.port
        for url in (
            f"http://127.0.0.1:{neighbour.port}/",
            f"http://127.0.0.1.nip.example:{port}/",
            f"http://localhost:{port}/",
            f"https://127.0.0.1:{port}/",
        ):
            assert await failure(allowed, url) == "refused"
        assert (there.connections, neighbour.connections) == (0, 0)


async def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to() -> None:
    async with peer() as there:
        rules = Rules(ports=frozenset({there.port}))
        for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
            code = await failure(rules, f"https://tx.example.org:{there.port}/", resolve=lambda *_, a=addresses: a)
            assert code == "refused"
        assert there.connections == 0


async def test_metadata_addresses_are_refused_even_for_allowed_names() -> None:
    rules = local(80, host="metadata.internal")
    for address in ("169.254.169.254", "169.254.1.1", "0.0.0.0", "224.0.0.1", "fd00:ec2::254"):
        assert await failure(rules, "http://metadata.internal/", resolve=lambda *_, a=address: [a]) == "refused"


async def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    """A name that leads elsewhere at each look-up is looked up once."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async with peer() as there, client(local(there.port, host="tx.internal"), resolve=rebinding) as calling:
        url = f"http://tx.internal:{there.port}/"
        assert (await calling.send("GET", url)).status == 200
        assert (await calling.send("GET", url)).status == 200  # over the connection that is kept
        assert asked == ["tx.internal"]
        assert f"Host: tx.internal:{there.port}".encode() in there.requests[0]


async def test_further_addresses_of_a_name_are_tried() -> None:
    async with peer() as there, client(
        local(there.port, host="tx.internal"), resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]
    ) as calling:  # fmt: skip
        assert (await calling.send("GET", f"http://tx.internal:{there.port}/")).status == 200


async def test_the_resolver_of_the_machine_is_asked() -> None:
    assert set(lookup("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert await failure(Rules(), "https://no-such-name.invalid/") == "unresolved"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 X", "308 X", "300 X"])
async def test_redirects_are_not_followed(status: str) -> None:
    async with peer() as inside:
        location = f"http://127.0.0.1:{inside.port}/secret"
        answer = f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        async with peer(answer) as there:
            assert await failure(local(there.port), f"http://127.0.0.1:{there.port}/") == "redirect"
        assert inside.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n"
        + b"a" * 1024
        + b"\r\n400\r\n"
        + b"a" * 1024
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 2000,
    ],
)
async def test_long_answers_are_not_read(answer: bytes) -> None:
    async with peer(answer) as there:
        assert await failure(local(there.port, most=1024), f"http://127.0.0.1:{there.port}/") == "too-long"


async def test_an_endless_answer_ends() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    async with peer(endless) as there:
        assert await failure(local(there.port), f"http://127.0.0.1:{there.port}/") == "too-long"


@pytest.mark.parametrize("drop", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
async def test_a_slow_answer_ends(drop: bytes) -> None:
    """Byte by byte, too: what counts is the whole."""

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(drop)
        for _n in range(100):
            await asyncio.sleep(0.05)
            writer.write(b"a" if drop.endswith(b"\r\n\r\n") and _n < 5 else b"")
            await writer.drain()

    async with peer(slow) as there:
        start = time.monotonic()
        assert await failure(local(there.port, total=0.3), f"http://127.0.0.1:{there.port}/") == "timeout"
        assert time.monotonic() - start < 3


async def test_a_slow_look_up_ends() -> None:
    def hanging(host: str, port: int) -> Sequence[str]:
        time.sleep(1)
        return ["127.0.0.1"]

    start = time.monotonic()
    assert (
        await failure(local(80, host="tx.internal", connect=0.2), "http://tx.internal/", resolve=hanging) == "timeout"
    )
    assert time.monotonic() - start < 0.9


async def test_nobody_there_is_unreachable() -> None:
    async with peer() as there:
        port = there.port
    assert await failure(local(port), f"http://127.0.0.1:{port}/") == "unreachable"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ],
)
async def test_what_is_no_answer_is_broken(answer: bytes) -> None:
    async with peer(answer) as there:
        assert await failure(local(there.port), f"http://127.0.0.1:{there.port}/") == "broken"


async def test_credentials_go_to_their_origin_alone() -> None:
    async with peer() as there, peer() as neighbour:
        one, other = (Origin("http", "127.0.0.1", each.port) for each in (there, neighbour))
        rules = Rules(internal=frozenset({one, other}), credentials={one: "Bearer secret"})
        async with client(rules) as calling:
            for origin in (one, other):
                await calling.send("GET", f"{origin}/")
        assert b"Authorization: Bearer secret" in there.requests[0]
        assert b"secret" not in neighbour.requests[0]


@pytest.mark.parametrize("header", ["Authorization", "cookie", "Host", "Referer", "Proxy-Authorization"])
async def test_callers_do_not_set_what_the_client_sets(header: str) -> None:
    async with peer() as there, client(local(there.port)) as calling:
        with pytest.raises(ValueError, match="header"):
            await calling.send("GET", f"http://127.0.0.1:{there.port}/", headers={header: "x"})
        assert there.connections == 0


async def test_cookies_are_not_kept() -> None:
    async with peer(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)) as there:
        async with client(local(there.port)) as calling:
            for _ in range(2):
                await calling.send("GET", f"http://127.0.0.1:{there.port}/")
        assert b"cookie" not in there.requests[1].lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer() as there, peer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with client(local(there.port)) as calling:
            await calling.send("GET", f"http://127.0.0.1:{there.port}/")
        assert (there.connections, proxy.connections) == (1, 0)


async def test_no_header_can_be_smuggled_in() -> None:
    async with peer() as there, client(local(there.port)) as calling:
        with pytest.raises(Failed) as failed:
            await calling.send("GET", f"http://127.0.0.1:{there.port}/", headers={"Accept": "a\r\nX: b"})
        assert (failed.value.code, there.requests) == ("broken", [])


async def test_certificates_are_checked_against_the_name(authority: Authority) -> None:
    for named, expected in (("tx.example.org", 200), ("other.example.org", None)):
        async with peer(tls=authority.server(named)) as there:
            rules = local(there.port, scheme="https", host="tx.example.org")
            async with client(rules, resolve=lambda *_: ["127.0.0.1"], trust=authority.trust()) as calling:
                assert await _status(calling, there) == expected


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(authority: Authority) -> None:
    async with peer(tls=authority.server("tx.example.org")) as there:
        rules = local(there.port, scheme="https", host="tx.example.org")
        async with client(rules, resolve=lambda *_: ["127.0.0.1"], trust=ssl.create_default_context()) as calling:
            assert await _status(calling, there) is None


async def _status(calling: Client, there: Peer) -> int | None:
    """None: unreachable."""
    code = None
    try:
        return (await calling.send("GET", f"https://tx.example.org:{there.port}/")).status
    except Failed as failed:
        code = failed.code
    assert code == "unreachable"
    return None
