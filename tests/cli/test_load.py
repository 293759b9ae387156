"""`fhir-server load`: files, folders and archives go in once, whatever interrupts it; what is refused is named."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.conformance_data import require

STORE = ("--store", "sqlite:///fhir.db")


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1984-03-02", **more}


def write(path: Path, *resources: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(resource) for resource in resources))
    return path


def exported(cli: Cli, tmp_path: Path, folder: str = "out", store: str = "fhir.db") -> dict[str, bytes]:
    """Type/id → its line, of everything in the store."""
    done = cli("export", tmp_path / folder, "--store", f"sqlite:///{tmp_path / store}")
    assert done.code == 0, done.err
    lines = [line for file in (tmp_path / folder).glob("*.ndjson") for line in file.read_bytes().splitlines()]
    return {"{resourceType}/{id}".format(**json.loads(line)): line for line in lines}


def test_file_folder_ndjson_and_archives_go_in(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "one.json", patient(1))
    write(tmp_path / "folder" / "deep" / "two.ndjson", patient(2), patient(3))
    (tmp_path / "folder" / "four.ndjson.gz").write_bytes(gzip.compress(json.dumps(patient(4)).encode()))
    (tmp_path / "folder" / "five.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><id value="p5"/></Patient>')
    (tmp_path / "folder" / "notes.txt").write_text("no resource")
    with tarfile.open(tmp_path / "six.tar.gz", "w:gz") as archive:
        raw = json.dumps(patient(6)).encode()
        member = tarfile.TarInfo("deep/six.json")
        member.size = len(raw)
        archive.addfile(member, io.BytesIO(raw))
    with zipfile.ZipFile(tmp_path / "seven.zip", "w") as archive_:
        archive_.writestr("seven.ndjson", json.dumps(patient(7)))
    done = cli("load", "one.json", "folder", "six.tar.gz", "seven.zip", *STORE)
    assert (done.code, done.out.split(" in ")[0]) == (0, "7 resources loaded")
    assert sorted(exported(cli, tmp_path)) == [f"Patient/p{n}" for n in range(1, 8)]


def test_resources_keep_ids_digits_and_are_found(cli: Cli, tmp_path: Path) -> None:
    quantity = '{"value": 1.00, "unit": "kg"}'
    raw = f'{{"resourceType": "Observation", "id": "o", "status": "final", "code": {{"text": "w"}}, "valueQuantity": {quantity}}}'
    (tmp_path / "o.json").write_text(raw)
    assert cli("load", "o.json", *STORE).code == 0
    assert b'"value":1.00' in exported(cli, tmp_path)["Observation/o"]


def test_bundles_go_in_by_their_type(cli: Cli, tmp_path: Path) -> None:
    """Transactions and batches are processed, collections and searchsets are unpacked, documents are kept as they are."""
    entry = {"fullUrl": "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9", "resource": {"resourceType": "Patient"}}
    processed = entry | {"request": {"method": "POST", "url": "Patient"}}
    write(tmp_path / "1-transaction.json", {"resourceType": "Bundle", "type": "transaction", "entry": [processed]})
    write(
        tmp_path / "2-collection.json",
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(1)}]},
    )
    write(
        tmp_path / "3-searchset.json",
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient(2)}]},
    )
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "letter"},
        "date": "2026-01-01",
        "author": [{"display": "Ida"}],
        "title": "Letter",
    }
    document = {
        "resourceType": "Bundle",
        "id": "doc",
        "type": "document",
        "timestamp": "2026-01-01T00:00:00Z",
        "identifier": {"system": "urn:tests", "value": "1"},
        "entry": [{"fullUrl": "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb8", "resource": composition}],
    }
    write(tmp_path / "4-document.json", document)
    done = cli("load", tmp_path, *STORE)
    assert (done.code, done.out.split(" in ")[0]) == (0, "4 resources loaded"), done.err
    found = sorted(exported(cli, tmp_path))
    assert (len(found), found[0], found[2:]) == (4, "Bundle/doc", ["Patient/p1", "Patient/p2"])


def test_what_refers_to_something_later_is_put_off(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_REFERENTIAL_INTEGRITY", "true")
    link = {"link": [{"other": {"reference": "Patient/p2"}, "type": "seealso"}]}
    write(tmp_path / "a.json", patient(1, **link))
    write(tmp_path / "b.json", patient(2))
    done = cli("load", "a.json", "b.json", *STORE)
    assert (done.code, sorted(exported(cli, tmp_path))) == (0, ["Patient/p1", "Patient/p2"]), done.err


def test_refused_input_is_named_with_file_place_and_element(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "x.ndjson", patient(1), patient(2, gender="blue"), {"id": "nothing"}, patient(3))
    (tmp_path / "y.json").write_text('{"resourceType": "Patient", ')
    done = cli("load", "x.ndjson", "y.json", *STORE)
    assert (done.code, done.out.split(" in ")[0]) == (1, "2 resources loaded")
    refused = [line for line in done.err.splitlines() if line.startswith("refused")]
    assert [line.split(": ")[0].split(" ")[1] for line in sorted(refused)] == ["x.ndjson:2", "x.ndjson:3", "y.json"]
    assert "Patient.gender" in done.err
    assert "3 refused" in done.err
    assert sorted(exported(cli, tmp_path)) == ["Patient/p1", "Patient/p3"]


def test_resources_without_id_go_in_once_although_others_are_refused(cli: Cli, tmp_path: Path) -> None:
    """They are created, so a second time would make doubles."""
    nameless = [{"resourceType": "Patient", "birthDate": f"19{n:02}"} for n in range(10, 40)]
    write(tmp_path / "x.ndjson", *nameless, patient(1, gender="blue"))
    assert cli("load", "x.ndjson", *STORE).code == 1
    write(tmp_path / "x.ndjson", *nameless, patient(1))
    done = cli("load", "x.ndjson", *STORE)
    assert (done.code, done.out.split(" in ")[0]) == (0, "1 resources loaded")
    assert "30 were there" in done.out
    assert len(exported(cli, tmp_path)) == 31


def test_repaired_input_is_loaded_by_the_same_command(cli: Cli, tmp_path: Path) -> None:
    """What went in before is not written again."""
    write(tmp_path / "x.ndjson", patient(1), patient(2, gender="blue"))
    assert cli("load", "x.ndjson", *STORE).code == 1
    write(tmp_path / "x.ndjson", patient(1), patient(2, gender="other"))
    assert cli("load", "x.ndjson", *STORE).code == 0
    versions = {place: json.loads(line)["meta"]["versionId"] for place, line in exported(cli, tmp_path).items()}
    assert versions == {"Patient/p1": "1", "Patient/p2": "1"}


@pytest.mark.parametrize("name", ["nothing.json", "notes.txt"])
def test_what_cannot_be_read_is_said_in_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("no resource")
    done = cli("load", name, *STORE)
    assert (done.code, name in done.err, len(done.err.strip().splitlines())) == (1, True, 1)


def test_archive_that_leads_out_of_itself_is_refused(cli: Cli, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("../out.json", json.dumps(patient(1)))
    done = cli("load", "x.zip", *STORE)
    assert (done.code, "leads out" in done.err) == (1, True)


def test_damaged_archive_is_said_in_one_line(cli: Cli, tmp_path: Path) -> None:
    for name in ("x.tar.gz", "x.zip", "x.ndjson.gz"):
        (tmp_path / name).write_bytes(b"\x1f\x8bnothing")
        done = cli("load", name, *STORE)
        assert (done.code, name in done.err, len(done.err.strip().splitlines())) == (1, True, 1), done.err


def test_load_killed_in_the_middle_goes_on_without_doubles(cli: Cli, tmp_path: Path) -> None:
    """Transactions with POST would make everything twice if a part went in twice."""
    folder = require("synthea", "demo-5")
    command = [sys.executable, "-m", "fhir_server", "load", str(folder), "--store", f"sqlite:///{tmp_path / 'fhir.db'}"]
    log = tmp_path / "fhir.db-wal"
    for grown in (400_000, 1_000_000, 1_600_000):
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and not (log.exists() and log.stat().st_size > grown):
            time.sleep(0.002)
        assert process.poll() is None, "the load was through before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = exported(cli, tmp_path)
    assert len(found) == 996
    assert cli("check", "--store", f"sqlite:///{tmp_path / 'fhir.db'}").out.strip() == "no problems found"
    with_history = {json.loads(line)["meta"]["versionId"] for line in found.values()}
    assert with_history == {"1"}
