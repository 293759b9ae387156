"""The terminology that is at hand: R4's own code systems and value sets, and the CodeSystems and ValueSets that are stored.

http://hl7.org/fhir/R4/valueset.html#compositions

What is stored wins over what R4 defines. What is not known, not complete or not to be listed is an error that names it,
never a smaller set.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest
from fhir_server.search.query import EVERYTHING, Compare, Match, Op, SearchQuery, Uri
from fhir_server.search.settle import Codes, Reader
from fhir_server.terminology.concepts import Hierarchy, of_definition, of_resource

MAX_SYSTEMS = 100
"""Most stored code systems that a code without a system is looked for in."""
MAX_IMPORTS = 20
"""Value sets that import value sets that import …"""
MAX_KEPT = 50
"""Hierarchies of stored code systems that are kept in memory."""
HIERARCHICAL = ("is-a", "descendent-of", "is-not-a", "generalizes")


class PlainTerminology:
    """Answers from definitions and stored resources alone. `base` is this server's base URL."""

    def __init__(self, base: str = "") -> None:
        self.base = base
        self._kept: dict[tuple[Key, str], Hierarchy] = {}

    async def members(self, value_set: str, reader: Reader) -> Codes:
        """See Terminology."""
        return await self._members(value_set, reader, ())

    async def descendants(self, system: str, code: str, reader: Reader) -> Codes:
        """See Terminology."""
        found = await self._having(system, code, reader)
        return Codes(frozenset((h.system, each) for h, own in found for each in h.below(own)))

    async def ancestors(self, system: str, code: str, reader: Reader) -> Codes:
        """See Terminology."""
        found = await self._having(system, code, reader)
        return Codes(frozenset((h.system, each) for h, own in found for each in h.above(own)))

    # ---- value sets

    async def _members(self, value_set: str, reader: Reader, within: tuple[str, ...]) -> Codes:
        if value_set in within or len(within) > MAX_IMPORTS:
            raise BadRequest(f"the value set {value_set[:200]} imports itself, or others too deep", code="too-costly")
        resource = await self._value_set(value_set, reader)
        if resource is not None:
            return await self._composed(resource, value_set, reader, (*within, value_set))
        codes = definitions().value_set_codes(value_set)
        if codes is None:
            known = value_set.partition("|")[0] in definitions().value_sets
            reason = "cannot be listed here" if known else "is not known here"
            raise BadRequest(f"the value set {value_set[:200]} {reason}", code="not-found")
        return Codes(codes)

    async def _value_set(self, text: str, reader: Reader) -> Mapping[str, Any] | None:
        """The stored ValueSet: at its address here, or by its canonical."""
        target = references.parse(text, self.base)
        if target is not None and target.local:
            version = await reader.read(Key(target.type, target.id))
            if target.type != "ValueSet" or version is None or version.deleted:
                raise BadRequest(f"there is no value set at {text[:200]}", code="not-found")
            return version.resource
        found = await self._by_canonical("ValueSet", text, reader)
        return found.resource if found is not None else None

    async def _by_canonical(self, type_: str, text: str, reader: Reader) -> Version | None:
        """The newest stored resource with that canonical URL, and with the version where one is named."""
        url, _, version = text.partition("|")
        where = Match("url", ((Compare(Uri, "value", Op.EQ, url),),))
        page = await reader.search(SearchQuery({type_: where}, count=MAX_SYSTEMS))
        for hit in page.hits:
            if not version or hit.version.resource.get("version") == version:
                return hit.version
        return None

    async def _composed(self, resource: Mapping[str, Any], name: str, reader: Reader, within: tuple[str, ...]) -> Codes:
        compose = resource.get("compose")
        if compose is None:
            expansion = resource.get("expansion")
            if expansion is None:
                raise BadRequest(f"the value set {name[:200]} says nothing of its members", code="not-found")
            return Codes(frozenset(_contained(expansion.get("contains", ()))))
        found = Codes()
        for part in compose.get("include", ()):
            found = _union(found, await self._part(part, name, reader, within))
        for part in compose.get("exclude", ()):
            found = await self._without(found, await self._part(part, name, reader, within), reader)
        return found

    async def _part(self, part: Mapping[str, Any], name: str, reader: Reader, within: tuple[str, ...]) -> Codes:
        """One include or exclude: what its system and its value sets have in common."""
        sides = [await self._members(url, reader, within) for url in part.get("valueSet", ())]
        if "system" in part:
            sides.append(await self._of_system(part, name, reader))
        if not sides:
            raise BadRequest(f"the value set {name[:200]} includes neither a system nor a value set", code="invalid")
        found = sides[0]
        for side in sides[1:]:
            found = _common(found, side)
        return found

    async def _of_system(self, part: Mapping[str, Any], name: str, reader: Reader) -> Codes:
        system = part["system"]
        if "concept" in part:
            return Codes(frozenset((system, each["code"]) for each in part["concept"] if "code" in each))
        if not part.get("filter"):
            return Codes(systems=frozenset((system,)))
        hierarchy = await self._complete(system, reader)
        codes = set(hierarchy.parents)
        for given in part["filter"]:
            codes &= _filtered(hierarchy, given, name)
        return Codes(frozenset((system, code) for code in codes))

    async def _without(self, found: Codes, less: Codes, reader: Reader) -> Codes:
        pairs, systems = set(found.pairs), set(found.systems) - less.systems
        for system in sorted(systems & {system for system, _ in less.pairs}):
            hierarchy = await self._complete(system, reader)
            pairs |= {(system, code) for code in hierarchy.parents}
            systems.discard(system)
        return Codes(frozenset(p for p in pairs - less.pairs if p[0] not in less.systems), frozenset(systems))

    # ---- code systems

    async def _having(self, system: str, code: str, reader: Reader) -> Sequence[tuple[Hierarchy, str]]:
        """The hierarchies that have the code, and how they write it. Raises BadRequest where there is none."""
        if system:
            hierarchy = await self._complete(system, reader)
            own = hierarchy.known(code)
            if own is None:
                raise BadRequest(f"the code system {system[:200]} has no code {code[:64]!r}", code="not-found")
            return [(hierarchy, own)]
        every = [of_definition(each) for each in definitions().code_systems.values() if code in each.concepts]
        page = await reader.search(SearchQuery({"CodeSystem": EVERYTHING}, count=MAX_SYSTEMS))
        if page.next is not None:
            raise BadRequest(
                f"there are too many code systems to look for {code[:64]!r} in: name its system", code="too-costly"
            )
        stored = [self._hierarchy(hit.version) for hit in page.hits]
        names = {hierarchy.system for hierarchy in stored}
        every = stored + [hierarchy for hierarchy in every if hierarchy.system not in names]
        found = [(h, own) for h in every if (own := h.known(code)) is not None]
        if not found:
            raise BadRequest(f"no code system that is known here has the code {code[:64]!r}", code="not-found")
        for hierarchy, _ in found:
            _check_complete(hierarchy)
        return found

    async def _complete(self, system: str, reader: Reader) -> Hierarchy:
        """All concepts of a code system. Raises BadRequest where they are not known."""
        version = await self._by_canonical("CodeSystem", system, reader)
        if version is not None:
            hierarchy = self._hierarchy(version)
        else:
            own = definitions().code_system(system.partition("|")[0])
            if own is None:
                raise BadRequest(f"the code system {system[:200]} is not known here", code="not-found")
            hierarchy = of_definition(own)
        _check_complete(hierarchy)
        return hierarchy

    def _hierarchy(self, version: Version) -> Hierarchy:
        """Read once for each version, of those asked for last."""
        name = version.key, version.version_id
        found = self._kept.pop(name, None)
        if found is None:
            found = of_resource(version.resource)
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[name] = found
        return found


