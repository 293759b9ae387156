"""A code system of one's own as a table.

https://www.rfc-editor.org/rfc/rfc4180
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.concepts import Concept, Designation, Property
from fhir_server.outcome import Invalid
from fhir_server.releases.release import Wanted
from fhir_server.releases.table import split
from tests.releases.collected import collected

WANTED = Wanted("http://acme.org/codes", "1", "Codes")
HEADER = "code,display,parent,definition,designations,properties\n"


def made(folder: Path, text: str | bytes) -> Path:
    file = folder / "codes.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_columns_say_all_that_there_is_of_a_concept(tmp_path: Path) -> None:
    rows = (
        'leg,Leg,limb,"What one, or two, stand on",de:Bein|:shank|fr-CH:jambe,weight:decimal=1.50|note=a \\| b\n'
        "limb,Limb,,,,notSelectable:boolean=true\n\n"
        "fin,Fin,limb|leg,,,status:code=retired|since:dateTime=2020-01-02\n"
    )
    release, found = collected(made(tmp_path, "\ufeff" + HEADER + rows), wanted=WANTED)
    assert (release.id, release.version, release.title) == ("codes-1", "1", "Codes")
    assert release.properties["weight"] == ("decimal", "The property weight.")
    assert list(found.values()) == [
        Concept("limb", "Limb", properties=(Property("notSelectable", "true", "boolean"),), abstract=True),
        Concept(
            "leg", "Leg", ("limb",),
            (Designation("Bein", "de"), Designation("shank"), Designation("jambe", "fr-CH")),
            (Property("weight", "1.50", "decimal"), Property("note", "a | b", "string")),
            "What one, or two, stand on",
        ),
        Concept("fin", "Fin", ("limb", "leg"), properties=(Property("status", "retired"), Property("since", "2020-01-02", "dateTime")), inactive=True),
    ]  # fmt: skip


def test_semicolons_and_codes_alone_will_do(tmp_path: Path) -> None:
    _, found = collected(made(tmp_path, "Code;Display\na;A, really\n"), wanted=WANTED)
    assert list(found.values()) == [Concept("a", "A, really")]
    assert list(collected(made(tmp_path, "code\na\nb\n"), wanted=WANTED)[1]) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a,A,b,,,\n", r"codes\.csv:2: 'b', which is to be above 'a', is not in the release"),
        (HEADER + "a,A,,,,\nb,B,,,,\na,C,,,,\n", r"codes\.csv:4: the code 'a' is there already: .*codes\.csv:2"),
        (HEADER + "a,A,b,,,\nb,B,a,,,\n", r"a concept cannot be above itself: a < b < a"),
        (HEADER + "a,A,a,,,\n", r"a concept cannot be above itself: a < a"),
        (HEADER + "a,A\n", r"codes\.csv:2: 2 fields, the header has 6 columns"),
        (HEADER + ",A,,,,\n", r"codes\.csv:2: '' is no code"),
        (HEADER + "a  b,A,,,,\n", r"codes\.csv:2: 'a  b' is no code"),
        (HEADER + "a,A\x07,,,,\n", r"codes\.csv:2: 'A\\x07' has characters"),
        (HEADER + 'a,"A,,,,\n', r"codes\.csv:2: unexpected end of data"),
        (HEADER + "a,A,,,Bein,\n", r"codes\.csv:2: 'Bein' is no designation, like de:Bein"),
        (HEADER + "a,A,,,,weight\n", r"codes\.csv:2: 'weight' is no property, like"),
        (HEADER + "a,A,,,,weight:decimal=heavy\n", r"codes\.csv:2: 'heavy' is no decimal, which the property weight is"),
        (HEADER + "a,A,,,,since:dateTime=2020-13-01\n", r"codes\.csv:2: '2020-13-01' is no dateTime"),
        (HEADER + "a,A,,,,x=1\nb,B,,,,x:integer=1\n", r"codes\.csv:3: the property x was of the type string before"),
        (HEADER + "a,A,,,,parent=b\n", r"codes\.csv:2: parent is no property here"),
        ("kode,display\na,A\n", r"codes\.csv:1: there is no column 'kode': code, display, parent"),
        ("display\nA\n", r"codes\.csv:1: the column code is missing"),
        ("code,code\na,a\n", r"codes\.csv:1: the header has a column twice"),
        ("", r"codes\.csv:1: a header with the names of the columns is expected"),
        (HEADER.encode() + b"a,\xff,,,,\n", r"codes\.csv:2: byte 3 of the line is not UTF-8"),
        (HEADER + "a," + "A" * 140_000 + ",,,,\n", r"codes\.csv:2: field larger than field limit"),
        (HEADER + "a," + "A" * 2**20, r"codes\.csv:2: the line is longer than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        collected(made(tmp_path, text), wanted=WANTED)


def test_a_table_does_not_say_which_code_system_it_is(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="give --url and --version"):
        collected(made(tmp_path, HEADER))


@given(st.lists(st.text("ab|\\ ", min_size=1).map(str.strip).filter(lambda text: text and not text.endswith("\\") and "\\|" not in text), max_size=4))  # fmt: skip
def test_bars_within_texts_are_kept(texts: list[str]) -> None:
    assert split("|".join(text.replace("|", "\\|") for text in texts)) == texts
