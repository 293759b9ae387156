"""What is known of the releases of code systems in a store: one small record for each, by the id of its CodeSystem.

http://hl7.org/fhir/R4/codesystem.html

The concepts of a release are in the store's table and not in its CodeSystem, so a write of that leaves them as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fhir_server.storage.base import StateConflict, StateStore

SPACE: Final = "releases"
WORK: Final = "work"
SWEEP: Final = "sweep-concepts"


class Released(msgspec.Struct, frozen=True):
    """A release: `digest` of the files that it was read from, "" where it has not been published yet. `draft` is the name of one
    that is being put down, "" where there is none.
    """

    id: str
    url: str
    version: str
    title: str = ""
    format: str = ""
    concepts: int = 0
    digest: str = ""
    draft: str = ""

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url

    def goes_on_in(self, resource: Mapping[str, Any]) -> bool:
        """Whether a CodeSystem that is written still stands for the release."""
        same = resource.get("url") == self.url and resource.get("version", "") == self.version
        return bool(self.digest) and same and resource.get("content") == "not-present" and not resource.get("concept")


async def read(state: StateStore, id_: str) -> tuple[Released | None, int]:
    """The record and its revision; (None, 0) where there is none."""
    found = await state.read(SPACE, id_)
    return (None, 0) if found is None else (msgspec.msgpack.decode(found.value, type=Released), found.revision)


async def every(state: StateStore) -> list[Released]:
    """All releases, by url and version."""
    found = [(await read(state, id_))[0] for id_ in await state.names(SPACE)]
    return sorted((one for one in found if one is not None), key=lambda one: one.canonical)


async def write(state: StateStore, released: Released, revision: int) -> int:
    """The record takes the place of that revision (0: there is none yet). Raises StateConflict."""
    return await state.write(SPACE, released.id, msgspec.msgpack.encode(released), expected=revision or None)


async def delete(state: StateStore, id_: str, revision: int) -> None:
    await state.delete(SPACE, id_, expected=revision)


async def ask_to_sweep(state: StateStore) -> None:
    """Somebody is to free the space of concepts that are not seen any more."""
    try:
        await state.write(WORK, SWEEP, b"")
    except StateConflict:
        return  # it is asked for already
