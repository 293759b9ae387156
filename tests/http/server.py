"""The real server as a process of its own, on a free loopback port, stopped by its process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

STARTED_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Process:
    """A server under way: `base` is the FHIR base URL, `root` the address before it."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"{self.root}/fhir"

    def kill(self) -> None:
        """SIGKILL to the server and its workers: nobody gets to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM: the server finishes what is under way. Returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def command(*options: str, port: int) -> list[str]:
    return [sys.executable, "-m", "fhir_server", "serve", "--port", str(port), *options]


def start(arguments: Sequence[str], port: int, *, cwd: Path, **environment: str) -> Process:
    """Starts the server and returns once it is ready; fails with its log where it is not."""
    log = cwd / f"server-{port}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(arguments),
            cwd=cwd,
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Process(process, port, log)
    deadline = time.monotonic() + STARTED_WITHIN
    while True:
        try:
            if httpx.get(f"{server.root}/health/ready", timeout=5).status_code == 200:
                return server
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                server.kill()
            raise RuntimeError(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.02)


@contextmanager
def running(*options: str, cwd: Path, **environment: str) -> Iterator[Process]:
    """`fhir-server serve` with these options on a free port, for as long as the block runs."""
    port = free_port()
    server = start(command(*options, port=port), port, cwd=cwd, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@contextmanager
def served(arguments: Sequence[str], port: int, *, cwd: Path, **environment: str) -> Iterator[str]:
    """As `running`, for a command line of the caller's; gives the FHIR base URL."""
    server = start(arguments, port, cwd=cwd, **environment)
    try:
        yield server.base
    finally:
        if server.process.poll() is None:
            server.stop()
