"""`fhir-server serve`: it refuses to be open to a network, says what is wrong in one line, and stops gracefully."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Cli
from tests.http.server import command, free_port, running, start

ONE_LINE = 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_open_server_beyond_loopback_is_refused(cli: Cli, host: str) -> None:
    done = cli("serve", "--host", host, "--auth", "none")
    assert (done.code, "--allow-open" in done.err, "Traceback" in done.err) == (1, True, False)


def test_open_server_beyond_loopback_starts_where_it_is_allowed_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    server = start(command("--host", "0.0.0.0", "--allow-open", port=port), port, cwd=tmp_path)
    server.stop()
    assert "whoever reaches this address" in server.log.read_text()


def test_sign_in_that_is_not_there_yet_is_refused(cli: Cli) -> None:
    done = cli("serve", "--auth", "smart")
    assert (done.code, "SMART" in done.err, len(done.err.strip().splitlines())) == (1, True, 1)


@pytest.mark.parametrize(
    "options", [["--workers", "0"], ["--port", "70000"], ["--store", "mysql://x"], ["--port", "x"]]
)
def test_option_that_cannot_be_is_refused_without_a_traceback(cli: Cli, options: list[str]) -> None:
    done = cli("serve", *options)
    assert (done.code in (1, 2), "Traceback" in done.err, bool(done.err.strip())) == (True, False, True)


def test_unknown_variable_is_warned_of(tmp_path: Path) -> None:
    with running(cwd=tmp_path, FHIR_WROKERS="2") as server:
        pass
    assert "FHIR_WROKERS is not a setting" in server.log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_port_in_use_is_said_in_one_line(tmp_path: Path, workers: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = subprocess.run(
            command("--workers", str(workers), port=port),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    said = [line for line in ran.stderr.splitlines() if "in use" in line]
    assert (ran.returncode, len(said), "Traceback" in ran.stderr) == (1, ONE_LINE, False), ran.stderr
    assert str(port) in said[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_finishes_what_is_under_way(tmp_path: Path, workers: int) -> None:
    """Transactions of which only a half had come before the signal are answered, and are there after a restart."""
    store = ("--store", f"sqlite:///{tmp_path / 'fhir.db'}", "--workers", str(workers))
    port = free_port()
    server = start(command(*store, port=port), port, cwd=tmp_path)
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 100}).encode()
    head = (
        f"POST /fhir HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    senders = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(3)]
    for sender in senders:
        sender.sendall(head.encode() + body[:500])
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    for sender in senders:
        sender.sendall(body[500:])
    assert [sender.recv(17) for sender in senders] == [b"HTTP/1.1 200 OK\r\n"] * 3
    for sender in senders:
        sender.close()
    assert server.process.wait(30) == 0
    with running(*store, cwd=tmp_path) as again:
        assert httpx.get(f"{again.base}/Patient?_summary=count").json()["total"] == 300


def test_help_names_every_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "fhir_server", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
    )
    for name in ("serve", "load", "export", "backup", "restore", "check", "reindex", "settings"):
        assert name in ran.stdout
