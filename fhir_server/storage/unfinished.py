"""The mark of a store that another one is being copied into: until the copy is whole and verified, no server starts on it."""

from typing import Final

import msgspec

from fhir_server.storage.base import SchemaError, StateStore

SPACE: Final = "copy"
NAME: Final = "unfinished"


class Unfinished(msgspec.Struct, frozen=True):
    """A copy under way: of which source (a hash), up to which place of its walk over all versions, how many these were."""

    source: str
    place: str = ""
    versions: int = 0


async def read(state: StateStore) -> tuple[Unfinished | None, int | None]:
    """The mark and its revision; nothing where no copy is under way."""
    found = await state.read(SPACE, NAME)
    return (None, None) if found is None else (msgspec.json.decode(found.value, type=Unfinished), found.revision)


async def write(state: StateStore, mark: Unfinished, revision: int | None) -> int:
    """The mark takes the place of that revision; its own. Raises StateConflict."""
    return await state.write(SPACE, NAME, msgspec.json.encode(mark), expected=revision)


async def refuse(state: StateStore) -> None:
    """Raises SchemaError where the store is an unfinished copy."""
    mark, _ = await read(state)
    if mark is not None:
        raise SchemaError(
            f"the store is an unfinished copy ({mark.versions:,} versions so far): run the same `fhir-server copy` to its end"
        )
