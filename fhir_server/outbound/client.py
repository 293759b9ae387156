"""The guarded HTTP client: no redirects, no proxies, no cookies, nothing from the environment; bounded in time and size.

https://www.rfc-editor.org/rfc/rfc9110.html
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore

from fhir_server.outbound.failed import Failed
from fhir_server.outbound.network import Network, Resolve, lookup
from fhir_server.outbound.rules import Rules
from fhir_server.outbound.target import Target, target

KEPT: Final = 30.0
"""Seconds for which an idle connection is kept."""
_OWN: Final = frozenset(
    {
        *("host", "authorization", "cookie", "referer", "content-length", "transfer-encoding", "connection"),
        *("accept-encoding", "user-agent", "proxy-authorization", "te", "upgrade", "expect"),
    }
)
"""Headers that callers do not set."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: data, whoever sent it. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends requests for one purpose, under its rules. To be used in one event loop, and closed there."""

    def __init__(self, rules: Rules, *, resolve: Resolve = lookup, trust: ssl.SSLContext | None = None) -> None:
        """`trust`: whose certificates are believed; None: those that this machine trusts."""
        self.rules = rules
        self._trust = trust
        self._network = Network(rules, resolve)
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def send(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:  # fmt: skip
        """The answer, whatever its status, unless it is a redirect. Raises Failed."""
        where = target(url)
        self.rules.require(where.origin)
        given = headers or {}
        if not _OWN.isdisjoint(map(str.lower, given)):
            raise ValueError("a header that the client sets itself")
        try:
            async with asyncio.timeout(self.rules.total):
                return await self._exchange(method, where, given, body)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Failed("timeout", f"{where.origin} has not answered in time") from error
        except (httpcore.NetworkError, OSError) as error:
            raise Failed("unreachable", f"{where.origin} cannot be reached: {error}") from error
        except httpcore.ProtocolError as error:
            raise Failed("broken", f"{where.origin} does not answer in HTTP: {error}") from error

    async def close(self) -> None:
        """All connections are closed."""
        for pool in self._pools.values():
            await pool.aclose()
        self._network.close()

    async def _exchange(self, method: str, where: Target, given: Mapping[str, str], body: bytes) -> Answer:
        origin = where.origin
        headers = {"Host": origin.authority, "User-Agent": "fhir-server", "Accept-Encoding": "identity", **given}
        if body or method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(body))
        if origin in self.rules.credentials:
            headers["Authorization"] = self.rules.credentials[origin]
        url = httpcore.URL(
            scheme=origin.scheme.encode(), host=origin.host.encode(), port=origin.port, target=where.path.encode()
        )
        timeouts = {"connect": self.rules.connect, "read": self.rules.total, "write": self.rules.total}
        extensions = {"timeout": timeouts, "sni_hostname": origin.host.strip("[]")}
        pool = await self._connections(origin.scheme)
        async with pool.stream(
            method, url, headers=list(headers.items()), content=body, extensions=extensions
        ) as response:
            return await self._answer(where, response)

    async def _answer(self, where: Target, response: httpcore.Response) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if 300 <= response.status < 400:
            raise Failed("redirect", f"{where.origin} sends us elsewhere ({response.status}): no redirect is followed")
        if headers.get("content-encoding", "identity") != "identity":
            raise Failed("broken", f"{where.origin} answers in an encoding that was not asked for")
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self.rules.most:
            raise self._too_long(where)
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self.rules.most:
                raise self._too_long(where)
        return Answer(response.status, headers, bytes(body))

    def _too_long(self, where: Target) -> Failed:
        return Failed("too-long", f"{where.origin} answers with more than {self.rules.most:,} bytes")

    async def _connections(self, scheme: str) -> httpcore.AsyncConnectionPool:
        """Those of a scheme. What this machine trusts is read once, where it is needed, and takes a while."""
        if scheme not in self._pools:
            if scheme == "https" and self._trust is None:
                self._trust = await asyncio.to_thread(httpcore.default_ssl_context)
            pool = httpcore.AsyncConnectionPool(
                ssl_context=self._trust,
                max_connections=self.rules.connections,
                max_keepalive_connections=self.rules.connections,
                keepalive_expiry=KEPT,
                network_backend=self._network,
            )
            self._pools.setdefault(scheme, pool)
        return self._pools[scheme]
