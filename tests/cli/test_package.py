"""`fhir-server package`: packages go in once, whatever interrupts it, are listed with what they lack, and go again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fhir_server.packages import record
from fhir_server.storage.sqlite import SQLiteStore
from tests.cli.conftest import Cli
from tests.conformance_data import require
from tests.packages.made import PARAMETER, VALUE_SET, package

STORE = ("--store", "sqlite:///fhir.db")


def test_add_list_remove(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(
        package({**VALUE_SET, "version": "1"}, {"resourceType": "ValueSet", "url": "x"}, dependencies={"o.more": "1.x"})
    )
    added = cli("package", "add", "a.tgz", *STORE)
    assert (added.code, added.out.splitlines()[-1]) == (
        0,
        "org.example.guide|1.0.0 depends on o.more|1.x, which is not installed",
    )
    assert "left out: package/ValueSet-None.json" in added.err + added.out
    listed = cli("package", "list", *STORE)
    assert listed.out.splitlines() == [
        "org.example.guide|1.0.0  1 resources  org.example.guide",
        "  depends on o.more|1.x, which is not installed",
    ]
    removed = cli("package", "remove", "org.example.guide|1.0.0", *STORE)
    assert (removed.code, removed.out) == (0, "org.example.guide|1.0.0: removed\n")
    assert cli("package", "list", *STORE).out == ""
    again = cli("package", "remove", "org.example.guide|1.0.0", *STORE)
    assert (again.code, "Traceback" in again.err) == (1, False)


def test_the_newest_of_two_search_parameters_is_told(cli: Cli, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        (tmp_path / f"{version}.tgz").write_bytes(package({**PARAMETER, "version": version}, version=version))
    added = cli("package", "add", "2.0.0.tgz", "1.0.0.tgz", *STORE)
    assert (
        "stored, not searched by: SearchParameter/speech-1.0.0: http://example.org/SearchParameter/speech is searched by "
        "as SearchParameter/speech-2.0.0 defines it, the newest version"
    ) in (added.err + added.out)


def test_what_is_no_package_is_said_in_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"nonsense")
    for name in ("a.tgz", "missing.tgz"):
        done = cli("package", "add", name, *STORE)
        assert (done.code, "Traceback" in done.err, len(done.err.strip().splitlines())) == (1, False, 1)


async def installed(path: Path) -> list[tuple[str, str, int]]:
    store = SQLiteStore(path)
    await store.open()
    try:
        return [(one.key, one.status, len(one.resources)) for one in await record.every(store.state)]
    finally:
        await store.close()


async def test_the_same_command_goes_on_after_kill_9(tmp_path: Path) -> None:
    file = require("us-core", "hl7.fhir.us.core-6.1.0.tgz")
    command = [sys.executable, "-m", "fhir_server", "package", "add", str(file), *STORE]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "fhir.db").exists() or not any(n for _, _, n in await installed(tmp_path / "fhir.db")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    ((_, status, number),) = await installed(tmp_path / "fhir.db")
    assert (status, 0 < number < 210) == ("incomplete", True)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert await installed(tmp_path / "fhir.db") == [("hl7.fhir.us.core|6.1.0", "installed", 210)]
    checked = subprocess.run(
        [sys.executable, "-m", "fhir_server", "check", *STORE],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout
