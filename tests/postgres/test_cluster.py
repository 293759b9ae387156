"""The PostgreSQL of the tests: usable, restartable, and gone afterwards however its tests end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.postgres import cluster as module
from tests.postgres.cluster import Cluster, running
from tests.postgres.databases import Databases

FORSAKEN = """
import os, signal
from tests.postgres.cluster import running
with running() as cluster:
    print(cluster.pid, cluster.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_server_is_never_root(cluster: Cluster) -> None:
    owner = subprocess.run(["ps", "-o", "uid=", "-p", str(cluster.pid)], capture_output=True, text=True, check=True)
    assert int(owner.stdout) != 0
    assert (cluster.folder / "data").stat().st_uid == int(owner.stdout)
    assert (cluster.folder.stat().st_mode & 0o777) == 0o700


def test_a_server_comes_back_with_what_was_committed_after_a_stop_and_after_a_kill() -> None:
    with running({}) as cluster:
        cluster.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
        cluster.stop()
        cluster.start()
        cluster.sql("INSERT INTO t VALUES (2)")
        cluster.kill()
        cluster.start()
        assert cluster.sql("SELECT n FROM t ORDER BY n") == "1\n2"
        pid, folder = cluster.pid, cluster.folder
    assert gone(pid)
    assert not folder.exists()


def test_a_server_ends_with_a_failed_test() -> None:
    seen: list[Cluster] = []

    def fails() -> None:
        with running() as cluster:
            seen.append(cluster)
            pids.append(cluster.pid)
            raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fails()
    (pid,), (folder,) = pids, (cluster.folder for cluster in seen)
    assert gone(pid)
    assert not folder.exists()


def test_a_server_ends_when_its_tests_are_killed() -> None:
    done = subprocess.run([sys.executable, "-c", FORSAKEN], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, folder = done.stdout.split()
    deadline = time.monotonic() + 30
    while not gone(int(pid)) or Path(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_absent_server_skips_and_fails_where_it_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "programs", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="is not installed"):
        module.require()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="is not installed"):
        module.require()


def test_a_database_is_handed_out_as_the_template_was(cluster: Cluster) -> None:
    def prepare(url: str) -> None:
        cluster.sql(
            "CREATE SCHEMA s; CREATE TABLE s.a (n bigserial PRIMARY KEY); INSERT INTO s.a DEFAULT VALUES;"
            "CREATE TABLE b (n bigint REFERENCES s.a)",
            url.partition("@/")[2].partition("?")[0],
        )

    with Databases(cluster, prepare, name="rows") as databases:
        for _ in range(2):
            with databases.database() as url:
                name = url.partition("@/")[2].partition("?")[0]
                assert cluster.sql("SELECT n FROM s.a; SELECT count(*) FROM b", name) == "1\n0"
                made = cluster.sql("INSERT INTO s.a DEFAULT VALUES RETURNING n; INSERT INTO b VALUES (2)", name)
                assert made == "2"
