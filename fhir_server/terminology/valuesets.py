"""Value sets understood: for each code system the condition under which its concepts are members.

http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from fhir_server.concepts import (
    EVERY,
    NONE,
    Above,
    AllOf,
    AnyOf,
    Below,
    Condition,
    Designation,
    Every,
    Flagged,
    Listed,
    Matching,
    Not,
    Under,
    Valued,
    all_of,
    any_of,
    none_of,
)
from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.terminology import remembered
from fhir_server.terminology.codesystems import designations
from fhir_server.terminology.regex import compiled
from fhir_server.terminology.sources import Sources, shown

Json = Mapping[str, Any]

SNOMED: Final = "http://snomed.info/sct"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
MOST_IMPORTS: Final = 20
"""Value sets that import value sets that import …"""
MOST_VISITS: Final = 1000
"""Value sets that are looked into for one."""
MOST_CONDITIONS: Final = 1000
"""Conditions of which those of one value set consist."""
MOST_PARTS: Final = 500
"""Includes and excludes of one value set."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a value set itself says of a member."""

    display: str | None = None
    designations: tuple[Designation, ...] = ()


UNNAMED: Final = Given()


@dataclass(frozen=True, slots=True)
class Part:
    """The members from one code system (`version` "": the newest); `given` are those that are listed, in their order."""

    system: str
    version: str
    where: Condition
    given: Mapping[str, Given]

    @property
    def canonical(self) -> str:
        return f"{self.system}|{self.version}" if self.version else self.system


Parts = list[Part]
"""Of each code system and version at most one, in the order in which the value set names them."""


async def understood(sources: Sources, text: str) -> Parts:
    """The parts of the value set of a canonical or address. Raises BadRequest: not known, a circle, what is not supported."""
    return await _Walk(sources).imported(text, ())


async def composed(sources: Sources, resource: Json) -> Parts:
    """The parts of a ValueSet resource."""
    url = str(resource.get("url", ""))
    return await _Walk(sources).parts(resource, url or "that was sent", (url,) if url else ())


class _Walk:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[str, Parts] = {}

    async def imported(self, text: str, within: tuple[str, ...]) -> Parts:
        if text in self._known:
            return self._known[text]
        if text in within or len(within) > MOST_IMPORTS:
            way = " → ".join(shown(each) for each in (*within[-3:], text))
            reason = "imports itself" if text in within else "imports others too deep"
            raise BadRequest(f"the value set {shown(text)} {reason}: {way}", code="too-costly")
        if len(self._known) >= MOST_VISITS:
            raise BadRequest(f"more than {MOST_VISITS} value sets are imported", code="too-costly")
        resource = await self._sources.imported(text)
        if resource is None:
            raise BadRequest(f"the value set {shown(text)} is not known here", code="not-found")
        found = await self.parts(resource, text, (*within, text))
        self._known[text] = found
        return found

    async def parts(self, resource: Json, name: str, within: tuple[str, ...]) -> Parts:
        compose = resource.get("compose")
        if compose is None:
            expansion = resource.get("expansion")
            if expansion is None:
                raise BadRequest(f"the value set {shown(name)} says nothing of its members", code="not-found")
            return _united(_expanded(expansion.get("contains", ())))
        if len(compose.get("include", ())) + len(compose.get("exclude", ())) > MOST_PARTS:
            raise BadRequest(f"the value set {shown(name)} has more than {MOST_PARTS} parts", code="too-costly")
        included = [p for each in compose.get("include", ()) for p in await self._part(each, name, within)]
        found = _bounded(_united(included), name)
        for each in compose.get("exclude", ()):
            for less in await self._part(each, name, within):
                found = _bounded([_without(part, less) for part in found], name)
        if compose.get("inactive") is False:
            found = [replace(p, where=all_of([p.where, Not(Flagged("inactive"))])) for p in found]
        return found

    async def _part(self, part: Json, name: str, within: tuple[str, ...]) -> Parts:
        """One include or exclude: what its system and its value sets have in common."""
        sides = [await self.imported(url, within) for url in part.get("valueSet", ())]
        if "system" in part:
            sides.append([remembered.understood(part, lambda: _of_system(part, name))])
        if not sides:
            raise BadRequest(f"the value set {shown(name)} includes neither a system nor a value set", code="invalid")
        found = sides[0]
        for side in sides[1:]:
            every = [both for one in found for other in side if (both := _common(one, other)) is not None]
            found = _bounded(every, name)
        return found


def _bounded(parts: Parts, name: str) -> Parts:
    """The parts themselves. Raises BadRequest where they have grown: by sets that import each other many times."""
    left = MOST_CONDITIONS
    waiting = [part.where for part in parts]
    while waiting:
        left -= 1
        if left < 0:
            raise BadRequest(
                f"the value set {shown(name)} has more than {MOST_CONDITIONS} conditions", code="too-costly"
            )
        match waiting.pop():
            case AllOf(of) | AnyOf(of):
                waiting += of
            case Not(of):
                waiting.append(of)
    return parts


def _of_system(part: Json, name: str) -> Part:
    where: Condition = EVERY
    given: dict[str, Given] = {}
    if "concept" in part:
        for each in part["concept"]:
            if "code" in each:
                given.setdefault(each["code"], Given(each.get("display"), tuple(designations(each))))
        where = Listed(frozenset(given))
    if "filter" in part:
        where = all_of([where, *(condition(each, name, part["system"]) for each in part["filter"])])
    return Part(part["system"], part.get("version", ""), where, given)


