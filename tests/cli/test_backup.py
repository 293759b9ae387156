"""`fhir-server backup`, `restore`, `check`, `reindex`: a copy that is whole, damage that is found, entries made anew."""

from pathlib import Path

import apsw

from tests.cli.conftest import Cli
from tests.cli.test_load import STORE, exported, patient, write
from tests.gates.database import digest


def filled(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "x.ndjson", *[patient(n, name=[{"family": f"F{n}"}]) for n in range(20)])
    assert cli("load", "x.ndjson", *STORE).code == 0


def test_backup_restores_to_the_same_rows(cli: Cli, tmp_path: Path) -> None:
    filled(cli, tmp_path)
    assert cli("backup", "copy.db", *STORE).code == 0
    assert cli("restore", "copy.db", "--store", "sqlite:///again.db").code == 0
    assert digest(tmp_path / "again.db") == digest(tmp_path / "fhir.db") == digest(tmp_path / "copy.db")
    assert exported(cli, tmp_path, "first") == exported(cli, tmp_path, "again", "again.db")


def test_neither_backup_nor_restore_writes_over_a_file(cli: Cli, tmp_path: Path) -> None:
    filled(cli, tmp_path)
    before = digest(tmp_path / "fhir.db")
    (tmp_path / "copy.db").write_bytes(b"mine")
    done = cli("backup", "copy.db", *STORE)
    assert (done.code, len(done.err.strip().splitlines()), (tmp_path / "copy.db").read_bytes()) == (1, 1, b"mine")
    assert cli("backup", "good.db", *STORE).code == 0
    done = cli("restore", "good.db", *STORE)
    assert (done.code, "fhir.db exists" in done.err, digest(tmp_path / "fhir.db")) == (1, True, before)


def test_backup_that_is_none_is_not_restored(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 1000)
    done = cli("restore", "bad.db", "--store", "sqlite:///again.db")
    assert (done.code, len(done.err.strip().splitlines())) == (1, 1)
    assert [file.name for file in tmp_path.iterdir() if "again" in file.name] == []


def test_damaged_backup_is_not_restored(cli: Cli, tmp_path: Path) -> None:
    filled(cli, tmp_path)
    assert cli("backup", "copy.db", *STORE).code == 0
    connection = apsw.Connection(str(tmp_path / "copy.db"))
    connection.execute("DELETE FROM string WHERE rid = (SELECT min(rid) FROM resource)")
    connection.close()
    done = cli("restore", "copy.db", "--store", "sqlite:///again.db")
    assert (done.code, "damaged" in done.err, (tmp_path / "again.db").exists()) == (1, True, False)


def test_check_finds_damage_and_reindex_mends_entries(cli: Cli, tmp_path: Path) -> None:
    filled(cli, tmp_path)
    assert cli("check", *STORE).out == "no problems found\n"
    sound = digest(tmp_path / "fhir.db")
    connection = apsw.Connection(str(tmp_path / "fhir.db"))
    connection.execute("DELETE FROM string WHERE rid = (SELECT min(rid) FROM resource)")
    connection.close()
    done = cli("check", *STORE)
    assert (done.code, "reindex" in done.out) == (1, True)
    assert cli("reindex", *STORE).out == "20 resources indexed\n"
    assert cli("check", *STORE).out == "no problems found\n"
    assert digest(tmp_path / "fhir.db") == sound


def test_another_store_is_refused_without_its_password(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(b"x")
    refused = cli("restore", "dump", "--store", "postgresql://fhir:secret@db.example.org/fhir")
    assert (refused.code, "postgresql://fhir@db.example.org/fhir is not an SQLite file" in refused.err) == (1, True)
    assert "secret" not in refused.err + refused.out