def _check_complete(hierarchy: Hierarchy) -> None:
    if not hierarchy.complete:
        raise BadRequest(
            f"of the code system {hierarchy.system[:200]} not all concepts are known here", code="not-found"
        )


def _contained(contains: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for each in contains:
        if "code" in each and not each.get("abstract", False):
            yield each.get("system", ""), each["code"]
        yield from _contained(each.get("contains", ()))


def _filtered(hierarchy: Hierarchy, given: Mapping[str, Any], name: str) -> set[str]:
    """The codes that one filter of an include lets through."""
    op, value = given.get("op"), str(given.get("value", ""))
    if given.get("property") in ("concept", "code") and op in HIERARCHICAL:
        below = hierarchy.below(value) & hierarchy.parents.keys()
        if op == "generalizes":
            return hierarchy.above(value) & hierarchy.parents.keys()
        if op == "is-not-a":
            return set(hierarchy.parents) - below
        return below - {value} if op == "descendent-of" else below
    if given.get("property") in ("concept", "code") and op in ("=", "in"):
        return {code.strip() for code in value.split(",")} & hierarchy.parents.keys()
    raise BadRequest(
        f"the value set {name[:200]} cannot be listed here: it filters by {given.get('property')} {op}",
        code="not-supported",
    )


def _union(one: Codes, other: Codes) -> Codes:
    return Codes(one.pairs | other.pairs, one.systems | other.systems)


def _common(one: Codes, other: Codes) -> Codes:
    pairs = (one.pairs & other.pairs) | {p for p in one.pairs if p[0] in other.systems}
    return Codes(frozenset(pairs | {p for p in other.pairs if p[0] in one.systems}), one.systems & other.systems)