def _expanded(contains: Iterable[Json]) -> Iterator[Part]:
    """What an expansion that was made elsewhere lists."""
    waiting = list(reversed(list(contains)))
    while waiting:
        each = waiting.pop()
        if "code" in each and not each.get("abstract", False):
            given = {each["code"]: Given(each.get("display"), tuple(designations(each)))}
            yield Part(each.get("system", ""), each.get("version", ""), Listed(frozenset(given)), given)
        waiting += reversed(each.get("contains", ()))


def _united(parts: Iterable[Part]) -> Parts:
    found: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        found.setdefault((part.system, part.version), []).append(part)
    return [
        same[0] if len(same) == 1 else Part(*key, any_of([p.where for p in same]), _together(same))
        for key, same in found.items()
    ]


def _together(parts: Iterable[Part]) -> Mapping[str, Given]:
    found: dict[str, Given] = {}
    for part in parts:
        for code, given in part.given.items():
            if code not in found or found[code] == Given():
                found[code] = given
    return found


def _common(one: Part, other: Part) -> Part | None:
    """What both have; None where that is nothing."""
    if one.system != other.system or (one.version and other.version and one.version != other.version):
        return None
    where = all_of([one.where, other.where])
    return None if where == NONE else Part(one.system, one.version or other.version, where, _together((one, other)))


def _without(part: Part, less: Part) -> Part:
    if part.system != less.system or (less.version and part.version and part.version != less.version):
        return part
    return replace(part, where=all_of([part.where, none_of(less.where)]))


def condition(given: Json, name: str, system: str = "") -> Condition:
    """What one filter of an include lets through. Raises BadRequest for one that is not supported.

    Two systems have forms of their own: http://hl7.org/fhir/R4/snomedct.html (concept in [reference set]) and
    http://hl7.org/fhir/R4/rxnorm.html (values of relationships as CUI:[code]).
    """
    prop, op, value = str(given.get("property", "")), str(given.get("op", "")), str(given.get("value", ""))
    if system == SNOMED and (prop, op) == ("concept", "in"):
        return Valued("refset", frozenset([value]))
    if system == RXNORM and op in ("=", "in"):
        value = ",".join(each.strip().removeprefix("CUI:") for each in value.split(","))
    of_code = prop in ("concept", "code")
    match op:
        case "is-a" if of_code:
            return Below(value)
        case "descendent-of" if of_code:
            return Below(value, itself=False)
        case "is-not-a" if of_code:
            return Not(Below(value))
        case "generalizes" if of_code:
            return Above(value)
        case "=" | "in" | "not-in":
            values = frozenset([value] if op == "=" else [v.strip() for v in value.split(",")])
            found = _having(prop, values)
            return Not(found) if op == "not-in" else found
        case "exists" if prop not in ("parent", "child", "concept", "code", "display"):
            if value not in ("true", "false"):
                raise _faulty(name, prop, op, f"expected true or false, not {shown(value)!r}")
            found = _flag(prop) or Valued(prop)
            return none_of(found) if value == "false" else found
        case "regex" if prop not in ("parent", "child"):
            try:
                compiled(value)
            except Unprocessable as error:
                raise _faulty(name, prop, op, str(error)) from error
            return Matching("code" if of_code else prop, value)
    raise BadRequest(
        f"the value set {shown(name)} cannot be listed here: it filters by {shown(prop)} {shown(op)}",
        code="not-supported",
    )


def _faulty(name: str, prop: str, op: str, why: str) -> BadRequest:
    return BadRequest(
        f"the value set {shown(name)} cannot be listed: its filter {shown(prop)} {op}: {why}", code="invalid"
    )


def _having(prop: str, values: frozenset[str]) -> Condition:
    if prop in ("concept", "code"):
        return Listed(values)
    if prop in ("parent", "child"):
        return any_of([Under(value, up=prop == "child") for value in sorted(values)])
    if prop == "display":
        regex = "|".join(re2.escape(value) for value in sorted(values))
        compiled(regex)
        return Matching(prop, regex)
    flag = _flag(prop)
    if flag is not None:
        return any_of([flag if value == "true" else Not(flag) for value in sorted(values)])
    return Valued(prop, values)


def _flag(prop: str) -> Condition | None:
    if prop == "inactive":
        return Flagged("inactive")
    return Flagged("abstract") if prop in ("notSelectable", "abstract") else None


# ---- what can be told without the concepts of a code system


def listed(where: Condition) -> frozenset[str] | None:
    """Codes beside which none fulfils the condition; None where it is not made of codes."""
    match where:
        case Listed(codes):
            return codes
        case AllOf(of):
            return next((found for each in of if (found := listed(each)) is not None), None)
        case AnyOf(of):
            every = [listed(each) for each in of]
            known = [codes for codes in every if codes is not None]
            return frozenset[str]().union(*known) if len(known) == len(every) else None
        case _:
            return None


def certain(where: Condition, code: str) -> bool | None:
    """Whether a code fulfils the condition, of whose concept nothing is known; None where that cannot be told."""
    match where:
        case Every():
            return True
        case Listed(codes):
            return code in codes
        case Flagged():
            return False
        case Not(of):
            found = certain(of, code)
            return None if found is None else not found
        case AllOf(of) | AnyOf(of):
            found_all = [certain(each, code) for each in of]
            decisive = isinstance(where, AnyOf)
            if decisive in found_all:
                return decisive
            return None if None in found_all else not decisive
        case _:
            return None
