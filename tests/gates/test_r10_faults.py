"""Gate R10: a full disk and a jumping clock. No false acknowledgement, 503 with an OperationOutcome, recovery without a restart
(I/O errors and power cuts are in tests/storage).
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fhir_server.validation.structure import check
from tests.http.server import Process, command, free_port, start
from tests.http.wire import Answer, Wire


def patient(wire: Wire, size: int = 60_000) -> Answer:
    body = json.dumps({"resourceType": "Patient", "name": [{"family": "Full", "text": "x" * size}]}).encode()
    return wire.request("POST", "/fhir/Patient", body)


def fill(wire: Wire, most: int) -> tuple[list[str], Answer]:
    """Creates until one fails: the ids that were acknowledged, and the failure."""
    made: list[str] = []
    for _ in range(most):
        answer = patient(wire)
        if answer.status != 201:
            return made, answer
        made.append(answer.json()["id"])
    raise AssertionError(f"{most} writes, and the disk is not full")


def require_refused(answer: Answer) -> None:
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert check(answer.json()) == ()


def require_recovered(wire: Wire, made: list[str]) -> None:
    """Within 10 s writes go through again; what was acknowledged is there, and nothing else."""
    until = time.monotonic() + 10
    while (answer := patient(wire, 10)).status != 201:
        assert time.monotonic() < until
        time.sleep(0.2)
    found = wire.request("GET", "/fhir/Patient?_count=1000&_elements=id").json()
    assert {entry["resource"]["id"] for entry in found["entry"]} == {*made, answer.json()["id"]}
    assert wire.request("GET", "/health/ready").status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a running process is changed by prlimit: Linux only")
def test_file_that_cannot_grow_loses_nothing_and_recovers(tmp_path: Path) -> None:
    port = free_port()
    server = start(command("--store", f"sqlite:///{tmp_path / 'fhir.db'}", port=port), port, cwd=tmp_path)
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (3_000_000, hard))
        with Wire(port) as wire:
            made, failure = fill(wire, 200)
            require_refused(failure)
            for _ in range(3):
                require_refused(patient(wire))
            assert [wire.request("GET", f"/fhir/Patient/{id_}").status for id_ in made] == [200] * len(made)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            require_recovered(wire, made)
    finally:
        server.stop()


def on_small_disk(tmp_path: Path, port: int) -> Process:
    """A server whose database lies on a file system of 6 MB, in a namespace of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    serve = " ".join(command("--store", f"sqlite:///{disk / 'fhir.db'}", port=port))
    mount = f"mount -t tmpfs -o size=6m tmpfs {disk} && head -c 2000000 /dev/zero > {disk}/ballast && exec {serve}"
    return start(["unshare", "--map-root-user", "--mount", "sh", "-c", mount], port, cwd=tmp_path)


def can_mount() -> bool:
    trial = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(trial, capture_output=True, check=False).returncode == 0
    )


def test_full_disk_loses_nothing_and_recovers(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip(
            "gate R10: this machine lets nobody mount a small file system; the limit on file size stands in for it"
        )
    port = free_port()
    server = on_small_disk(tmp_path, port)
    try:
        with Wire(port) as wire:
            made, failure = fill(wire, 300)
            require_refused(failure)
            assert [wire.request("GET", f"/fhir/Patient/{id_}").status for id_ in made] == [200] * len(made)
            Path(f"/proc/{server.process.pid}/root{tmp_path}/disk/ballast").unlink()
            require_recovered(wire, made)
    finally:
        server.stop()


def test_clock_that_jumps_neither_loses_nor_reorders_versions(tmp_path: Path) -> None:
    """Ten minutes back and forth: version ids count on, history and paging stay whole."""
    clock, port = tmp_path / "clock", free_port()
    clock.write_text("0")
    arguments = command("--store", f"sqlite:///{tmp_path / 'fhir.db'}", port=port)
    arguments[1:3] = ["-m", "tests.gates.shifted_clock"]
    root = str(Path(__file__).resolve().parents[2])
    server = start(
        arguments,
        port,
        cwd=tmp_path,
        TEST_CLOCK=str(clock),
        PYTHONPATH=root + os.pathsep + os.environ.get("PYTHONPATH", ""),
    )
    try:
        with Wire(port) as wire:
            for number, shift in enumerate([0, -600, 600, -600, 0, 600, 0]):
                clock.write_text(str(shift))
                body = json.dumps({"resourceType": "Patient", "id": "a", "multipleBirthInteger": number}).encode()
                answer = wire.request("PUT", "/fhir/Patient/a", body)
                assert (answer.status, answer.headers["etag"]) == (200 if number else 201, f'W/"{number + 1}"')
                assert patient(wire, 10).status == 201
                read = wire.request("GET", "/fhir/Patient/a", If_None_Match=f'W/"{number + 1}"')
                assert read.status == 304
            history = wire.request("GET", "/fhir/Patient/a/_history").json()
            assert [e["resource"]["meta"]["versionId"] for e in history["entry"]] == [str(n) for n in range(7, 0, -1)]
            first = wire.request("GET", "/fhir/Patient?_count=3").json()
            found, links = first["entry"], {link["relation"]: link["url"] for link in first["link"]}
            while "next" in links:
                clock.write_text(str(-600 if clock.read_text() == "600" else 600))
                page = wire.request("GET", links["next"].partition(f":{port}")[2]).json()
                found, links = found + page["entry"], {link["relation"]: link["url"] for link in page["link"]}
            assert len({entry["resource"]["id"] for entry in found}) == len(found) == 8
    finally:
        server.stop()
