"""LOINC: codes, parts, answers and the hierarchy that binds them.

http://hl7.org/fhir/R4/loinc.html
"""

from pathlib import Path

import pytest

from fhir_server.concepts import Concept, Designation
from fhir_server.outcome import Invalid
from tests.releases.collected import collected, said
from tests.releases.made import loinc, packed, unpacked


@pytest.mark.parametrize("deliver", [packed, unpacked])
def test_the_archive_and_its_folder_are_the_same(tmp_path: Path, deliver: object) -> None:
    assert callable(deliver)
    release, found = collected(deliver(tmp_path / "Loinc_made", loinc()))
    assert (release.url, release.version, release.id) == ("http://loinc.org", "2.100", "loinc-2.100")
    assert sorted(found) == ["11-1", "22-2", "33-3", "LA1-1", "LA2-2", "LA3-3", "LL1-1", "LL2-2", "LL3-3", "LP1-1", "LP2-2"]  # fmt: skip
    assert found["22-2"].parents == ("LP2-2", "LP1-1")
    assert found["LP2-2"] == Concept("LP2-2", "Zorb", ("LP1-1",))
    zorb = found["11-1"]
    assert (zorb.display, zorb.definition, zorb.inactive) == ("Zorb [Mass] in Glim", "How much zorb", False)
    assert zorb.designations[-1] == Designation("Sorb [Masse] in Glim", "de-DE", (("system", "https://loinc.org/names"), ("code", "LONG_COMMON_NAME")))  # fmt: skip
    assert [d.value for d in zorb.designations[:-1]] == ["Zorb Glim-mCnc", "Zorb level"]
    assert said(zorb) == {
        "COMPONENT": ["Zorb"], "PROPERTY": ["MCnc"], "TIME_ASPCT": ["Pt"], "SYSTEM": ["Glim"], "SCALE_TYP": ["Qn"],
        "CLASS": ["QUUX"], "CLASSTYPE": ["1"], "STATUS": ["ACTIVE"], "ORDER_OBS": ["Both"], "VersionLastChanged": ["2.98"],
        "copyright": ["LOINC"],
    }  # fmt: skip
    assert found["33-3"].inactive
    assert said(found["22-2"])["copyright"] == ["3rdParty"]
    assert said(found["22-2"])["answer-list"] == ["LL1-1"]
    assert said(found["LL1-1"]) == {"answer": ["LA3-3", "LA1-1", "LA2-2"], "answers-for": ["22-2"]}
    assert said(found["LA2-2"]) == {"LIST": ["LL1-1", "LL2-2"]}


def test_a_text_of_two_lines_counts_as_two_in_messages(tmp_path: Path) -> None:
    files = loinc()
    files["Loinc/LoincTable/Loinc.csv"] += '"44-4","one field alone"\r\n'
    with pytest.raises(Invalid, match=r"Loinc\.csv:6: 2 fields, the header has 18 columns"):
        collected(packed(tmp_path / "l.zip", files))


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("LoincTable/Loinc.csv", "LONG_COMMON_NAME", "NAME", r"Loinc\.csv:1: the column LONG_COMMON_NAME is missing"),
        ("LoincTable/Loinc.csv", '"33-3"', '"11-1"', r"Loinc\.csv:5: the code '11-1' is there already: .*Loinc\.csv:2"),
        ("LoincTable/Loinc.csv", '"33-3"', '" 33-3"', r"Loinc\.csv:5: ' 33-3' is no code"),
        ("LoincTable/Loinc.csv", '"Zorb level"', '"Zorb "level"', r"Loinc\.csv:2: ',' expected after '\"'"),
        ("AccessoryFiles/AnswerFile/LoincAnswerListLink.csv", '"22-2"', '"99-9"', r"Link\.csv:2: '99-9', of which"),
        ("AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv", '"LP1-1","LP2-2"', '"LP9-9","LP2-2"', r"System\.csv:3: 'LP9-9', which is to be above 'LP2-2'"),
        ("AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv", '"","LP1-1"', '"LP2-2","LP1-1"', r"above itself: LP2-2 < LP1-1 < LP2-2"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, name: str, old: str, new: str, text: str) -> None:
    files = loinc()
    changed = files[f"Loinc/{name}"].replace(old, new, 1)
    assert changed != files[f"Loinc/{name}"]
    with pytest.raises(Invalid, match=text):
        collected(packed(tmp_path / "l.zip", {**files, f"Loinc/{name}": changed}))
