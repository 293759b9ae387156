"""Releases in the store: whole or not there, once, side by side, gone when they are removed.

http://hl7.org/fhir/R4/codesystem.html
"""

import asyncio
from pathlib import Path

import pytest

from fhir_server.app import assemble, worker
from fhir_server.context import Server
from fhir_server.interactions import releases
from fhir_server.outcome import Conflict, Invalid, NotFound
from fhir_server.releases import importing
from fhir_server.releases.files import Files
from fhir_server.releases.importing import bring, forget, swept
from fhir_server.releases.release import Wanted
from fhir_server.search.query import UNRESTRICTED
from tests.interactions.client import Client
from tests.releases.made import loinc, packed

URL = "http://acme.org/codes"
WANTED = Wanted(URL, "1", "Codes")


class Stopped(Exception):
    """Somebody pulled the plug."""


class Watch:
    """Counts; pulls the plug after so many concepts in the store."""

    def __init__(self, most: float = float("inf")) -> None:
        self.most, self.stages, self.done = most, list[str](), 0.0

    def stage(self, text: str, total: int) -> None:
        self.stages.append(text)
        self.done = 0
        assert total >= 0

    def advance(self, steps: float) -> None:
        self.done += steps
        if self.stages[-1] == "store" and self.done >= self.most:
            raise Stopped


def table(folder: Path, size: int, text: str = "Concept") -> Path:
    rows = "".join(f"c{n},{text} {n},{f'c{(n - 1) // 3}' if n else ''},kind=k{n % 5}\n" for n in range(size))
    file = folder / "codes.csv"
    file.write_text(f"code,display,parent,properties\n{rows}")
    return file


async def import_(
    server: Server, *files: Path, wanted: Wanted = WANTED, most: float = float("inf")
) -> tuple[int, bool]:
    found, new = await bring(server, Files(files), wanted, Watch(most))
    return found.concepts, new


async def seen(client: Client, query: str = "") -> list[str]:
    """The codes of the value set of all codes; [] where the code system is not there."""
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": URL}]}}
    if not await client.server.store.reader(UNRESTRICTED).concepts.systems(URL):
        await client.fails("POST", "ValueSet/$expand", value_set)
        return []
    answer = await client.post(f"ValueSet/$expand?count=1000{query}", value_set)
    return [each["code"] for each in answer["expansion"].get("contains", [])]


async def test_a_release_is_found_by_all_operations(client: Client, tmp_path: Path) -> None:
    assert await import_(client.server, packed(tmp_path / "l.zip", loinc()), wanted=Wanted()) == (11, True)
    told = await client.get("CodeSystem/loinc-2.100")
    assert (told["content"], told["count"], told["version"], "concept" in told) == ("not-present", 11, "2.100", False)
    looked = await client.get(
        "CodeSystem/$lookup?system=http://loinc.org&code=11-1&property=COMPONENT&displayLanguage=de-DE"
    )
    assert {p["name"]: p.get("valueString") for p in looked["parameter"]}["display"] == "Sorb [Masse] in Glim"
    expanded = await client.get("ValueSet/$expand?url=http://loinc.org/vs/LL1-1")
    assert [each["display"] for each in expanded["expansion"]["contains"]] == ["Red", "Blue", "None"]
    below = await client.get("CodeSystem/$subsumes?system=http://loinc.org&codeA=LP1-1&codeB=22-2")
    assert below["parameter"][0]["valueCode"] == "subsumes"
    assert (await client.get("CodeSystem?url=http://loinc.org"))["total"] == 1


async def test_the_same_files_again_change_nothing(client: Client, tmp_path: Path) -> None:
    assert await import_(client.server, table(tmp_path, 7)) == (7, True)
    before = await client.get("CodeSystem/codes-1")
    assert await import_(client.server, table(tmp_path, 7)) == (7, False)
    assert await client.get("CodeSystem/codes-1") == before


async def test_other_files_of_the_same_version_take_its_place(client: Client, tmp_path: Path) -> None:
    await import_(client.server, table(tmp_path, 7))
    assert await import_(client.server, table(tmp_path, 4, "Word")) == (4, True)
    assert await seen(client) == ["c0", "c1", "c2", "c3"]
    assert len(await seen(client, "&filter=concept")) == 0
    assert list(await client.server.store.check()) == []


