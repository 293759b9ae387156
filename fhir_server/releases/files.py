"""The files of a release as its publisher delivers them: archives read without unpacking, folders, single files.

http://hl7.org/fhir/R4/terminologies-systems.html
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

import re2  # type: ignore[import-untyped]

from fhir_server.outcome import Invalid

MOST_ENTRIES: Final = 20_000
MOST_BYTES: Final = 64 * 2**30
"""Of all entries of an archive, unpacked."""
MOST_RATIO: Final = 200
SMALL: Final = 2**20
"""What is unpacked to less is never too much."""
MOST_LINE: Final = 2**20
CHUNK: Final = 2**20

Told = Callable[[int], None]
"""Hears of bytes that have been read."""


class Entry:
    """A file, by itself or within an archive: `name` is its path there, `place` what a person finds it by."""

    def __init__(self, container: Path, name: str, size: int, *, packed: bool) -> None:
        self.container, self.name, self.size, self.packed = container, name, size, packed

    @property
    def place(self) -> str:
        return f"{self.container}/{self.name}" if self.packed else str(self.container)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Raises Invalid for what cannot be read to its end."""
        try:
            if self.packed:
                with zipfile.ZipFile(self.container) as archive, archive.open(self.name) as file:
                    yield file
            else:
                with self.container.open("rb") as file:
                    yield file
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Invalid(f"{self.place} cannot be read: {error}") from error

    def lines(self, told: Told) -> Iterator[tuple[int, str]]:
        """(number from 1, text with its line end). Raises Invalid, with file and line, for what is not UTF-8 or too long."""
        with self.open() as file:
            number = 0
            while raw := file.readline(MOST_LINE + 1):
                number += 1
                if len(raw) > MOST_LINE:
                    raise self.wrong(number, f"the line is longer than {MOST_LINE:,} bytes")
                told(len(raw))
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise self.wrong(number, f"byte {error.start + 1} of the line is not UTF-8") from error
                yield number, text

    def wrong(self, line: int, text: str) -> Invalid:
        """What is wrong with a line, as an error that names it."""
        return Invalid(f"{self.place}:{line}: {text}", code="invalid")


class Files:
    """All files below some paths, in the order of the paths and of their names within."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises Invalid for what is not there, and for archives with unsafe names or that unpack to too much."""
        self.paths = paths
        self.entries = [entry for path in paths for entry in _entries(path)]
        self._digest = ""

    def find(self, pattern: str) -> list[Entry]:
        """Those whose name, without folders, matches the regular expression in whichever case."""
        wanted = re2.compile(f"(?i){pattern}")
        return [entry for entry in self.entries if wanted.fullmatch(PurePosixPath(entry.name).name)]

    def digest(self, *more: str) -> str:
        """What tells these files, and some texts, from others."""
        found = hashlib.sha256()
        for path in self.paths:
            for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
                found.update(f"\0{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
                with file.open("rb") as opened:
                    while chunk := opened.read(CHUNK):
                        found.update(chunk)
        found.update("\0".join(more).encode())
        return found.hexdigest()[:32]


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir():
        for file in sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink()):
            yield Entry(file, str(file.relative_to(path)), file.stat().st_size, packed=False)
    elif not path.is_file():
        raise Invalid(f"{path} does not exist", code="not-found")
    elif zipfile.is_zipfile(path):
        yield from _packed(path)
    else:
        yield Entry(path, path.name, path.stat().st_size, packed=False)


def _packed(path: Path) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    if len(infos) > MOST_ENTRIES:
        raise Invalid(f"{path} has {len(infos):,} entries: the limit is {MOST_ENTRIES:,}", code="too-long")
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise Invalid(f"{path} unpacks to more than {MOST_BYTES:,} bytes", code="too-long")
    names = set()
    for info in infos:
        pure = PurePosixPath(info.filename)
        if pure.is_absolute() or ".." in pure.parts or "\\" in info.filename or "\0" in info.orig_filename:
            raise Invalid(f"{path}: the name {info.filename!r} leads out of the archive")
        if info.file_size > max(SMALL, MOST_RATIO * info.compress_size):
            raise Invalid(f"{path}/{info.filename} unpacks to more than {MOST_RATIO} times its size", code="too-long")
        if info.flag_bits & 1:
            raise Invalid(f"{path}/{info.filename} is encrypted: unpack it with its password first")
        if info.filename in names:
            raise Invalid(f"{path} has the entry {info.filename!r} twice")
        names.add(info.filename)
        if not info.is_dir():
            yield Entry(path, info.filename, info.file_size, packed=True)
