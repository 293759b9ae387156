"""ICD-10 as ClaML, and ICD-10-CM as order file and tabular list.

http://hl7.org/fhir/R4/icd.html
"""

from pathlib import Path

import pytest

from fhir_server.outcome import Invalid
from fhir_server.releases.release import Wanted
from tests.releases.collected import collected, said
from tests.releases.made import CLAML, ORDER, TABULAR, packed, unpacked


def test_classes_and_what_modifiers_make_of_them(tmp_path: Path) -> None:
    release, found = collected(packed(tmp_path / "icd.zip", {"icd102019en.xml": CLAML}))
    assert (release.url, release.version, release.id) == ("http://hl7.org/fhir/sid/icd-10", "2019", "icd-10-2019")
    assert {code: (c.display, c.parents, c.abstract) for code, c in found.items()} == {
        "I": ("Zorb troubles", (), True),
        "Z10-Z11": ("Zorbs of the glim", ("I",), True),
        "Z10": ("Zorb", ("Z10-Z11",), False),
        "Z10.0": ("Zorb, plain", ("Z10",), False),
        "Z11": ("Glim", ("Z10-Z11",), False),
        "Z11.0": ("Glim: sudden", ("Z11",), False),
        "Z11.1": ("Glim: slow", ("Z11",), False),
    }
    assert (found["Z10"].definition, said(found["Z10"])) == (
        "A zorb that hurts", {"kind": ["category"], "usage": ["dagger"], "inclusion": ["Zorbitis A00"]},
    )  # fmt: skip


def test_another_classification_needs_its_url(tmp_path: Path) -> None:
    other = CLAML.replace('name="ICD-10"', 'name="OTHER"')
    file = unpacked(tmp_path, {"other.xml": other}) / "other.xml"
    with pytest.raises(Invalid, match="is OTHER: say which code system that is with --url"):
        collected(file)
    assert collected(file, wanted=Wanted(url="http://acme.org/other"))[0].id == "other-2019"


def test_no_entity_is_resolved_and_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    entity = f'[<!ENTITY s SYSTEM "file://{tmp_path}/secret">]'
    hostile = CLAML.replace('SYSTEM "ClaML.dtd"', f'SYSTEM "http://localhost:9/x.dtd" {entity}').replace(
        "Zorb, plain", "Zorb &s;"
    )
    _, found = collected(unpacked(tmp_path, {"h.xml": hostile}) / "h.xml")
    assert "SECRET" not in str(found)
    assert found["Z10.0"].display == "Zorb &s;"


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    bomb = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};&e{n - 1};&e{n - 1};">' for n in range(1, 50))
    hostile = CLAML.replace('SYSTEM "ClaML.dtd"', f'[<!ENTITY e0 "x">{bomb}]').replace("Zorb, plain", "Zorb &e49;")
    with pytest.raises(Invalid, match=r"h\.xml:\d+: "):
        collected(unpacked(tmp_path, {"h.xml": hostile}) / "h.xml")


def test_what_is_no_xml_is_told_with_its_line(tmp_path: Path) -> None:
    broken = CLAML.replace("</Class>", "</Clas>", 1)
    with pytest.raises(Invalid, match=r"b\.xml:12: .*Class"):
        collected(unpacked(tmp_path, {"b.xml": broken}) / "b.xml")


def test_the_order_file_has_all_codes(tmp_path: Path) -> None:
    release, found = collected(packed(tmp_path / "cm.zip", {"icd10cm_order_2098.txt": ORDER}))
    assert (release.url, release.version) == ("http://hl7.org/fhir/sid/icd-10-cm", "2098")
    assert {code: (c.display, c.parents, c.abstract) for code, c in found.items()} == {
        "Z10": ("Zorb", (), True),
        "Z10.0": ("Zorb of the glim", ("Z10",), True),
        "Z10.00XA": ("Zorb of the glim, initial encounter", ("Z10.0",), False),
        "Z10.9": ("Zorb, unspecified", ("Z10",), False),
        "Z11": ("Glim", (), False),
    }
    assert [d.value for d in found["Z10.9"].designations] == ["Zorb, unsp"]


def test_the_tabular_list_adds_what_is_above_and_what_is_included(tmp_path: Path) -> None:
    files = {"icd10cm_order_2098.txt": ORDER, "icd10cm-tabular-2098.xml": TABULAR}
    _, found = collected(packed(tmp_path / "cm.zip", files))
    assert (found["Z10"].parents, found["Z10-Z11"].parents, found["1"].abstract) == (("Z10-Z11",), ("1",), True)
    assert [d.value for d in found["Z10"].designations] == ["Zorbitis"]
    assert "Z10.0XXA" not in found
    with pytest.raises(Invalid, match="2098 and 2099: import one release at a time"):
        collected(packed(tmp_path / "two.zip", {"icd10cm_order_2099.txt": ORDER, "icd10cm-tabular-2098.xml": TABULAR}))


def test_the_tabular_list_alone_makes_seventh_characters(tmp_path: Path) -> None:
    _, found = collected(packed(tmp_path / "cm.zip", {"icd10cm_tabular_2098.xml": TABULAR}))
    assert {code: c.parents for code, c in found.items()} == {
        "1": (), "Z10-Z11": ("1",), "Z10": ("Z10-Z11",), "Z10.0": ("Z10",), "Z11": ("Z10-Z11",),
        "Z10.0XXA": ("Z10.0",), "Z10.0XXD": ("Z10.0",),
    }  # fmt: skip
    assert found["Z10.0XXA"].display == "Zorb of the glim, initial encounter"


def test_a_line_in_other_columns_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"order_2098\.txt:6: five digits, a code"):
        collected(packed(tmp_path / "cm.zip", {"icd10cm_order_2098.txt": ORDER + "6 Z12 1 x\n"}))
