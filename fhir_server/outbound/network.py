"""Connections to checked addresses: a name is looked up once, all that it leads to is checked, and one of these is called.

https://www.rfc-editor.org/rfc/rfc3493.html#section-6.1
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

import httpcore

from fhir_server.outbound.addresses import Address, inside, open_to_all
from fhir_server.outbound.failed import Failed
from fhir_server.outbound.rules import Rules

MOST_TRIED: Final = 4
"""Addresses of one name."""

Resolve = Callable[[str, int], Sequence[str]]
"""(host, port) → addresses; blocks. Raises OSError."""

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


def lookup(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


class Network(httpcore.AsyncNetworkBackend):
    """Connects where the rules allow it. Look-ups have threads of their own: a resolver that hangs holds up nobody else."""

    def __init__(self, rules: Rules, resolve: Resolve = lookup) -> None:
        self._internal = frozenset((origin.host, origin.port) for origin in rules.internal)
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()
        self._threads = ThreadPoolExecutor(4, "lookup")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's word
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to an address that has been checked, look-up included in the time.

        Raises Failed, TimeoutError, httpcore's ConnectError.
        """
        async with asyncio.timeout(timeout):
            addresses = await self._checked(host, port)
            last: Exception = Failed("unresolved", f"{host} has no address")
            for address in addresses[:MOST_TRIED]:
                try:
                    return await self._backend.connect_tcp(str(address), port, None, local_address, socket_options)
                except httpcore.ConnectError as error:
                    last = error
            raise last

    async def _checked(self, host: str, port: int) -> list[Address]:
        """All addresses of the host. Raises Failed where one of them may not be called."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._resolve, host.strip("[]"), port)
            addresses = [ip_address(each) for each in found]
        except OSError as error:
            raise Failed("unresolved", f"the name {host} leads nowhere") from error
        except ValueError as error:
            raise Failed("refused", f"{host} has an address that cannot be read") from error
        allowed = (host, port) in self._internal
        for address in addresses:
            if not (open_to_all(address) or (allowed and inside(address))):
                raise Failed("refused", f"{host}:{port} is not called: {address} is not an address of the open internet{'' if allowed else ', and FHIR_OUTBOUND_INTERNAL does not allow this target'}")  # fmt: skip
        return addresses

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)

    def close(self) -> None:
        """No further look-ups."""
        self._threads.shutdown(wait=False, cancel_futures=True)
