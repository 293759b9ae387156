"""Several servers on one store, as behind a load balancer: each request goes to the next one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import httpx

from tests.http.server import Process, command, free_port, start
from tests.stores import store_in


class Turns(httpx.AsyncHTTPTransport):
    """Sends each request to the next port."""

    def __init__(self, ports: list[int], connections: int) -> None:
        super().__init__(limits=httpx.Limits(max_connections=connections))
        self._ports = cycle(ports)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=next(self._ports))
        return await super().handle_async_request(request)


class Servers:
    """Server processes on one store; `base` is the base URL that all of them write into links."""

    def __init__(self, processes: list[Process]) -> None:
        self.processes = processes
        self.base = processes[0].base

    def client(self, *, connections: int = 50, timeout: float = 60) -> httpx.AsyncClient:
        """A client whose requests go to the servers in turn."""
        return httpx.AsyncClient(transport=Turns([each.port for each in self.processes], connections), timeout=timeout)


@contextmanager
def several(count: int, folder: Path, *options: str, store: str = "", **environment: str) -> Iterator[Servers]:
    """So many `fhir-server serve` on one store (the folder's, where none is given), for as long as the block runs."""
    ports = [free_port() for _ in range(count)]
    environment = {"FHIR_BASE_URL": f"http://127.0.0.1:{ports[0]}/fhir", **environment}
    with ExitStack() as stack:
        processes: list[Process] = []
        for port in ports:
            arguments = command("--store", store or store_in(folder), *options, port=port)
            processes.append(start(arguments, port, cwd=folder, **environment))
            stack.callback(_stopped, processes[-1])
        yield Servers(processes)


def _stopped(process: Process) -> None:
    if process.process.poll() is None:
        process.stop()
