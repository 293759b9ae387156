"""Migrations and what `open` refuses, each with an instruction."""

from pathlib import Path

import apsw
import pytest

from fhir_server.search.query import UNRESTRICTED, Access, Chain, Contains, Op, Quantity, String, Together, Uri
from fhir_server.storage.base import SchemaError
from fhir_server.storage.sql.migrations import Migration
from fhir_server.storage.sqlite import SQLiteStore, migrate, schema
from fhir_server.storage.sqlite.connection import require_safe_library
from fhir_server.storage.sqlite.schema import migrations
from tests.storage.contract.shorthand import coded, ids, key, save, token, where, write


async def filled(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await save(store, write("Patient/1"))
    await store.close()


async def refusal(path: Path) -> str:
    with pytest.raises(SchemaError) as caught:
        await SQLiteStore(path).open()
    return str(caught.value)


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2", "3.52.0"])
def test_unsound_libraries_are_refused(version: str) -> None:
    with pytest.raises(SchemaError, match="install apsw"):
        require_safe_library(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.1", "3.53.0", "3.54.1", "4.0.0"])
def test_sound_libraries_are_taken(version: str) -> None:
    require_safe_library(version)


async def test_the_settings_of_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    await filled(path)
    db = apsw.Connection(str(path))
    assert db.pragma("journal_mode") == "wal"
    assert db.pragma("page_size") == 8192
    assert db.pragma("user_version") == migrations()[-1].number
    assert db.pragma("application_id") == schema.APPLICATION
    db.close()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    await filled(path)
    db = apsw.Connection(str(path))
    db.execute("INSERT INTO migration VALUES (99, 'later', 'x', 'x')")
    db.pragma("user_version", 99)
    db.close()
    assert "start the newer version" in await refusal(path)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM migration",
        "UPDATE migration SET digest = 'other' WHERE number = 1",
        "INSERT INTO migration VALUES (0, 'zero', 'x', 'x')",
    ],
)
async def test_a_half_migrated_database_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "fhir.db"
    await filled(path)
    db = apsw.Connection(str(path))
    db.execute(damage)
    db.close()
    assert "half migrated" in await refusal(path)


async def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database " * 100)
    assert "not an SQLite database" in await refusal(text)
    other = tmp_path / "other.db"
    db = apsw.Connection(str(other))
    db.execute("CREATE TABLE mine (x)")
    db.close()
    assert "another program's database" in await refusal(other)
    assert "does not exist" in await refusal(tmp_path / "nowhere" / "fhir.db")


def later(sql: str) -> list[Migration]:
    return [*migrations(), Migration(len(migrations()) + 1, "later", sql)]


async def test_a_migration_runs_after_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fhir.db"
    await filled(path)
    known = later("CREATE TABLE later (x INTEGER) STRICT;\nINSERT INTO later VALUES (1);\n")
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    store = SQLiteStore(path)
    await store.open()
    assert await store.reader(UNRESTRICTED).read(key("Patient/1")) is not None
    await store.close()
    db = apsw.Connection(str(path))
    assert db.pragma("user_version") == len(known)
    assert db.execute("SELECT x FROM later").get == 1
    db.close()
    monkeypatch.undo()
    assert "start the newer version" in await refusal(path)
    (backup,) = tmp_path.glob("*.backup")
    restored = SQLiteStore(backup)
    await restored.open()
    assert await restored.reader(UNRESTRICTED).read(key("Patient/1")) is not None
    await restored.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fhir.db"
    await filled(path)
    monkeypatch.setattr(migrate, "migrations", lambda: later("CREATE TABLE later (x);\nDROP TABLE nothing;\n"))
    with pytest.raises(Exception, match=r".+"):
        await SQLiteStore(path).open()
    monkeypatch.undo()
    store = SQLiteStore(path)
    await store.open()
    assert await store.check() == []
    await store.close()


SCHEMA_1 = Path(__file__).with_name("schema-1.sql")
UCUM = (("system", Op.EQ, "http://unitsofmeasure.org"), ("code", Op.EQ, "g/dL"))


def of_schema_1(path: Path) -> None:
    """The database that a release with schema 1 left behind."""
    db = apsw.Connection(str(path))
    db.execute(SCHEMA_1.read_text(encoding="utf-8"))
    db.pragma("journal_mode", "wal")
    db.close()


async def test_a_database_of_schema_1_is_indexed_again(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    of_schema_1(path)
    store = SQLiteStore(path)
    await store.open()
    assert await store.check() == []
    blood = Together(
        (coded("component-code", "8480-6"), where("component-value-quantity", Quantity, ("low", Op.GT, 100.0)))
    )
    swapped = Together(
        (coded("component-code", "8462-4"), where("component-value-quantity", Quantity, ("low", Op.GT, 100.0)))
    )
    medication = coded("code", "582620")
    for type_, node, found in (
        ("Observation", where("value-quantity", Quantity, ("low", Op.GT, 13.0), *UCUM), ["hb"]),
        ("Observation", where("value-quantity", Quantity, ("low", Op.GT, 14.0), *UCUM), []),
        ("Observation", where("_profile", Uri, ("value", Op.STARTS, "http://hl7.org/fhir/Structure")), ["bp", "hb"]),
        ("Observation", blood, ["bp"]),
        ("Observation", swapped, []),
        ("Patient", where("family", String, ("folded", Op.STARTS, "muller")), ["p"]),
        ("MedicationRequest", Chain("medication", "Medication", medication), ["mr"]),
        ("MedicationRequest", Contains("Medication", medication), ["mr"]),
    ):
        assert await ids(store, type_, node) == found, node
    earlier = Access("someone", where={"Observation": where("value-quantity", Quantity, ("low", Op.LT, 14.0), *UCUM)})
    assert await store.reader(earlier).vread(key("Observation/hb"), "1") is not None
    earlier = Access("someone", where={"Observation": where("value-quantity", Quantity, ("low", Op.GT, 14.0), *UCUM)})
    assert await store.reader(earlier).vread(key("Observation/hb"), "1") is None
    await store.close()


async def test_check_finds_damage(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    store = SQLiteStore(path)
    await store.open()
    await save(store, write("Patient/1", token("t", "a")), write("Patient/2", token("t", "b")))
    await save(store, write("Patient/1", token("t", "a"), number=2))
    await store.close()
    for damage, place, text in (
        ("DELETE FROM token WHERE code = 'a'", "Patient/1", "is missing: reindex"),
        ("INSERT INTO token VALUES (1, 'z', 99, 1)", "token", "belong to no current resource"),
        ("UPDATE resource SET version = 1 WHERE id = '1'", "Patient/1", "not the newest"),
        ("DELETE FROM version WHERE sequence = 1", "Patient/1", "missing from the history"),
        ("INSERT INTO version VALUES (99, 1, 1, 9, 0)", "version", "not there any more"),
    ):
        copy = tmp_path / "copy.db"
        copy.unlink(missing_ok=True)
        await store.open()
        await store.backup(copy)
        await store.close()
        db = apsw.Connection(str(copy))
        db.execute(damage)
        db.close()
        damaged = SQLiteStore(copy)
        await damaged.open()
        problems = await damaged.check()
        await damaged.close()
        assert problems, damage
        assert (problems[0].place, text in problems[0].text) == (place, True), damage
