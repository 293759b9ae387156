"""Archives are read without unpacking, and hostile ones refused.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import io
import zipfile
from pathlib import Path

import pytest

from fhir_server.outcome import Invalid
from fhir_server.releases import files as module
from fhir_server.releases.files import Files
from fhir_server.releases.formats import format_of
from tests.releases.collected import quiet
from tests.releases.made import packed


@pytest.mark.parametrize("name", ["../x.csv", "/etc/x.csv", "a/../../x.csv", "a\\x.csv"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="leads out of the archive"):
        Files([packed(tmp_path / "a.zip", {name: "code\n"})])


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "a.zip", {"Loinc.csv": b"\0" * 50_000_000})
    with pytest.raises(Invalid, match=r"a\.zip/Loinc\.csv unpacks to more than 200 times its size"):
        Files([bomb])


def test_what_is_too_much_altogether_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = packed(tmp_path / "a.zip", {"a.csv": "code\na\n", "b.csv": "code\n"})
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(Invalid, match="unpacks to more than 10 bytes"):
        Files([archive])
    monkeypatch.setattr(module, "MOST_ENTRIES", 1)
    with pytest.raises(Invalid, match="has 2 entries: the limit is 1"):
        Files([archive])


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    """The size in its directory is not the one that its content has."""
    raw = packed(tmp_path / "a.zip", {"a.csv": "code\n" * 1000}).read_bytes()
    lying = raw.replace((5000).to_bytes(4, "little"), (5).to_bytes(4, "little"))
    assert lying != raw
    (tmp_path / "b.zip").write_bytes(lying)
    (entry,) = Files([tmp_path / "b.zip"]).entries
    with pytest.raises(Invalid, match="cannot be read"):
        list(entry.lines(quiet))


def test_what_is_cut_off_or_secret_is_told(tmp_path: Path) -> None:
    raw = packed(tmp_path / "a.zip", {"a.csv": "code\n" + "".join(f"c{n}\n" for n in range(5000))}).read_bytes()
    broken = bytearray(raw)
    broken[60:70] = b"xxxxxxxxxx"
    (tmp_path / "b.zip").write_bytes(broken)
    (entry,) = Files([tmp_path / "b.zip"]).entries
    with pytest.raises(Invalid, match=r"b\.zip/a\.csv cannot be read"):
        list(entry.lines(quiet))
    (tmp_path / "c.zip").write_bytes(raw[:-30])
    with pytest.raises(Invalid, match="no release that is known here"):
        format_of(Files([tmp_path / "c.zip"]))
    out = io.BytesIO(raw)
    with zipfile.ZipFile(out) as archive:
        start = archive.start_dir
    locked = bytearray(raw)
    locked[start + 8] |= 1
    (tmp_path / "d.zip").write_bytes(locked)
    with pytest.raises(Invalid, match="is encrypted"):
        Files([tmp_path / "d.zip"])


def test_files_are_told_from_others(tmp_path: Path) -> None:
    one = packed(tmp_path / "a.zip", {"a.csv": "code\n"})
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.csv").write_text("x")
    seen = {Files([one]).digest(), Files([one]).digest("more"), Files([folder]).digest(), Files([one, folder]).digest()}
    (folder / "b.csv").write_text("y")
    seen.add(Files([folder]).digest())
    assert len(seen) == 5
    assert Files([folder]).digest() in seen


@pytest.mark.parametrize("name", ["missing.csv", "notes.pdf"])
def test_what_is_no_release_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    with pytest.raises(Invalid, match=r"does not exist|no release that is known here: LOINC, SNOMED CT \(RF2\)"):
        format_of(Files([tmp_path / name]))
