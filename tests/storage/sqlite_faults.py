"""File systems that fail on purpose: counted syncs, a power cut that forgets unsynced writes, a full or broken disk.

https://rogerbinns.github.io/apsw/vfs.html
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw


class Disk(apsw.VFS):
    """The default file system with a record of what reached the disk, and faults to order.

    `fault` is asked before each write ("write") and sync ("sync") of a file and may raise.
    """

    def __init__(self, name: str) -> None:
        self.lock = threading.Lock()
        self.synced: dict[Path, bytes] = {}
        self.unsynced: dict[Path, list[tuple[int, bytes | None]]] = {}
        self.syncs: list[Path] = []
        self.fault: Callable[[str, Path], None] = lambda kind, path: None
        super().__init__(name, "")
        self.name = name

    def xOpen(self, name: Any, flags: list[int]) -> "File":  # noqa: N802 - SQLite's name
        return File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        with self.lock:
            super().xDelete(filename, syncdir)
            self.synced.pop(Path(filename), None)
            self.unsynced.pop(Path(filename), None)

    def power_cut(self, folder: Path, dice: random.Random) -> None:
        """Fills `folder` with what a disk may hold after a power cut now: all synced writes, and any of the others."""
        folder.mkdir()
        with self.lock:
            for path, content in self.synced.items():
                image = bytearray(content)
                for offset, data in self.unsynced.get(path, []):
                    if dice.random() < 0.5:
                        _apply(image, offset, data)
                (folder / path.name).write_bytes(bytes(image))


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.path = Path(path) if path else None
        if self.path is not None and self.path.exists():
            with disk.lock:
                disk.synced.setdefault(self.path, self.path.read_bytes())

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self.path is not None:
            self.disk.fault("write", self.path)
        with self.disk.lock:
            super().xWrite(data, offset)
            if self.path is not None:
                self.disk.unsynced.setdefault(self.path, []).append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self.disk.lock:
            super().xTruncate(newsize)
            if self.path is not None:
                self.disk.unsynced.setdefault(self.path, []).append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.path is not None:
            self.disk.fault("sync", self.path)
        with self.disk.lock:
            super().xSync(flags)
            if self.path is not None:
                image = bytearray(self.disk.synced.get(self.path, b""))
                for offset, data in self.disk.unsynced.pop(self.path, []):
                    _apply(image, offset, data)
                self.disk.synced[self.path] = bytes(image)
                self.disk.syncs.append(self.path)


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


@contextmanager
def disk(name: str) -> Iterator[Disk]:
    """A Disk, registered for as long as it is needed."""
    made = Disk(name)
    try:
        yield made
    finally:
        made.unregister()
