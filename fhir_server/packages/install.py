"""Installing and removing packages: their conformance resources are ordinary resources of the store.

http://hl7.org/fhir/R4/packages.html

They are written some hundred to a commit; each commit also holds the record of what is there. An installation that was
interrupted leaves nothing half-written, and the same command goes on where it stopped. Search parameters take effect with
the last commit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from fhir_server.context import Body, Context, Hooks, Prepared, Server, context
from fhir_server.definitions import definitions
from fhir_server.indexing import record as parameters
from fhir_server.interactions.write import prepare, remove, save
from fhir_server.model import Key
from fhir_server.outcome import FhirError, Invalid, NotFound
from fhir_server.packages import record
from fhir_server.packages.manifest import Package, logical_id
from fhir_server.packages.record import Installed
from fhir_server.search.admission import admitted
from fhir_server.search.query import UNRESTRICTED
from fhir_server.search.registry import Added, Registry

TOGETHER: Final = 100
"""Resources in one commit."""


async def install(
    server: Server, package: Package, advance: Callable[[int, int], None] = lambda _done, _all: None
) -> Installed:
    """The package's conformance resources are in the store, and its search parameters are being indexed.

    What is there already stays as it is. A resource that is not sound R4, and a search parameter that cannot be used, is
    left out and listed with the reason. `advance` hears of (resources written, of all).
    """
    ready, left_out = _prepared(package)
    about = package.manifest
    blank = Installed(about.name, about.version, about.title, about.canonical, dict(about.dependencies))
    done = 0
    for first in range(0, len(ready), TOGETHER):
        part = ready[first : first + TOGETHER]
        await _context(server).transact(lambda ctx, part=part: _write(ctx, blank, part))  # type: ignore[misc]
        done += len(part)
        advance(done, len(ready))
    whole = _described(blank, [p for _, p in ready], left_out)
    return await _context(server).transact(lambda ctx: _finish(ctx, whole, [p for _, p in ready]))


async def uninstall(server: Server, key: str) -> Installed:
    """What the package alone brought is deleted (its history stays), and its search parameters are no longer in force.

    Raises NotFound where it is not installed.
    """

    async def work(ctx: Context) -> Installed:
        state = _state(ctx)
        package, revision = await record.read(state, key)
        if package is None:
            raise NotFound(f"{key} is not installed")
        others = {k for one in await record.every(state) if one.key != key for k in one.resources}
        for text in package.resources:
            if text not in others:
                type_, _, id_ = text.partition("/")
                await remove(ctx, Key(type_, id_))
        await parameters.declare(state, _source(package), ())
        await state.delete(record.SPACE, key, expected=revision)
        return package

    return await _context(server).transact(work)


def _context(server: Server) -> Context:
    """A context without the hook that would let each SearchParameter take effect by itself: a package's do so together."""
    before = {type_: hooks for type_, hooks in server.hooks.before_write.items() if type_ != "SearchParameter"}
    quiet = replace(server, hooks=Hooks(before, server.hooks.after_commit))
    return context(quiet, UNRESTRICTED, "package")


def _prepared(package: Package) -> tuple[list[tuple[str, Prepared]], list[tuple[str, str]]]:
    ready: list[tuple[str, Prepared]] = []
    left_out: list[tuple[str, str]] = []
    for name, found in package.resources():
        try:
            if isinstance(found, Invalid):
                raise found
            id_ = logical_id(found.plain, package.manifest.version)
            type_ = str(found.plain["resourceType"])
            ready.append((name, prepare(type_, id_, Body({**found.tree, "id": id_}, {**found.plain, "id": id_}))))
        except FhirError as error:
            left_out.append((name, "; ".join(issue.text for issue in error.issues[:5])))
    return ready, left_out


async def _write(ctx: Context, blank: Installed, part: Sequence[tuple[str, Prepared]]) -> None:
    state = _state(ctx)
    known, revision = await record.read(state, blank.key)
    for _, prepared in part:
        await save(ctx, prepared, method="PUT")
    there = known.resources if known is not None else ()
    keys = tuple(dict.fromkeys((*there, *(str(prepared.key) for _, prepared in part))))
    await record.write(state, msgspec.structs.replace(blank, resources=keys), revision)


async def _finish(ctx: Context, whole: Installed, ready: Sequence[Prepared]) -> Installed:
    state = _state(ctx)
    known, revision = await record.read(state, whole.key)
    for gone in set(known.resources if known is not None else ()) - set(whole.resources):
        type_, _, id_ = gone.partition("/")
        await remove(ctx, Key(type_, id_))
    found, left_out = await _search_parameters(ctx, whole, ready)
    whole = msgspec.structs.replace(whole, left_out=(*whole.left_out, *left_out))
    await parameters.declare(state, _source(whole), found)
    await record.write(state, whole, revision)
    return whole


async def _search_parameters(
    ctx: Context, whole: Installed, ready: Sequence[Prepared]
) -> tuple[list[Any], list[tuple[str, str]]]:
    """Those that can take effect; the others with what stands in the way (most repeat one of R4's)."""
    there, _ = await parameters.read(_state(ctx))
    added = [one for one in there.added if one.source != _source(whole)]
    found, left_out = [], []
    for prepared in ready:
        tree = prepared.tree
        if tree["resourceType"] != "SearchParameter" or tree["status"] == "retired":
            continue
        if _is_there(tree):
            continue  # most guides repeat R4's own
        try:
            one = admitted(tree, Registry(tuple(added)))
        except FhirError as error:
            left_out.append(
                (f"{prepared.key} is stored but not searched by", "; ".join(i.text for i in error.issues[:3]))
            )
            continue
        if one is not None:
            found.append(one)
            added.append(Added(one, _source(whole), 0))
    return found, left_out


def _is_there(tree: Mapping[str, Any]) -> bool:
    """Each of its types has a parameter of R4 with this code and type: it is searched by already."""
    own = [definitions().search_parameters(t).get(tree["code"]) for t in tree["base"] if definitions().is_resource(t)]
    return bool(own) and all(one is not None and one.type == tree["type"] for one in own)


def _described(blank: Installed, ready: Sequence[Prepared], left_out: Sequence[tuple[str, str]]) -> Installed:
    """What the package is to the CapabilityStatement."""
    profiles: dict[str, list[str]] = {}
    statements = []
    for prepared in ready:
        tree = prepared.tree
        canonical = f"{tree['url']}|{tree['version']}" if "version" in tree else str(tree["url"])
        if (
            tree["resourceType"] == "StructureDefinition"
            and tree["kind"] == "resource"
            and tree.get("derivation") == "constraint"
        ):
            profiles.setdefault(str(tree["type"]), []).append(canonical)
        if tree["resourceType"] == "CapabilityStatement" and any(
            r.get("mode") == "server" for r in tree.get("rest", ())
        ):
            statements.append(canonical)
    return msgspec.structs.replace(
        blank,
        resources=tuple(str(prepared.key) for prepared in ready),
        profiles={type_: tuple(canonicals) for type_, canonicals in sorted(profiles.items())},
        statements=tuple(statements),
        left_out=tuple(left_out),
        complete=True,
    )


def _source(package: Installed) -> str:
    return f"package {package.key}"


def _state(ctx: Context) -> Any:
    assert ctx.transaction is not None
    return ctx.transaction.state
