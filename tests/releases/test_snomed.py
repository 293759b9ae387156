"""SNOMED CT: RF2 as Snapshot and as Full is the same edition.

http://hl7.org/fhir/R4/snomedct.html
"""

from pathlib import Path

import pytest

from fhir_server.outcome import Invalid
from fhir_server.releases.release import Wanted
from tests.releases.collected import collected, said
from tests.releases.made import BLUE, FSN, GB, MODULE, OLD, RED, ROOT, SET, SIDE, THING, US, packed, snomed, unpacked

VERSION = f"http://snomed.info/sct/{MODULE}/version/20240101"


def test_a_snapshot_is_an_edition(tmp_path: Path) -> None:
    release, found = collected(packed(tmp_path / "s.zip", snomed()))
    assert (release.url, release.version, release.id) == ("http://snomed.info/sct", VERSION, f"sct-{MODULE}-20240101")
    assert (found[RED].display, found[RED].parents, found[BLUE].parents) == ("Crimson thing", (THING,), (THING, SIDE))
    assert (found[ROOT].parents, found[OLD].inactive, found[OLD].parents) == ((), True, ())
    assert [(d.value, d.language) for d in found[RED].designations] == [
        ("Crimson thing", "en"), ("Red thing", "en"), ("Rotes Ding", "de"), ("Red thing (thing)", "en"),
    ]  # fmt: skip
    assert dict(found[RED].designations[-1].use) == {"system": "http://snomed.info/sct", "code": FSN, "display": "Fully specified name"}  # fmt: skip
    assert found[SIDE].definition == "What is not in the middle"
    assert said(found[RED]) == {
        "sufficientlyDefined": ["true"], "moduleId": [MODULE], "effectiveTime": ["20200101"], "5001": [SIDE], "refset": [SET],
    }  # fmt: skip
    assert said(found[BLUE])["1001"] == ["2.5"]
    assert "refset" not in said(found[SIDE])
    assert [code for code in found if "referenceSet" in said(found[code])] == [SET, US, GB]


@pytest.mark.parametrize(
    ("language", "red"),
    [("en-GB", "Red thing"), ("en-US", "Crimson thing"), ("de", "Rotes Ding"), ("sv", "Crimson thing")],
)
def test_displays_are_of_the_language_that_is_asked_for(tmp_path: Path, language: str, red: str) -> None:
    _, found = collected(packed(tmp_path / "s.zip", snomed()), wanted=Wanted(language=language))
    assert (found[RED].display, found[BLUE].display) == (red, "Blue thing")


def test_what_is_newest_of_full_files_is_the_snapshot(tmp_path: Path) -> None:
    snapshot = collected(packed(tmp_path / "s.zip", snomed()))
    full = collected(unpacked(tmp_path / "full", snomed("Full")))
    assert full == snapshot
    both = collected(packed(tmp_path / "b.zip", {**snomed(), **snomed("Full")}))
    assert both == snapshot


def test_the_edition_is_told_by_its_modules_or_by_the_names_of_its_files(tmp_path: Path) -> None:
    alone = snomed(dependency=False)
    assert collected(packed(tmp_path / "a.zip", alone))[0].version == VERSION
    american = {name.replace("INT_", "US1000124_"): text for name, text in alone.items()}
    assert collected(packed(tmp_path / "u.zip", american))[0].version.split("/")[4] == "731000124108"
    unknown = {name.replace("INT_", "XX_"): text for name, text in alone.items()}
    with pytest.raises(Invalid, match="give --version"):
        collected(packed(tmp_path / "x.zip", unknown))
    told = VERSION.replace("2024", "2023")
    assert collected(packed(tmp_path / "y.zip", unknown), wanted=Wanted(version=told))[0].version == told
    with pytest.raises(Invalid, match="2024 is no version of SNOMED CT"):
        collected(packed(tmp_path / "z.zip", alone), wanted=Wanted(version="2024"))


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        ("Concept", "definitionStatusId", "statusId", r"INT_20240101\.txt:1: the columns id effectiveTime"),
        ("Concept", f"{THING}\t20200101", f"{THING}\t20200101\t1", r"sct2_Concept.*:3: 6 fields, 5 are expected"),
        ("Relationship", f"\t{THING}\t{ROOT}\t", f"\t{THING}\t99\t", r"sct2_Relationship_.*:2: '99', which is to be above '1001'"),
        ("Description", f"\t{RED}\ten", "\t98\ten", r"sct2_Description_.*: '98', of which this line says something"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, file: str, old: str, new: str, text: str) -> None:
    files = snomed()
    name = next(each for each in files if f"/sct2_{file}_" in each)
    assert old in files[name]
    with pytest.raises(Invalid, match=text):
        collected(packed(tmp_path / "s.zip", {**files, name: files[name].replace(old, new, 1)}))
