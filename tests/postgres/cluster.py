"""A PostgreSQL of the tests' own: private data folder, private socket, never root, gone when the tests are, however they end.

https://www.postgresql.org/docs/current/app-initdb.html
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypedDict

import pytest

from tests.http.server import free_port

OLDEST = 15
ROLE = "fhir"
"""Owns the databases and is no superuser, as on a managed PostgreSQL."""

WITHIN = 60.0
"""Seconds that starting or stopping may take on a busy machine."""

HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests that do not take the power away: what a killed process had written is with the operating system all the same."""

INITDB = (
    *("-U", "postgres", "-E", "UTF8", "--no-sync", "--no-instructions"),
    *("--locale=C", "--locale-provider=icu", "--icu-locale=en-US"),
    *("--auth-local=trust", "--auth-host=scram-sha-256"),
)
"""Text is ordered as in a language by default: the store must not lean on plain byte order."""

KEEPER = """trap "" INT; folder=$1; shift; "$0" "$@" & pid=$!
read -r end || { kill -INT $pid; wait $pid; rm -rf "$folder"; exit; }
wait $pid"""
"""Runs the server; where the pipe from the tests closes without a word, their process was killed: stops and removes all."""


@cache
def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest where there are several; None where the server is not installed."""
    found = [Path(path).resolve().parent for path in (shutil.which("postgres"),) if path]
    found += [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    able = [(version, folder) for folder in found if (version := _version(folder)) >= OLDEST]
    return max(able)[1] if able else None


def _version(folder: Path) -> int:
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"\(PostgreSQL\) (\d+)", told)[0])


def require() -> Path:
    """The server's programs; skips the calling test where there are none, fails it when CI=true."""
    folder = programs()
    if folder is not None:
        return folder
    reason = f"PostgreSQL {OLDEST} or newer is not installed (Debian: apt-get install postgresql): its tests do not run"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Start(TypedDict, total=False):
    """How a process is started."""

    cwd: Path
    user: int
    group: int
    extra_groups: list[int]


class Cluster:
    """A server with an empty data folder of its own; `options` are settings of postgresql.conf."""

    def __init__(self, programs: Path, options: Mapping[str, str] = HASTY) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fhir-postgres-", dir="/tmp"))
        self.programs = programs
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._options = options
        self._keeper: subprocess.Popen[bytes] | None = None
        self._account = _account()
        try:
            self._initialise()
        except BaseException:
            self.remove()
            raise

    def url(self, database: str, *, tcp: bool = False) -> str:
        """The database as `FHIR_STORE` names it: over the socket, or over TCP with a password."""
        if tcp:
            return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{ROLE}@/{database}?host={self.folder}&port={self.port}"

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Starts the server and returns once it takes connections; again after `stop` and `kill`, too."""
        given = {"unix_socket_directories": str(self.folder), "listen_addresses": "127.0.0.1", **self._options}
        settings = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        server = [
            str(self.programs / "postgres"),
            str(self.folder),
            "-D",
            str(self.folder / "data"),
            "-p",
            str(self.port),
        ]
        deadline = time.monotonic() + WITHIN
        while True:
            with (self.folder / "log").open("ab") as log:
                self._keeper = subprocess.Popen(
                    ["/bin/sh", "-c", KEEPER, *server, *settings],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **self._as_account(),
                )
            while self._keeper.poll() is None and time.monotonic() < deadline:
                if (self.folder / "data" / "postmaster.pid").exists() and self._answers():
                    return
                time.sleep(0.02)
            # the processes of a killed server may not have noticed yet, and hold its memory
            self._reap()
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log[-3000:]}")

    def stop(self) -> None:
        """Rolls back what is under way, ends all connections and stops (a "fast" shutdown)."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the postmaster: nobody gets to clean up, as when the machine's memory runs out."""
        self._signal(signal.SIGKILL)

    def remove(self) -> None:
        """Stops the server and removes all that it kept."""
        if self._keeper is not None:
            self.stop()
        shutil.rmtree(self.folder)

    def sql(self, text: str, database: str = "postgres") -> str:
        """What `psql` prints for the statements, as superuser; raises with the message where one fails."""
        done = subprocess.run([*self.psql(database), "-c", text], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{text}: {done.stderr}")
        return done.stdout.strip()

    def psql(self, database: str) -> list[str]:
        """The command line of a superuser's `psql`."""
        address = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database]
        return [str(self.programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", *address]

    def _initialise(self) -> None:
        if self._account is not None:
            os.chown(self.folder, *self._account)
        subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", *INITDB],
            capture_output=True,
            check=True,
            **self._as_account(),
        )
        self.start()
        self.sql(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self.password}'")

    def _answers(self) -> bool:
        return not subprocess.run([*self.psql("postgres"), "-c", ""], capture_output=True, check=False).returncode

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)
        self._reap()

    def _reap(self) -> None:
        """Waits until the postmaster is gone."""
        if self._keeper is not None:
            self._keeper.communicate(b"gone\n", WITHIN)
        self._keeper = None

    def _as_account(self) -> Start:
        """How a process of the server is started: in a folder that its account may enter."""
        if self._account is None:
            return {"cwd": self.folder}
        user, group = self._account
        return {"cwd": self.folder, "user": user, "group": group, "extra_groups": []}


def _account() -> tuple[int, int] | None:
    """User and group that the server runs as where the tests run as root, which PostgreSQL refuses."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("the tests run as root and there is no account 'postgres' or 'nobody' for PostgreSQL to run as")


@contextmanager
def running(options: Mapping[str, str] = HASTY) -> Iterator[Cluster]:
    """A server for as long as the block runs."""
    cluster = Cluster(require(), options)
    try:
        yield cluster
    finally:
        cluster.remove()
