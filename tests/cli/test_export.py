"""`fhir-server export` and `load` are inverse: what comes out goes into another store unchanged."""

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.cli.test_load import STORE, exported, patient, write
from tests.conformance.exact import exact, stripped
from tests.conformance_data import require


def test_export_and_load_round_trip(cli: Cli, tmp_path: Path) -> None:
    assert cli("load", require("synthea", "demo-5"), *STORE).code == 0
    first = exported(cli, tmp_path, "first")
    assert len(first) == 996
    done = cli("load", "first", "--store", "sqlite:///copy.db")
    assert (done.code, done.out.split(" in ")[0]) == (0, "996 resources loaded")
    again = exported(cli, tmp_path, "again", "copy.db")
    assert {place: stripped(exact(line)) for place, line in again.items()} == {
        place: stripped(exact(line)) for place, line in first.items()
    }


def test_one_type_a_file(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "x.ndjson", patient(1), {"resourceType": "Basic", "id": "b", "code": {"text": "x"}})
    assert cli("load", "x.ndjson", *STORE).code == 0
    done = cli("export", "out", "--type", "Patient", *STORE)
    assert (done.code, done.out) == (0, "1 resources in out\n")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["Patient.ndjson"]
    assert json.loads((tmp_path / "out" / "Patient.ndjson").read_bytes())["id"] == "p1"


def test_type_that_r4_does_not_have_is_said_in_one_line(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "x.json", patient(1))
    assert cli("load", "x.json", *STORE).code == 0
    done = cli("export", "out", "--type", "Human", *STORE)
    assert (done.code, done.err.strip()) == (1, "fhir-server: no resource type of FHIR R4: Human")


def test_store_that_does_not_exist_is_not_made(cli: Cli, tmp_path: Path) -> None:
    for command in (["export", "out"], ["check"], ["reindex"], ["backup", "b.db"]):
        done = cli(*command, "--store", "sqlite:///nothing.db")
        assert (done.code, "nothing.db" in done.err, len(done.err.strip().splitlines())) == (1, True, 1)
        assert not (tmp_path / "nothing.db").exists()
