"""The shapes of an ASGI application, and its lifespan. https://asgi.readthedocs.io/en/latest/specs/www.html"""

import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def lifespan(running: Callable[[], AbstractAsyncContextManager[None]], receive: Receive, send: Send) -> None:
    """Runs the application from startup to shutdown: inside the context it serves. A failure is told, and raised."""
    phase = "startup"
    try:
        await receive()
        async with running():
            await send({"type": "lifespan.startup.complete"})
            phase = "shutdown"
            await receive()
    except BaseException:
        await send({"type": f"lifespan.{phase}.failed", "message": traceback.format_exc()})
        raise
    await send({"type": "lifespan.shutdown.complete"})
