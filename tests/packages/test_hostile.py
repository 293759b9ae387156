"""Packages that mean harm end in clear errors, quickly, and nothing of them is written anywhere.

http://hl7.org/fhir/R4/security.html
"""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from fhir_server.outcome import Invalid
from fhir_server.packages import manifest
from tests.packages.made import ABOUT, package

SECONDS = 5.0
"""Of the processor; most need none."""


def archive(*entries: tuple[tarfile.TarInfo, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", **options) as made:
        for entry, content in entries:
            entry.size = entry.size or len(content)
            made.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def named(name: str, content: bytes = b"{}") -> bytes:
    return archive((tarfile.TarInfo(name), content))


def linked(kind: bytes) -> bytes:
    entry = tarfile.TarInfo("package/x.json")
    entry.type, entry.linkname = kind, "/etc/passwd"
    return archive((entry, b""))


def sparse() -> bytes:
    """An entry that is a terabyte of nothing."""
    entry = tarfile.TarInfo("package/x.json")
    entry.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,0"}
    return archive((entry, b""), format=tarfile.PAX_FORMAT)


def negative() -> bytes:
    """An entry whose size leads backwards."""
    entry = tarfile.TarInfo("package/x.json")
    entry.pax_headers = {"size": "-1536"}
    return archive((entry, b"{}"), format=tarfile.PAX_FORMAT)


def many() -> bytes:
    return archive(*((tarfile.TarInfo(f"package/{n}.json"), b"") for n in range(50_001)))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "up and away": lambda: named("package/../../etc/passwd.json"),
    "absolute": lambda: named("/etc/passwd.json"),
    "backslash": lambda: named("package\\..\\x.json"),
    "drive": lambda: named("C:/x.json"),
    "symbolic link": lambda: linked(tarfile.SYMTYPE),
    "hard link": lambda: linked(tarfile.LNKTYPE),
    "device": lambda: linked(tarfile.CHRTYPE),
    "pipe": lambda: linked(tarfile.FIFOTYPE),
    "sparse": sparse,
    "negative": negative,
    "bomb": lambda: named("package/x.json", bytes(30_000_000)),
    "bomb in a bomb": lambda: gzip.compress(gzip.compress(bytes(100_000_000))),
    "too many": many,
    "cut off": lambda: package()[:-40],
    "no archive": lambda: b"PK\x03\x04 a zip",
    "not gzip inside": lambda: gzip.compress(b"hello"),
    "no manifest": lambda: named("package/other.json"),
    "manifest no json": lambda: named("package/package.json", b"{"),
    "manifest a list": lambda: named("package/package.json", b"[]"),
    "manifest of brackets": lambda: named("package/package.json", b"[" * 900_000),
    "manifest twice": lambda: archive(
        *((tarfile.TarInfo("package/package.json"), json.dumps(ABOUT).encode()) for _ in range(2))
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name: str) -> None:
    raw = HOSTILE[name]()
    began = process_time()
    with pytest.raises(Invalid) as refused:
        manifest.read(raw)
    assert process_time() - began < SECONDS
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "about",
    [
        {"name": "a." + "b" * 1_000},
        {"name": ["x"]},
        {"name": "x" * 100_000},
        {"version": "1" * 65},
        {"version": 1.0},
        {"version": "1.0/.."},
        {"title": {"x": 1}},
        {"canonical": 5},
        {"dependencies": {f"a.b{n}": "1" for n in range(501)}},
        {"dependencies": {"a.b": {"c": "d"}}},
        {"dependencies": {"a" * 1_000: "1"}},
        {"fhirVersions": {"4.0.1": "x" * 10_000}},
    ],
)
def test_absurd_manifests(about: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        manifest.read(package(**about))
    assert len(str(refused.value)) < 400