async def test_versions_stand_side_by_side(client: Client, tmp_path: Path) -> None:
    for version, size in (("1", 3), ("2", 5)):
        await import_(client.server, table(tmp_path, size), wanted=Wanted(URL, version))
    assert len(await seen(client)) == 5
    assert len(await seen(client, f"&system-version={URL}|1")) == 3
    gone = await forget(client.server, f"{URL}|2")
    assert gone.version == "2"
    assert len(await seen(client)) == 3
    with pytest.raises(NotFound):
        await forget(client.server, f"{URL}|2")


async def test_what_was_interrupted_is_not_seen_and_goes_on(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 10)
    file = table(tmp_path, 95)
    for most in (30, 70):
        with pytest.raises(Stopped):
            await import_(client.server, file, most=most)
        assert await seen(client) == []
        (one,) = await releases.every(client.server.store.state)
        assert (one.digest, one.concepts, one.draft != "") == ("", 0, True)
        assert list(await client.server.store.check()) == []
    watch = Watch()
    await bring(client.server, Files([file]), WANTED, watch)
    assert watch.stages == ["read", "put in order", "store"]
    whole = await seen(client)
    assert sorted(whole) == sorted(f"c{n}" for n in range(95))
    await forget(client.server, f"{URL}|1")
    await import_(client.server, file)
    assert await seen(client) == whole


async def test_the_version_that_is_there_is_seen_until_the_next_is_whole(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 10)
    await import_(client.server, table(tmp_path, 20))
    for text in ("Word", "Term"):
        with pytest.raises(Stopped):
            await import_(client.server, table(tmp_path, 50, text), most=30)
        assert len(await seen(client)) == 20
    assert await import_(client.server, table(tmp_path, 40, "End")) == (40, True)
    assert len(await seen(client, "&filter=end")) == 40
    assert list(await client.server.store.check()) == []
    assert await client.server.store.transact(UNRESTRICTED, lambda transaction: transaction.drafts.sweep(9)) == 0


async def test_two_at_once_make_one(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 5)
    file = table(tmp_path, 60)
    done = await asyncio.gather(*(import_(client.server, file) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(each, Conflict) or each in ((60, True), (60, False)) for each in done)
    assert await import_(client.server, file) == (60, not any(each == (60, True) for each in done))
    assert len(await seen(client)) == 60


async def test_a_file_with_a_fault_leaves_nothing(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("code,parent\na,\nb,z\n")
    with pytest.raises(Invalid):
        await import_(client.server, file)
    assert await releases.every(client.server.store.state) == []
    assert await client.server.store.counts() == {}


async def test_a_write_of_its_code_system_leaves_the_concepts(client: Client, tmp_path: Path) -> None:
    await import_(client.server, table(tmp_path, 5))
    told = await client.get("CodeSystem/codes-1")
    await client.put("CodeSystem/codes-1", {**told, "title": "Other words", "valueSet": "http://acme.org/all"})
    assert len(await seen(client)) == 5
    assert (await client.get("ValueSet/$expand?url=http://acme.org/all"))["expansion"]["total"] == 5
    looked = await client.get(f"CodeSystem/$lookup?system={URL}&code=c1")
    assert looked["parameter"][0]["valueString"] == "Other words"


async def test_a_code_system_with_concepts_of_its_own_ends_the_release(client: Client, tmp_path: Path) -> None:
    await import_(client.server, table(tmp_path, 5))
    told = await client.get("CodeSystem/codes-1")
    own = {**told, "content": "complete", "count": 1, "concept": [{"code": "own"}]}
    await client.put("CodeSystem/codes-1", own)
    assert await seen(client) == ["own"]
    assert await releases.every(client.server.store.state) == []
    assert await import_(client.server, table(tmp_path, 5)) == (5, True)
    assert len(await seen(client)) == 5


async def test_after_its_code_system_is_deleted_a_release_comes_again(client: Client, tmp_path: Path) -> None:
    await import_(client.server, table(tmp_path, 5))
    await client.delete("CodeSystem/codes-1")
    assert await seen(client) == []
    assert await releases.every(client.server.store.state) == []
    assert await import_(client.server, table(tmp_path, 5)) == (5, True)
    assert len(await seen(client)) == 5


async def test_space_is_freed_in_the_background(client: Client, tmp_path: Path) -> None:
    store = client.server.store
    server = await assemble(client.server.settings, store)
    await import_(server, table(tmp_path, 5))
    background = worker(server)
    background.start()
    try:
        await client.delete("CodeSystem/codes-1")
        async with asyncio.timeout(20):
            while await store.state.read(releases.WORK, releases.SWEEP) is not None:
                await asyncio.sleep(0.05)
    finally:
        await background.stop()
    assert await store.transact(UNRESTRICTED, lambda transaction: transaction.drafts.sweep(9)) == 0
    await swept(store)
