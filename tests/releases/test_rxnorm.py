"""RxNorm: names of its own, relationships and attributes as properties.

http://hl7.org/fhir/R4/rxnorm.html
"""

from pathlib import Path

import pytest

from fhir_server.outcome import Invalid
from fhir_server.releases.release import Wanted
from tests.releases.collected import collected, said
from tests.releases.made import packed, rxnorm


def test_concepts_are_those_that_rxnorm_names(tmp_path: Path) -> None:
    release, found = collected(packed(tmp_path / "RxNorm_full_03042024.zip", rxnorm()))
    assert (release.version, release.id) == ("03042024", "rxnorm-03042024")
    assert {code: (c.display, c.inactive, c.parents) for code, c in found.items()} == {
        "100": ("zorbine", False, ()),
        "200": ("zorbine 5 MG Oral Pill", False, ()),
        "300": ("glimine", True, ()),
    }
    assert [(d.value, dict(d.use)["code"]) for d in found["200"].designations] == [("zorbine 5 pill", "SY")]
    assert said(found["200"]) == {
        "TTY": ["SCD", "SY"], "SAB": ["RXNORM"], "has_ingredient": ["100"], "RXN_STRENGTH": ["5 MG"],
    }  # fmt: skip
    assert said(found["100"]) == {"TTY": ["IN"], "SAB": ["ELSE", "RXNORM"], "STY": ["T121"]}
    assert {"has_ingredient", "RXN_STRENGTH"} <= set(release.properties)


def test_the_date_is_in_the_name_or_is_given(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="--version MMDDYYYY"):
        collected(packed(tmp_path / "rx.zip", rxnorm()))
    assert collected(tmp_path / "rx.zip", wanted=Wanted(version="01022025"))[0].version == "01022025"


def test_a_row_with_other_fields_is_told_with_file_and_line(tmp_path: Path) -> None:
    files = rxnorm()
    files["rrf/RXNREL.RRF"] += "100|RO|\n"
    with pytest.raises(Invalid, match=r"rx\.zip/rrf/RXNREL\.RRF:3: 2 fields, 16 are expected"):
        collected(packed(tmp_path / "rx.zip", files), wanted=Wanted(version="01022025"))
