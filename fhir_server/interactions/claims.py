"""What the CapabilityStatement claims beyond the server itself: profiles, implementation guides, what it instantiates.

http://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile

One record of the database's state, written in the transactions that change it: every process sees by its revision alone
whether what it has made of it still stands.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from fhir_server.context import Context
from fhir_server.interactions.write import writable
from fhir_server.model import Change, Version
from fhir_server.storage.base import StateStore

SPACE: Final = "conformance"
NAME: Final = "claims"


class Parameter(msgspec.Struct, frozen=True):
    """OperationDefinition.parameter of a query; `max` may be *."""

    name: str
    min: int
    max: str


class Stored(msgspec.Struct, frozen=True):
    """A named query that an OperationDefinition adds: see interactions.stored_query. `resource` (): of every type, ("",) of none;
    `system`: of the system too.
    """

    code: str
    definition: str
    resource: tuple[str, ...]
    system: bool
    parameters: tuple[Parameter, ...]
    criteria: str

    def of(self, type_: str) -> bool:
        """Whether searches of this type ("": of the system) can ask it."""
        return self.system if not type_ else not self.resource or type_ in self.resource


class Claims(msgspec.Struct, frozen=True):
    """`profiles`: key of the StructureDefinition → (resource type, canonical|version). `guides` and `statements`: package →
    canonicals. `queries`: key of the OperationDefinition → the named query that it adds.
    """

    profiles: dict[str, tuple[str, str]] = {}
    guides: dict[str, tuple[str, ...]] = {}
    statements: dict[str, tuple[str, ...]] = {}
    queries: dict[str, Stored] = {}

    def supported(self, type_: str) -> list[str]:
        """The canonicals of the profiles on a resource type, in order."""
        return sorted({canonical for of, canonical in self.profiles.values() if of == type_})

    @property
    def implementation_guides(self) -> list[str]:
        return sorted({canonical for each in self.guides.values() for canonical in each})

    @property
    def instantiates(self) -> list[str]:
        return sorted({canonical for each in self.statements.values() for canonical in each})


async def revision(state: StateStore) -> int:
    """The number of what is claimed now."""
    return await state.revision(SPACE, NAME)


async def read(state: StateStore) -> tuple[Claims, int]:
    found = await state.read(SPACE, NAME)
    return (Claims(), 0) if found is None else (msgspec.msgpack.decode(found.value, type=Claims), found.revision)


async def declare(state: StateStore, changes: Iterable[Change]) -> None:
    """The profiles among these changes are claimed, or no longer. `state` is a transaction's."""
    profiles = {str(c.after.key): _profile(c.after) for c in changes if c.after.key.type == "StructureDefinition"}
    if not profiles:
        return
    known, number = await read(state)
    now = known.profiles | {key: found for key, found in profiles.items() if found is not None}
    now = {key: found for key, found in now.items() if profiles.get(key, found) is not None}
    await _write(state, msgspec.structs.replace(known, profiles=now), known, number)


async def guided(state: StateStore, package: str, guides: tuple[str, ...], statements: tuple[str, ...]) -> None:
    """A package's guides and statements are claimed; () where it goes. `state` is a transaction's."""
    known, number = await read(state)
    changed = msgspec.structs.replace(
        known,
        guides={key: each for key, each in (known.guides | {package: guides}).items() if each},
        statements={key: each for key, each in (known.statements | {package: statements}).items() if each},
    )
    await _write(state, changed, known, number)


async def asked(state: StateStore, key: str, query: Stored | None) -> None:
    """The OperationDefinition adds this named query (None: no longer one). `state` is a transaction's."""
    known, number = await read(state)
    queries = {name: each for name, each in known.queries.items() if name != key}
    await _write(
        state,
        msgspec.structs.replace(known, queries=queries if query is None else {**queries, key: query}),
        known,
        number,
    )


async def declared(ctx: Context, change: Change) -> Version | None:
    """A BeforeWrite hook of StructureDefinition."""
    await declare(writable(ctx).state, [change])
    return None


def canonical(resource: Mapping[str, Any]) -> str:
    """url|version of a resource, or its url alone."""
    return f"{resource['url']}|{resource['version']}" if "version" in resource else str(resource["url"])


def _profile(version: Version) -> tuple[str, str] | None:
    """(type, canonical) of a profile on a resource; None for any other definition, a retired or a deleted one."""
    if version.deleted:
        return None
    tree = version.resource
    if tree["kind"] != "resource" or tree.get("derivation") != "constraint" or tree["status"] == "retired":
        return None
    return str(tree["type"]), canonical(tree)


async def _write(state: StateStore, changed: Claims, known: Claims, number: int) -> None:
    if changed != known:
        await state.write(SPACE, NAME, msgspec.msgpack.encode(changed), expected=number or None)
