"""What `fhir-server load` reads: files, folders and archives of JSON, NDJSON and XML, one item after the other.

An archive is read as a stream, its members by name into memory and never unpacked onto the disk.
"""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fhir_server.settings import SettingError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")
LARGEST_MEMBER = 2**30
READABLE = (".json", ".ndjson", ".xml", ".json.gz", ".ndjson.gz")


@dataclass(frozen=True, slots=True)
class Item:
    """One resource or Bundle as bytes; `place` tells a person where it is from: `folder/file.ndjson:12`."""

    place: str
    raw: bytes
    xml: bool = False


def items(paths: Iterable[Path]) -> Iterator[Item]:
    """Every resource below `paths`, in the order of names. Raises SettingError for what cannot be read."""
    for path in paths:
        if path.is_dir():
            for file in sorted(
                file for file in path.rglob("*") if file.is_file() and file.name.endswith(READABLE + ARCHIVES)
            ):
                yield from _file(file)
        elif path.is_file():
            yield from _file(path)
        else:
            raise SettingError(f"{path} does not exist")


def _file(path: Path) -> Iterator[Item]:
    try:
        yield from _opened(path)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from error


def _opened(path: Path) -> Iterator[Item]:
    if path.name.endswith(".zip"):
        yield from _zip(path)
    elif path.name.endswith(ARCHIVES):
        yield from _tar(path)
    elif path.name.endswith(READABLE):
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            yield from _content(str(path), file.read() if ".ndjson" not in path.name else file)
    else:
        raise SettingError(f"{path}: expected one of {', '.join(READABLE + ARCHIVES)}")


def _content(name: str, content: bytes | Iterable[bytes]) -> Iterator[Item]:
    if name.removesuffix(".gz").endswith(".ndjson"):
        lines = content.splitlines() if isinstance(content, bytes) else content
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield Item(f"{name}:{number}", line.strip())
    else:
        raw = content if isinstance(content, bytes) else b"".join(content)
        yield Item(name, gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw, xml=name.endswith(".xml"))


def _tar(path: Path) -> Iterator[Item]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isfile() and _wanted(path, member.name, member.size):
                file = archive.extractfile(member)
                if file is not None:
                    yield from _content(f"{path}/{member.name}", file.read())


def _zip(path: Path) -> Iterator[Item]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and _wanted(path, member.filename, member.file_size):
                yield from _content(f"{path}/{member.filename}", archive.read(member))


def _wanted(path: Path, name: str, size: int) -> bool:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name:
        raise SettingError(f"{path}: the member name {name!r} leads out of the archive")
    if size > LARGEST_MEMBER:
        raise SettingError(f"{path}: {name} is {size:,} bytes; the limit is {LARGEST_MEMBER:,}")
    return name.endswith(READABLE) and not pure.name.startswith(".")
