"""The search parameters of all installed packages together: of each canonical the newest version that can be used.

http://hl7.org/fhir/R4/searchparameter.html

They are one source of the search registry, so that what stays the same when a package comes, goes or gets newer is not
indexed again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from fhir_server.context import Context
from fhir_server.definitions import definitions
from fhir_server.definitions.canonicals import newest
from fhir_server.indexing import record as indexing
from fhir_server.outcome import FhirError
from fhir_server.packages import record
from fhir_server.packages.record import Installed
from fhir_server.packages.writing import key, state
from fhir_server.search.admission import admitted
from fhir_server.search.registry import Added, Registry

SOURCE: Final = "packages"

Found = tuple[Installed, str, Mapping[str, Any]]
"""A SearchParameter: whose, its key, the resource."""


async def take_effect(ctx: Context) -> None:
    """From this transaction's commit on, what complete packages bring is searched by; each package's record says what is
    not, and why.
    """
    there, _ = await indexing.read(state(ctx))
    others = [one for one in there.added if one.source != SOURCE]
    mine = {one.definition.url for one in there.added if one.source == SOURCE}
    packages = await record.every(state(ctx))
    versions = await _versions(ctx, [one for one in packages if one.complete and not one.going])
    chosen: list[Added] = []
    unused: dict[str, list[tuple[str, str]]] = defaultdict(list)
    # those in force stay in force; composites come behind what they are made of
    for url in sorted(versions, key=lambda url: (_composite(versions[url]), url not in mine, url)):
        added, notes = _choose(versions[url], Registry((*others, *chosen)))
        if added is not None:
            chosen.append(added)
        for whose, note in notes:
            unused[whose].append(note)
    await indexing.declare(state(ctx), SOURCE, [one.definition for one in chosen])
    for package in packages:
        said = tuple(unused[package.key])
        if said != package.unused:
            _, revision = await record.read(state(ctx), package.key)
            await record.write(state(ctx), msgspec.structs.replace(package, unused=said), revision)


async def _versions(ctx: Context, packages: Iterable[Installed]) -> dict[str, list[Found]]:
    """The packages' search parameters by canonical, without those that R4 has already (most guides repeat them)."""
    found: dict[str, list[Found]] = defaultdict(list)
    for package in packages:
        for text in package.resources:
            if text.startswith("SearchParameter/"):
                version = await ctx.reader.read(key(text))
                if version is not None and not version.deleted and not _passed_over(version.resource):
                    found[version.resource["url"]].append((package, text, version.resource))
    return found


def _passed_over(tree: Mapping[str, Any]) -> bool:
    """It is retired, or each of its types has a parameter of R4 with this code and type: it is searched by already."""
    own = [definitions().search_parameters(t).get(tree["code"]) for t in tree["base"] if definitions().is_resource(t)]
    is_there = bool(own) and all(one is not None and one.type == tree["type"] for one in own)
    return is_there or tree["status"] == "retired"


def _composite(found: Sequence[Found]) -> bool:
    return any(tree["type"] == "composite" for _, _, tree in found)


def _choose(found: Sequence[Found], others: Registry) -> tuple[Added | None, list[tuple[str, tuple[str, str]]]]:
    """The newest of one canonical's versions that can be used; why each other one is not, by package."""
    added: Added | None = None
    notes = []
    left = list(found)
    used = ""
    while left:
        versions = [str(tree.get("version", "")) for _, _, tree in left]
        package, text, tree = left.pop(versions.index(newest(versions) or ""))
        if added is not None:
            if text != used:
                why = f"{added.definition.url} is searched by as {used} defines it, the newest version"
                notes.append((package.key, (text, why)))
            continue
        try:
            parameter = admitted(tree, others)
        except FhirError as error:
            notes.append((package.key, (text, "; ".join(issue.text for issue in error.issues[:3]))))
            continue
        if parameter is None:
            break
        added, used = Added(parameter, SOURCE, 0), text
    return added, notes
