"""Packages come into the store as ordinary resources, stand side by side, and go again.

http://hl7.org/fhir/R4/packages.html
"""

from pathlib import Path
from typing import Any

import pytest

from fhir_server.app import assemble
from fhir_server.context import Server
from fhir_server.indexing import record as indexing
from fhir_server.interactions import claims
from fhir_server.model import Key
from fhir_server.outcome import Conflict, Invalid, NotFound
from fhir_server.packages import manifest, record
from fhir_server.packages.install import install, uninstall
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from tests.conformance_data import require
from tests.packages.made import PARAMETER, PROFILE, VALUE_SET, package
from tests.stores import opened


@pytest.fixture
async def server(folder: Path) -> Any:
    store = await opened(folder)
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
    claimed, _ = await claims.read(server.store.state)
    assert (len(found.resources), found.left_out, found.unused) == (210, (), ())
    assert (len(claimed.supported("Observation")), claimed.supported("Patient")) == (
        22,
        ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|6.1.0"],
    )
    assert claimed.implementation_guides == ["http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core|6.1.0"]
    assert found.statements == ("http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server|6.1.0",)


async def in_force(server: Server) -> list[tuple[str, str]]:
    found, _ = await indexing.read(server.store.state)
    return [(one.definition.code, one.definition.expression or "") for one in found.added]


async def test_of_two_versions_of_a_search_parameter_the_newest_is_in_force(server: Server) -> None:
    older, newer = "Patient.maritalStatus", "Patient.communication.language"
    for version, expression in (("2.0.0", newer), ("1.10.0", older)):  # whichever comes first
        made = {**PARAMETER, "version": version, "expression": expression}
        last = await install(server, manifest.read(package(made, version=version)))
    assert await in_force(server) == [("speech", newer)]
    assert last.unused == (
        (
            "SearchParameter/speech-1.10.0",
            f"{PARAMETER['url']} is searched by as SearchParameter/speech-2.0.0 defines it, the newest version",
        ),
    )
    before, _ = await indexing.read(server.store.state)
    await uninstall(server, "org.example.guide|1.10.0")
    after, _ = await indexing.read(server.store.state)
    assert after.added == before.added  # what stays is not indexed again
    await install(server, manifest.read(package({**PARAMETER, "version": "1.0", "expression": older}, version="1.0.0")))
    await uninstall(server, "org.example.guide|2.0.0")
    assert await in_force(server) == [("speech", older)]
    (left,) = await record.every(server.store.state)
    assert (left.key, left.unused) == ("org.example.guide|1.0.0", ())
    await uninstall(server, left.key)
    assert await in_force(server) == []


async def test_what_another_package_brings_too_stays(server: Server) -> None:
    shared = {**VALUE_SET, "version": "1.0.0"}
    one = await install(server, manifest.read(package(shared, {**PARAMETER, "version": "1"})))
    await install(server, manifest.read(package(shared, {**PARAMETER, "version": "1"}, name="org.example.other")))
    assert one.unused == ()
    before = await in_force(server)
    await uninstall(server, one.key)
    assert (await in_force(server), len(before)) == (before, 1)
    assert not (await stored(server, "ValueSet", "colours-1.0.0")).deleted
    await uninstall(server, "org.example.other|1.0.0")
    assert (await stored(server, "ValueSet", "colours-1.0.0")).deleted
    assert await in_force(server) == []


async def test_what_a_package_does_not_hold_any_more_goes_unless_another_one_has_it(server: Server) -> None:
    shared, own = {**VALUE_SET, "version": "1"}, {**VALUE_SET, "id": "own", "url": "http://x/own", "version": "1"}
    await install(server, manifest.read(package(shared, own)))
    await install(server, manifest.read(package(shared, name="org.example.other")))
    found = await install(server, manifest.read(package()))
    assert found.resources == ()
    assert [(await stored(server, "ValueSet", id_)).deleted for id_ in ("colours-1", "own-1")] == [False, True]


async def test_profiles_are_claimed_while_they_are_there(server: Server) -> None:
    found = await install(server, manifest.read(package({**PROFILE, "version": "1"})))
    claimed, _ = await claims.read(server.store.state)
    assert claimed.supported("Patient") == ["http://example.org/StructureDefinition/known|1"]
    await uninstall(server, found.key)
    assert (await claims.read(server.store.state))[0] == claims.Claims()


async def test_a_package_that_is_removed_while_it_is_installed_is_removed(server: Server) -> None:
    many = [{**VALUE_SET, "id": f"v{n}", "url": f"http://x/v{n}", "version": "1"} for n in range(120)]

    async def interfere(done: int, _: int) -> None:
        if done == 50:
            await uninstall(server, "org.example.guide|1.0.0")

    with pytest.raises(Conflict):
        await install(server, manifest.read(package(*many)), interfere)
    assert await record.every(server.store.state) == []
    assert await server.store.counts() in ({}, {"ValueSet": 0})


async def test_an_interrupted_installation_and_an_interrupted_removal_go_on(server: Server) -> None:
    many = [{**VALUE_SET, "id": f"v{n}", "url": f"http://x/v{n}", "version": "1"} for n in range(120)]
    raw = package(*many)

    async def stop(done: int, _: int) -> None:
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await install(server, manifest.read(raw), stop)
    (half,) = await record.every(server.store.state)
    assert (half.status, len(half.resources), await server.store.counts()) == ("incomplete", 50, {"ValueSet": 50})
    whole = await install(server, manifest.read(raw))
    assert (whole.status, len(whole.resources)) == ("installed", 120)
    assert (await stored(server, "ValueSet", "v0-1")).version_id == "1"
