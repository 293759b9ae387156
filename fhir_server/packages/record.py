"""What is known of the packages of a store: one small record for each, in its state.

http://hl7.org/fhir/R4/packages.html
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from fhir_server.storage.base import StateStore

SPACE: Final = "packages"
CORE: Final = "hl7.fhir.r4.core"


class Installed(msgspec.Struct, frozen=True):
    """A package: `resources` are the keys ("StructureDefinition/x") of what it brought so far, `left_out` what was not taken
    of it, with the reason. `complete` False: the installation was interrupted, or goes on at the moment; so was the
    removal where it is `going`.
    """

    name: str
    version: str
    title: str = ""
    canonical: str = ""
    dependencies: dict[str, str] = {}
    resources: tuple[str, ...] = ()
    guides: tuple[str, ...] = ()
    """Canonicals of its ImplementationGuide resources."""
    statements: tuple[str, ...] = ()
    """Canonicals of what a server can instantiate (CapabilityStatement)."""
    left_out: tuple[tuple[str, str], ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    """Search parameters of it that are stored and not searched by, with the reason; others come and go beside them."""
    complete: bool = False
    going: bool = False

    @property
    def key(self) -> str:
        return f"{self.name}|{self.version}"

    @property
    def status(self) -> str:
        """One of installed, incomplete, going: for people and clients."""
        return "going" if self.going else "installed" if self.complete else "incomplete"


async def read(state: StateStore, key: str) -> tuple[Installed | None, int]:
    """The record of a package and its revision; (None, 0) where it is not here."""
    found = await state.read(SPACE, key)
    return (None, 0) if found is None else (msgspec.msgpack.decode(found.value, type=Installed), found.revision)


async def every(state: StateStore) -> list[Installed]:
    """All packages, by name and version."""
    found = [await read(state, key) for key in sorted(await state.names(SPACE))]
    return [package for package, _ in found if package is not None]


async def write(state: StateStore, package: Installed, revision: int) -> int:
    """The record takes the place of that revision (0: there is none yet). Raises StateConflict."""
    return await state.write(SPACE, package.key, msgspec.msgpack.encode(package), expected=revision or None)


async def alone(state: StateStore, package: Installed, keys: Iterable[str]) -> list[str]:
    """Those of the keys that no other package has brought, too."""
    others = {key for one in await every(state) if one.key != package.key for key in one.resources}
    return [key for key in keys if key not in others]


def missing(package: Installed, there: list[Installed]) -> list[str]:
    """The dependencies (`name|version`) that are not installed; R4 itself always is. A version may end in `.x`."""
    have = [(one.name, one.version) for one in there if one.complete]
    return [
        f"{name}|{version}"
        for name, version in package.dependencies.items()
        if name != CORE and not any(n == name and _fits(v, version) for n, v in have)
    ]


def _fits(version: str, wanted: str) -> bool:
    return version == wanted or (wanted.endswith(".x") and version.startswith(wanted[:-1])) or wanted == "latest"
