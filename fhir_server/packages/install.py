"""Installing and removing packages: their conformance resources are ordinary resources of the store.

http://hl7.org/fhir/R4/packages.html

They are written some dozens to a commit; each commit also holds the record of what is there. What was interrupted leaves
nothing half-written, and the same command goes on where it stopped. Resources are read and checked in a thread, so that
requests are answered meanwhile. Search parameters take effect with the last commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from fhir_server.context import Body, Context, Prepared, Server
from fhir_server.interactions import claims
from fhir_server.interactions.write import prepare, remove, save
from fhir_server.outcome import Conflict, FhirError, NotFound
from fhir_server.packages import parameters, record
from fhir_server.packages.manifest import Package, logical_id
from fhir_server.packages.record import Installed
from fhir_server.packages.writing import key as to_key
from fhir_server.packages.writing import quiet, state, transact

TOGETHER: Final = 50
"""Resources in one commit, at most."""

BYTES_TOGETHER: Final = 2**20
"""What their files hold together, unless it is one alone: the writer is held for some dozen milliseconds."""

Advance = Callable[[int, int], Awaitable[None]]


async def _silent(_done: int, _all: int) -> None:
    return None


@dataclass(slots=True)
class _Gathered:
    """What has been found in the package so far."""

    keys: dict[str, None] = field(default_factory=dict)
    guides: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


async def install(server: Server, package: Package, advance: Advance = _silent) -> Installed:
    """The package's conformance resources are in the store, and its search parameters are being indexed.

    What is there already stays as it is. A resource that is not sound R4 is left out and listed with the reason, a search
    parameter that cannot be used is stored and listed. `advance` hears of (files done, of all) after each commit. Raises
    Conflict where the package is removed meanwhile.
    """
    ctx, about = quiet(server), package.manifest
    blank = Installed(about.name, about.version, about.title, about.canonical, dict(about.dependencies))
    await transact(ctx, lambda inside: _begin(inside, blank))
    gathered = _Gathered()
    names, done = package.names(), 0
    for part in _parts(package, names):
        ready = await asyncio.to_thread(_prepared, package, part, gathered)
        if ready:
            await transact(ctx, lambda inside, ready=ready: _write(inside, blank.key, ready))  # type: ignore[misc]
        done += len(part)
        await advance(done, len(names))
    whole = msgspec.structs.replace(
        blank,
        resources=tuple(gathered.keys),
        guides=tuple(gathered.guides),
        statements=tuple(gathered.statements),
        left_out=tuple(gathered.left_out),
        complete=True,
    )
    return await transact(ctx, lambda inside: _finish(inside, whole))


async def uninstall(server: Server, key: str) -> Installed:
    """What the package alone brought is deleted (its history stays), and its search parameters are no longer in force.

    Returns what was there. Raises NotFound where it is not installed, Conflict where it is installed anew meanwhile.
    """
    ctx = quiet(server)
    package = await transact(ctx, lambda inside: _withdraw(inside, key))
    for first in range(0, len(package.resources), TOGETHER):
        part = package.resources[first : first + TOGETHER]
        await transact(ctx, lambda inside, part=part: _remove(inside, package, part))  # type: ignore[misc]
    await transact(ctx, lambda inside: _forget(inside, key))
    return package


def _parts(package: Package, names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The files for one commit each."""
    part: list[str] = []
    size = 0
    for name in names:
        if part and (len(part) == TOGETHER or size + len(package.files[name]) > BYTES_TOGETHER):
            yield part
            part, size = [], 0
        part.append(name)
        size += len(package.files[name])
    if part:
        yield part


def _prepared(package: Package, names: Sequence[str], gathered: _Gathered) -> list[Prepared]:
    ready = []
    for name in names:
        try:
            found = package.resource(name)
            if found is not None:
                ready.append(_write_of(found, package.manifest.version))
        except FhirError as error:
            gathered.left_out.append((name, "; ".join(issue.text for issue in error.issues[:5])))
    for prepared in ready:
        tree = prepared.tree
        gathered.keys[str(prepared.key)] = None
        if tree["resourceType"] == "ImplementationGuide":
            gathered.guides.append(claims.canonical(tree))
        if tree["resourceType"] == "CapabilityStatement" and any(
            rest.get("mode") == "server" for rest in tree.get("rest", ())
        ):
            gathered.statements.append(claims.canonical(tree))
    return ready


def _write_of(found: Body, version: str) -> Prepared:
    id_ = logical_id(found.plain, version)
    type_ = str(found.plain["resourceType"])
    return prepare(type_, id_, Body({**found.tree, "id": id_}, {**found.plain, "id": id_}))


async def _begin(ctx: Context, blank: Installed) -> None:
    known, revision = await record.read(state(ctx), blank.key)
    if known is None:
        await record.write(state(ctx), blank, 0)
    elif known.going:
        await record.write(state(ctx), msgspec.structs.replace(known, going=False), revision)


async def _write(ctx: Context, key: str, ready: Sequence[Prepared]) -> None:
    known, revision = await _still(ctx, key, going=False)
    for prepared in ready:
        await save(ctx, prepared, method="PUT")
    keys = tuple(dict.fromkeys((*known.resources, *(str(prepared.key) for prepared in ready))))
    if keys != known.resources:
        await record.write(state(ctx), msgspec.structs.replace(known, resources=keys), revision)


async def _finish(ctx: Context, whole: Installed) -> Installed:
    known, revision = await _still(ctx, whole.key, going=False)
    for gone in await record.alone(state(ctx), whole, set(known.resources) - set(whole.resources)):
        await remove(ctx, to_key(gone))
    await record.write(state(ctx), whole, revision)
    await parameters.take_effect(ctx)
    await claims.guided(state(ctx), whole.key, whole.guides, whole.statements)
    found, _ = await record.read(state(ctx), whole.key)
    return found or whole


async def _withdraw(ctx: Context, key: str) -> Installed:
    """Nothing is searched by its parameters any more, and nothing is claimed for it."""
    known, revision = await record.read(state(ctx), key)
    if known is None:
        raise NotFound(f"{key} is not installed")
    going = msgspec.structs.replace(known, complete=False, going=True)
    if going != known:
        await record.write(state(ctx), going, revision)
    await parameters.take_effect(ctx)
    await claims.guided(state(ctx), key, (), ())
    return going


async def _remove(ctx: Context, package: Installed, part: Sequence[str]) -> None:
    known, revision = await _still(ctx, package.key, going=True)
    for text in await record.alone(state(ctx), package, part):
        await remove(ctx, to_key(text))
    left = tuple(text for text in known.resources if text not in frozenset(part))
    await record.write(state(ctx), msgspec.structs.replace(known, resources=left), revision)


async def _forget(ctx: Context, key: str) -> None:
    _, revision = await _still(ctx, key, going=True)
    await state(ctx).delete(record.SPACE, key, expected=revision)


async def _still(ctx: Context, key: str, *, going: bool) -> tuple[Installed, int]:
    """The record, where nobody has begun the contrary meanwhile."""
    known, revision = await record.read(state(ctx), key)
    if known is None or known.going != going:
        raise Conflict(f"{key} is {'installed anew' if going else 'removed'} by somebody else at the moment")
    return known, revision
