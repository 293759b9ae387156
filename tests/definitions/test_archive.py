"""A package is read into memory, and refused where it is not plain files of bounded size."""

import io
import tarfile
from collections.abc import Callable

import pytest

from fhir_server.definitions import archive
from fhir_server.definitions.archive import read_package
from fhir_server.outcome import Invalid


def tgz(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if change:
                change(info)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_files_are_read_by_name() -> None:
    assert read_package(tgz(("package/a.json", b"{}"), ("package/b.txt", b"x"))) == {"package/a.json": b"{}"}


def test_names_are_normalized() -> None:
    assert read_package(tgz(("./package//a.json", b"{}"))) == {"package/a.json": b"{}"}


@pytest.mark.parametrize("name", ["/a.json", "../a.json", "package/../../a.json", "c:/a.json", "package\\a.json"])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="unsafe name"):
        read_package(tgz((name, b"{}")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    with pytest.raises(Invalid, match="not a regular file"):
        read_package(tgz(("package/a.json", b""), change=change))


def test_duplicates_are_refused() -> None:
    with pytest.raises(Invalid, match="twice"):
        read_package(tgz(("package/a.json", b"1"), ("./package/a.json", b"2")))


def test_ratio_is_bounded() -> None:
    with pytest.raises(Invalid, match="larger than"):
        read_package(tgz(("package/a.json", b" " * 10_000_000)))


def test_deflate_that_is_damaged_is_refused() -> None:
    whole = bytearray(tgz(("package/a.json", bytes(range(256)) * 50)))
    whole[20] ^= 0xFF
    with pytest.raises(Invalid, match="cannot be read"):
        read_package(bytes(whole))


def test_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 2)
    two = [("package/1.json", b"1"), ("package/2.json", b"2")]
    assert len(read_package(tgz(*two))) == 2
    with pytest.raises(Invalid, match="more than 2 entries"):
        read_package(tgz(*two, ("package/3.json", b"3")))


@pytest.mark.parametrize(
    "source",
    [b"", b"no archive", b"\x1f\x8b\x08\x00broken", tgz(("package/a.json", b"{}" * 9999))[:60]],
    ids=["nothing", "no archive", "broken head", "cut off"],
)
def test_what_is_no_package_is_refused(source: bytes) -> None:
    with pytest.raises(Invalid):
        read_package(source)
