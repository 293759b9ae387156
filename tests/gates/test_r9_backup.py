"""Gate R9: an online backup under load restores to a store that is whole: it holds what was acknowledged before it began,
no transaction in part, and its rows are those of the copy.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.gates.database import digest
from tests.gates.test_r1_kill import Acknowledged, verify_some, writing
from tests.http.server import command, free_port, running, start
from tests.http.wire import Wire


def fhir_server(*arguments: str) -> str:
    run = [sys.executable, "-m", "fhir_server", *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout


def backups(rounds: int, workers: int, folder: Path) -> int:
    database, done, stop = folder / "fhir.db", Acknowledged(), threading.Event()
    store = ("--store", f"sqlite:///{database}", "--workers", str(workers))
    with running(*store, cwd=folder) as server:
        writers = [threading.Thread(target=writing, args=(server.base, n, done, stop)) for n in range(3)]
        for writer in writers:
            writer.start()
        for number in range(rounds):
            before = Acknowledged(dict(done.versions), list(done.transactions))
            copy, again = folder / f"copy-{number}.db", folder / f"again-{number}.db"
            fhir_server("backup", str(copy), "--store", f"sqlite:///{database}")
            fhir_server("restore", str(copy), "--store", f"sqlite:///{again}")
            assert digest(again) == digest(copy)
            assert fhir_server("check", "--store", f"sqlite:///{again}") == "no problems found\n"
            port = free_port()
            restored = start(command("--store", f"sqlite:///{again}", port=port), port, cwd=folder)
            verify_some(restored, before, 200)
            whole_transactions(port)
            restored.stop()
        stop.set()
        for writer in writers:
            writer.join()
    quiet = folder / "quiet.db"
    fhir_server("backup", str(quiet), "--store", f"sqlite:///{database}")
    assert digest(quiet) == digest(database)
    return done.writes


def whole_transactions(port: int) -> None:
    members: dict[str, int] = {}
    with Wire(port) as wire:
        target: str | None = "/fhir/Patient?_count=1000&_elements=identifier"
        while target:
            page = wire.request("GET", target).json()
            for entry in page.get("entry", []):
                marker = json.dumps(entry["resource"]["identifier"])
                members[marker] = members.get(marker, 0) + 1
            links = {link["relation"]: link["url"] for link in page["link"]}
            target = links["next"].partition(f":{port}")[2] if "next" in links else None
    assert set(members.values()) <= {1, 5}


def test_backup_under_load_restores_whole(tmp_path: Path) -> None:
    assert backups(1, 1, tmp_path) > 50


@pytest.mark.slow
def test_backups_under_load_of_two_workers_restore_whole(tmp_path: Path) -> None:
    assert backups(10, 2, tmp_path) > 500
