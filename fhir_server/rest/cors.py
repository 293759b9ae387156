"""Cross-origin requests of browsers: who may call, and which headers scripts may read.

https://fetch.spec.whatwg.org/#http-cors-protocol. Credentials (cookies) are never allowed across origins: FHIR clients send
bearer tokens.
"""

from typing import Final

from fhir_server.rest.asgi import Application, Message, Receive, Scope, Send

EXPOSED: Final = (
    b"ETag, Location, Content-Location, Last-Modified, X-Request-Id, Retry-After, X-Progress, Link, "
    b"Accept-Ranges, Content-Range"
)
METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ACCEPTED: Final = (
    b"Accept, Authorization, Content-Type, If-Match, If-None-Match, If-Modified-Since, If-None-Exist, Prefer, "
    b"Range, X-Request-Id, X-Security-Context"
)
MAX_AGE: Final = b"86400"


class Cors:
    """Round the whole application: answers preflights, and adds what browsers ask for to the rest."""

    def __init__(self, application: Application, origins: str) -> None:
        """`origins`: separated by commas; "*" is everybody, "" nobody."""
        self._application = application
        allowed = {origin.strip().rstrip("/").encode() for origin in origins.split(",")} - {b""}
        self._everybody = b"*" in allowed
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, origin in scope["headers"]:
                if name == b"origin":
                    await self._answer(origin, scope, receive, send)
                    return
        await self._application(scope, receive, send)

    async def _answer(self, origin: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self._everybody or origin in self._allowed):
            await self._application(scope, receive, send)
            return
        granted = [
            (b"access-control-allow-origin", b"*" if self._everybody else origin),
            (b"access-control-expose-headers", EXPOSED),
        ]
        if not self._everybody:
            granted.append((b"vary", b"origin"))
        if scope["method"] == "OPTIONS" and any(
            name == b"access-control-request-method" for name, _ in scope["headers"]
        ):
            await _preflight(granted, send)
            return

        async def with_grant(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *granted]
            await send(message)

        await self._application(scope, receive, with_grant)


async def _preflight(granted: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [
        granted[0],
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", ACCEPTED),
        (b"access-control-max-age", MAX_AGE),
        (b"vary", b"origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
