"""The servers that are measured: ours, and a raw ASGI "hello" as the ceiling of this machine in the same run."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fhir_server.rest.asgi import Receive, Scope, Send

HELLO = b'{"resourceType":"Patient","text":"' + b"x" * 2000 + b'"}'


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    """The least an ASGI application can do: 2 kB of constant JSON."""
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(HELLO)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


@dataclass(frozen=True, slots=True)
class Running:
    """A server under way: its port, its process, and how long it took to its first answer, in seconds."""

    port: int
    process: "subprocess.Popen[bytes]"
    cold_start: float

    def memory(self) -> list[float]:
        """Resident memory of each Python process of the server, in MB, largest first."""
        return sorted((_resident(pid) for pid in _family(self.process.pid)), reverse=True)

    def cpu(self) -> float:
        """Seconds of processor time that all processes of the server have taken."""
        return sum((_worked(pid) for pid in _family(self.process.pid)), 0.0)


@contextmanager
def ours(store: str, workers: int) -> Iterator[Running]:
    """`fhir-server serve` on a free port; stopped by its own process at the end."""
    port = free_port()
    command = [sys.executable, "-m", "fhir_server", "serve", "--port", str(port), "--workers", str(workers)]
    environment = os.environ | {"FHIR_LOG_LEVEL": "warning"}
    with _running([*command, "--store", store], port, "/fhir/metadata", environment) as server:
        yield server


@contextmanager
def raw(workers: int) -> Iterator[Running]:
    """The hello application under the same uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.servers:hello", "--port", str(port), "--no-access-log"]
    options = ["--workers", str(workers), "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    with _running([*command, *options], port, "/", dict(os.environ)) as server:
        yield server


@contextmanager
def _running(command: list[str], port: int, path: str, environment: dict[str, str]) -> Iterator[Running]:
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - start > 60:
                raise RuntimeError((process.stderr.read() if process.stderr else b"").decode())
            time.sleep(0.01)
        yield Running(port, process, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait(30)
        if process.stderr:
            process.stderr.close()


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _family(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    family, more = {pid}, True
    while more:
        children = {child for child, parent in pairs if parent in family} - family
        more = bool(children)
        family |= children
    return sorted(family)


def _resident(pid: int) -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(shown or 0) / 1024


def _worked(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return float(int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    shown = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    seconds = 0.0
    for part in shown.strip().replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part or 0)
    return seconds
