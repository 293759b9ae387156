"""Packages come into the store as ordinary resources, stand side by side, and go again.

http://hl7.org/fhir/R4/packages.html
"""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_server.app import assemble
from fhir_server.context import Server
from fhir_server.model import Key
from fhir_server.outcome import Invalid, NotFound
from fhir_server.packages import manifest, record
from fhir_server.packages.install import install, uninstall
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from fhir_server.storage.sqlite.store import SQLiteStore
from tests.conformance_data import require

ABOUT = {"name": "org.example.guide", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "colours",
    "url": "http://example.org/ValueSet/colours",
    "status": "active",
}


def package(*resources: dict[str, Any], **about: object) -> bytes:
    """A .tgz of these resources."""
    files = {"package/package.json": {**ABOUT, **about}}
    files |= {f"package/{r['resourceType']}-{r.get('id')}.json": r for r in resources}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


@pytest.fixture
async def server(tmp_path: Path) -> Any:
    store = SQLiteStore(tmp_path / "fhir.db")
    await store.open()
    try:
        yield await assemble(Settings(), store)
    finally:
        await store.close()


async def stored(server: Server, type_: str, id_: str) -> Any:
    return await server.store.reader(UNRESTRICTED).read(Key(type_, id_))


async def test_versions_stand_side_by_side_and_go_one_by_one(server: Server) -> None:
    first = await install(server, manifest.read(package({**VALUE_SET, "version": "1.0.0"})))
    second = await install(server, manifest.read(package({**VALUE_SET, "version": "2.0.0"}, version="2.0.0")))
    assert [first.resources, second.resources] == [("ValueSet/colours-1.0.0",), ("ValueSet/colours-2.0.0",)]
    assert [one.key for one in await record.every(server.store.state)] == [
        "org.example.guide|1.0.0",
        "org.example.guide|2.0.0",
    ]
    await uninstall(server, first.key)
    assert (await stored(server, "ValueSet", "colours-1.0.0")).deleted
    assert not (await stored(server, "ValueSet", "colours-2.0.0")).deleted
    with pytest.raises(NotFound):
        await uninstall(server, first.key)


async def test_installing_again_changes_nothing(server: Server) -> None:
    again = manifest.read(package({**VALUE_SET, "version": "1.0.0"}))
    assert await install(server, again) == await install(server, again)
    assert (await stored(server, "ValueSet", "colours-1.0.0")).version_id == "1"


async def test_what_is_not_sound_is_left_out_with_the_reason(server: Server) -> None:
    found = await install(server, manifest.read(package({**VALUE_SET, "status": "splendid"})))
    assert found.resources == ()
    assert [name for name, _ in found.left_out] == ["package/ValueSet-colours.json"]
    assert "status" in found.left_out[0][1] or "splendid" in found.left_out[0][1]


async def test_dependencies_that_are_not_there_are_told(server: Server) -> None:
    found = await install(
        server, manifest.read(package(dependencies={"hl7.fhir.r4.core": "4.0.1", "org.example.more": "2.x"}))
    )
    assert record.missing(found, await record.every(server.store.state)) == ["org.example.more|2.x"]


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({"name": "../x"}, "no package name"),
        ({"version": ""}, "no version"),
        ({"fhirVersions": ["5.0.0"]}, "is for FHIR 5.0.0"),
        ({"dependencies": []}, ""),
    ],
)
def test_a_manifest_must_make_sense(about: dict[str, object], text: str) -> None:
    if not text:
        assert manifest.read(package(**about)).manifest.dependencies == {}
        return
    with pytest.raises(Invalid, match=text):
        manifest.read(package(**about))


async def test_us_core_is_installed_whole(server: Server) -> None:
    raw = require("us-core", "hl7.fhir.us.core-6.1.0.tgz").read_bytes()
    found = await install(server, manifest.read(raw))
    assert (len(found.resources), found.left_out, len(found.profiles["Observation"])) == (210, (), 22)
    assert found.statements == ("http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server|6.1.0",)
