"""A database that an earlier version wrote: what later versions find, they find in it too."""

from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from fhir_server.concepts import EVERY
from fhir_server.search.index import extract
from fhir_server.search.query import UNRESTRICTED, Near, Point, Prose
from fhir_server.storage.sqlite import SQLiteStore, migrate
from fhir_server.storage.sqlite.schema import migrations
from tests.storage.contract.shorthand import ids, key, save, says, write, written

NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Seen in <b>Suva</b></div>'}
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Basic", "id": "1", "text": NARRATIVE, "code": {"text": "Old news"}},
    {"resourceType": "Basic", "id": "2", "code": {"coding": [{"code": "silent"}]}},
    {"resourceType": "Location", "id": "3", "name": "Suva", "position": {"latitude": -18.14, "longitude": 178.44}},
    {"resourceType": "Location", "id": "4", "name": "Nowhere", "position": {"latitude": 95, "longitude": 0}},
]


def as_the_first_version_wrote(path: Path) -> None:
    """Resources with their bodies and an entry each; one deleted."""
    db = apsw.Connection(str(path))
    numbers: dict[str, int] = {}
    with db:
        for space, text in (
            ("type", "Basic"),
            ("type", "Location"),
            ("system", ""),
            ("entry", "Basic.code Token"),
            ("entry", "Location.name String"),
        ):
            db.execute("INSERT INTO name (space, text) VALUES (?, ?)", (space, text))
            numbers[text] = db.last_insert_rowid()
        for rid, tree in enumerate(RESOURCES, 1):
            type_ = numbers[tree["resourceType"]]
            packed = f'{{"{numbers["Basic.code Token"]}":[["x",{numbers[""]}]]}}' if rid == 2 else "{}"
            row = (rid, type_, tree["id"], 1, rid, 0, 0, packed, orjson.dumps(tree))
            db.execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, jsonb(?), ?)", row)
            db.execute("INSERT INTO version VALUES (?, ?, ?, 1, 0)", (rid, type_, rid))
        db.execute("INSERT INTO token VALUES (?, 'x', 2, ?)", (numbers["Basic.code Token"], numbers[""]))
        deleted = (5, numbers["Basic"], "5", 1, 5, 0, 3, "{}", None)
        db.execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, jsonb(?), ?)", deleted)
        db.execute("INSERT INTO version VALUES (5, ?, 5, 1, 0)", (numbers["Basic"],))
    db.close()


async def test_places_and_words_are_found_after_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fhir.db"
    monkeypatch.setattr(migrate, "migrations", lambda: migrations()[:1])
    migrate.prepare(path)
    monkeypatch.undo()
    as_the_first_version_wrote(path)
    store = SQLiteStore(path)
    await store.open()
    assert await store.check() == []
    assert await ids(store, "Basic", says("_content", "old")) == ["1"]
    assert await ids(store, "Basic", says("_text", '"in suva')) == ["1"]
    assert await ids(store, "Location", says("_content", "suva")) == ["3"]
    assert await ids(store, "Location", Near("near", -18, 178, 100_000)) == ["3"]
    for tree in RESOURCES:  # nothing of this is new to a reindexing
        name = f"{tree['resourceType']}/{tree['id']}"
        found = [entry for entry in extract(tree) if isinstance(entry.value, Point | Prose)]
        assert await store.reindex(key(name), "1", found)
    assert await store.check() == []
    assert await ids(store, "Basic", says("_content", "old")) == ["1"]
    assert await ids(store, "Location", Near("near", -18, 178, 100_000)) == ["3"]
    await save(store, written("Basic/1", "new", number=2))
    assert await ids(store, "Basic", says("_content", "suva")) == []
    assert await store.check() == []
    await store.close()


ANIMALS = {
    "resourceType": "CodeSystem",
    "id": "animals",
    "url": "http://acme.org/animals",
    "status": "active",
    "content": "complete",
}
CIRCLE = [
    {"code": "x", "property": [{"code": "parent", "valueCode": "y"}]},
    {"code": "y", "property": [{"code": "parent", "valueCode": "x"}]},
]


async def test_concepts_are_there_after_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fhir.db"
    monkeypatch.setattr(migrate, "migrations", lambda: migrations()[:5])
    migrate.prepare(path)
    store = SQLiteStore(path)
    await store.open()
    for id_, concepts in (("animals", [{"code": "animal", "concept": [{"code": "cat"}]}]), ("circle", CIRCLE)):
        tree = {**ANIMALS, "id": id_, "url": f"http://acme.org/{id_}", "concept": concepts}
        await save(store, write(f"CodeSystem/{id_}", body=orjson.dumps(tree)))
    await store.close()
    monkeypatch.undo()
    await store.open()
    stored = store.reader(UNRESTRICTED).concepts
    told = {
        system.url: [(c.code, c.parents) for c in await stored.select(system, EVERY, count=9)]
        for system in await stored.every()
    }
    assert told == {
        "http://acme.org/animals": [("animal", ()), ("cat", ("animal",))],
        "http://acme.org/circle": [("x", ()), ("y", ())],
    }
    await store.close()
