"""Concept maps: what a code of one code system is in another.

http://hl7.org/fhir/R4/conceptmap.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_server.outcome import BadRequest
from fhir_server.search.query import And, Compare, Node, Op, SearchQuery, Token, Uri
from fhir_server.search.query import Match as Where
from fhir_server.search.types.token import folded
from fhir_server.terminology.judgement import Coding
from fhir_server.terminology.sources import Sources, shown

Json = Mapping[str, Any]
Pairs = tuple[tuple[str, str], ...]

NO_MATCH: Final = frozenset({"unmatched", "disjoint"})
"""Equivalences that say that there is no translation."""
_INVERSE: Final = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
MOST_MAPS: Final = 100
MOST_MAPS_AFTER_ANOTHER: Final = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Canonicals of the value sets that are mapped from and to, the code system that is mapped to; `reverse`: backwards."""

    source: str | None = None
    target: str | None = None
    system: str | None = None
    reverse: bool = False
    dependencies: Mapping[str, frozenset[tuple[str | None, str]]] = field(default_factory=dict)
    """What else is known: element (uri) → (system, code) of its codings."""


@dataclass(frozen=True, slots=True)
class Match:
    """A translation: `concept` and those of `product` are Codings as pairs, `source` is the map's canonical."""

    equivalence: str
    concept: Pairs
    source: str | None
    product: tuple[tuple[str, Pairs], ...] = ()


async def suitable(sources: Sources, coding: Coding, wanted: Wanted) -> list[Json]:
    """The stored maps that may have a translation: that name the code, or have rules for those that they do not name.

    Raises BadRequest where there are too many to ask them all.
    """
    side, other = ("target", "source") if wanted.reverse else ("source", "target")
    where: list[Node] = [_uri(f"{side}-system", coding.system or "")]
    if wanted.system:
        where.append(_uri(f"{other}-system", wanted.system))
    code = Where(f"{side}-code", ((Compare(Token, "code", Op.EQ, folded("", coding.code)),),))
    for tree in ([*where, code], where):
        page = await sources.reader.search(SearchQuery({"ConceptMap": And(tuple(tree))}, count=MOST_MAPS))
        if page.next is not None:
            raise BadRequest(
                f"more than {MOST_MAPS} concept maps have {coding}: name one by its url", code="too-costly"
            )
        found = [hit.version.resource for hit in page.hits if _between(hit.version.resource, wanted)]
        if found:
            return found
    return []


def _uri(name: str, value: str) -> Node:
    return Where(name, ((Compare(Uri, "value", Op.EQ, value),),))


def _between(resource: Json, wanted: Wanted) -> bool:
    ends = ("source", wanted.source), ("target", wanted.target)
    return all(
        asked is None or asked in (resource.get(f"{side}Canonical"), resource.get(f"{side}Uri")) for side, asked in ends
    )


async def translated(
    sources: Sources, resource: Json, coding: Coding, wanted: Wanted, within: tuple[str, ...] = ()
) -> list[Match]:
    """What one map says of the code. Raises BadRequest for maps that refer to each other in a circle, or to unknown ones."""
    if not _between(resource, wanted):
        return []
    url = resource.get("url")
    found: list[Match] = []
    for group in resource.get("group", ()):
        here, there = ("target", "source") if wanted.reverse else ("source", "target")
        if group.get(here) not in (None, coding.system) or wanted.system not in (None, group.get(there)):
            continue
        version = group.get(f"{here}Version")
        if coding.version and version and coding.version != version:
            continue
        direct = list(_backwards(group, coding, url) if wanted.reverse else _forwards(group, coding, url, wanted))
        if not direct and not wanted.reverse and "unmapped" in group:
            direct = await _unmapped(sources, group, coding, wanted, (*within, url or ""))
        found += direct
    return found


def _forwards(group: Json, coding: Coding, url: str | None, wanted: Wanted) -> Iterator[Match]:
    for element in group.get("element", ()):
        if element.get("code") != coding.code:
            continue
        for target in element.get("target", ()):
            if not all(_holds(each, wanted) for each in target.get("dependsOn", ())):
                continue
            concept = _coding(group.get("target"), group.get("targetVersion"), target) if "code" in target else ()
            product = tuple(
                (p["property"], _coding(p.get("system"), None, {"code": p["value"], "display": p.get("display")}))
                for p in target.get("product", ())
            )
            yield Match(target.get("equivalence", "relatedto"), concept, url, product)


def _holds(dependency: Json, wanted: Wanted) -> bool:
    """Whether what a mapping depends on is known, with the value that it asks for."""
    system, value = dependency.get("system"), dependency.get("value")
    known = wanted.dependencies.get(str(dependency.get("property", "")), frozenset())
    return any(code == value and (system is None or own in (None, system)) for own, code in known)


def _backwards(group: Json, coding: Coding, url: str | None) -> Iterator[Match]:
    for element in group.get("element", ()):
        for target in element.get("target", ()):
            if target.get("code") == coding.code and "code" in element:
                equivalence = target.get("equivalence", "relatedto")
                concept = _coding(group.get("source"), group.get("sourceVersion"), element)
                yield Match(_INVERSE.get(equivalence, equivalence), concept, url)


async def _unmapped(
    sources: Sources, group: Json, coding: Coding, wanted: Wanted, within: tuple[str, ...]
) -> list[Match]:
    rule = group["unmapped"]
    match rule.get("mode"):
        case "provided":
            concept = _coding(group.get("target"), None, {"code": coding.code, "display": coding.display})
            return [Match("equal", concept, within[-1] or None)]
        case "fixed" if "code" in rule:
            return [Match("inexact", _coding(group.get("target"), None, rule), within[-1] or None)]
        case "other-map":
            other = str(rule.get("url", ""))
            if other in within or len(within) > MOST_MAPS_AFTER_ANOTHER:
                raise BadRequest(f"the concept map {shown(other)} refers to itself, or to others too deep", code="too-costly")  # fmt: skip
            found = await sources.stored("ConceptMap", other)
            if found is None:
                raise BadRequest(f"the concept map {shown(other)} is not known here", code="not-found")
            return await translated(sources, found.resource, coding, wanted, within)
    return []


def _coding(system: str | None, version: str | None, given: Json) -> Pairs:
    found = {"system": system, "version": version, "code": given.get("code"), "display": given.get("display")}
    return tuple((name, str(value)) for name, value in found.items() if value is not None)
