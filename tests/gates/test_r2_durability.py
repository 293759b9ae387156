"""Gate R2 over HTTP: each acknowledged write has been synced to disk (the power cuts are in tests/storage)."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.http.server import command, free_port, start
from tests.http.wire import Wire

WRITES = 300


@pytest.mark.skipif(sys.platform != "linux", reason="strace counts the syncs: Linux only")
def test_every_sequential_write_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        reason = (
            "gate R2: strace is absent, syncs over HTTP are not counted (tests/storage counts them through the VFS)"
        )
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    trace, port = tmp_path / "syncs", free_port()
    store = ("--store", f"sqlite:///{tmp_path / 'fhir.db'}")
    tracing = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    server = start([*tracing, *command(*store, port=port)], port, cwd=tmp_path)
    try:
        before = syncs(trace)
        with Wire(port) as wire:
            for number in range(WRITES):
                body = json.dumps({"resourceType": "Patient", "multipleBirthInteger": number}).encode()
                assert wire.request("POST", "/fhir/Patient", body).status == 201
        assert syncs(trace) - before >= WRITES
    finally:
        server.kill()


def syncs(trace: Path) -> int:
    return len(re.findall(r"f(?:data)?sync\(", trace.read_text()))
