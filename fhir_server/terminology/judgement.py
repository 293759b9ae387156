"""Whether a code is one of a code system, or of a value set, and whether a display is one of its names.

http://hl7.org/fhir/R4/codesystem-operation-validate-code.html, http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from fhir_server.concepts import Below, Concept, Listed, all_of
from fhir_server.outcome import BadRequest
from fhir_server.search.folding import fold
from fhir_server.terminology.grammars import formed
from fhir_server.terminology.languages import named, names
from fhir_server.terminology.remote.asking import together
from fhir_server.terminology.remote.concepts import RemoteConcepts
from fhir_server.terminology.remote.valuesets import member
from fhir_server.terminology.sources import Source, Sources, shown
from fhir_server.terminology.valuesets import Given, Part, Parts, certain, listed, understood


@dataclass(frozen=True, slots=True)
class Coding:
    """What is judged. `system` None: not said; `language` "": a display in whichever language will do."""

    system: str | None
    code: str
    version: str = ""
    display: str | None = None
    language: str = ""

    def __str__(self) -> str:
        return f"{shown(self.system)}|{self.code[:100]}" if self.system else self.code[:100]


@dataclass(frozen=True, slots=True)
class Judged:
    """`result` None: that cannot be told here. `message` says why it is not True, or what is wrong beside it."""

    result: bool | None
    message: str = ""
    display: str | None = None
    system: str | None = None


async def of_system(source: Source | None, coding: Coding, *, abstract: bool = True) -> Judged:
    """Whether the code is one of the code system, whose concepts are perhaps not known."""
    concept = None if source is None else await source.one(coding.code)
    if concept is not None and source is not None:
        return _named(coding, concept, Given(), source, abstract=abstract)
    if source is not None and source.system.complete:
        return Judged(False, f"the code system {source.system.canonical} has no code {coding.code[:100]!r}")
    well = formed(coding.system or "", coding.code)
    if well is None:
        what = "is not known here" if source is None else "is known here in part only"
        return Judged(None, f"the code system {shown(coding.system or '')} {what}")
    return Judged(well, "" if well else f"{coding.code[:100]!r} is not well formed in {coding.system}")


async def in_value_set(
    sources: Sources, name: str, codings: Sequence[Coding], *, abstract: bool = True
) -> list[Judged]:
    """Whether each code is a member of the value set of a canonical or address, here or on the remote terminology server.

    Raises BadRequest for a value set that is not known or not to be understood, Unavailable.
    """
    if await sources.elsewhere(name):
        return await together([partial(_elsewhere, sources, name, coding, abstract=abstract) for coding in codings])
    parts = await understood(sources, name)
    return [await of_value_set(sources, parts, name, coding, abstract=abstract) for coding in codings]


async def _elsewhere(sources: Sources, name: str, coding: Coding, *, abstract: bool) -> Judged:
    asked = {
        "system": coding.system,
        "systemVersion": coding.version,
        "code": coding.code,
        "display": coding.display,
        "displayLanguage": coding.language,
    }
    found = await member(sources.remote, name, asked, abstract=abstract)
    if found.result is None:
        raise BadRequest(f"the value set {shown(name)} is not known here, nor to the remote terminology server", code="not-found")  # fmt: skip
    return Judged(found.result, found.message or ("" if found.result else f"{coding} is not in the value set {shown(name)}"), found.display, coding.system)  # fmt: skip


async def of_value_set(sources: Sources, parts: Parts, name: str, coding: Coding, *, abstract: bool = True) -> Judged:
    """Whether the code is a member; without a system, of whichever code system has it as a member."""
    unknown: Judged | None = None
    for part in parts:
        if coding.system not in (None, part.system) or (
            coding.version and part.version and coding.version != part.version
        ):
            continue
        found = await _of_part(sources, part, coding, abstract=abstract)
        if found.result or (found.result is False and found.message):
            return found
        unknown = found if found.result is None else unknown
    return unknown or Judged(False, f"{coding} is not in the value set {shown(name)}")


async def _of_part(sources: Sources, part: Part, coding: Coding, *, abstract: bool) -> Judged:
    source = await sources.system(part.canonical)
    concept = None if source is None else await source.one(coding.code)
    if source is not None and concept is not None:
        if not await source.count(all_of([part.where, Listed(frozenset([concept.code]))])):
            return Judged(False)
        given = part.given.get(concept.code) or part.given.get(coding.code, Given())
        return _named(coding, concept, given, source, abstract=abstract)
    if source is not None and source.system.complete:
        return Judged(False)
    held = certain(part.where, coding.code)
    if held and listed(part.where) is None:
        held = formed(part.system, coding.code)
    if held is None:
        return Judged(None, f"the code system {shown(part.canonical)} is not known here")
    if not held:
        return Judged(False)
    given = part.given.get(coding.code, Given())
    wrong = _wrong_display(coding, [given.display, *(d.value for d in given.designations)])
    return Judged(not wrong, wrong, given.display, part.system)


def _named(coding: Coding, concept: Concept, given: Given, source: Source, *, abstract: bool) -> Judged:
    """The code is there: is it one to use, and is it called so?"""
    own, more = given.display or concept.display, (*given.designations, *concept.designations)
    display = named(own, source.system.language, more, coding.language)
    if concept.abstract and not abstract:
        return Judged(False, f"{coding} is abstract: not to be used by itself", display, source.system.url)
    known = [given.display, *names(concept.display, source.system.language, more, coding.language)]
    wrong = _wrong_display(coding, known)
    return Judged(not wrong, wrong, display, source.system.url)


def _wrong_display(coding: Coding, names: Iterable[str | None]) -> str:
    """What is wrong with the display; "" where it is one of the names, or there is none to compare."""
    known = [name for name in names if name]
    if coding.display is None or not known or fold(coding.display) in map(fold, known):
        return ""
    others = ", ".join(repr(name[:100]) for name in dict.fromkeys(known[:5]))
    return f"{coding.display[:200]!r} is no display of {coding}: expected {others}"


async def subsumption(source: Source, one: str, other: str) -> str | None:
    """equivalent, subsumes, subsumed-by or not-subsumed, of two codes; None where one of them is none of the code system."""
    if isinstance(source.concepts, RemoteConcepts):
        return await source.concepts.subsumption(source.system, one, other)
    found = await source.find([one, other])
    if one not in found or other not in found:
        return None
    a, b = found[one].code, found[other].code
    if a == b:
        return "equivalent"
    if await source.count(all_of([Below(a), Listed(frozenset([b]))])):
        return "subsumes"
    return "subsumed-by" if await source.count(all_of([Below(b), Listed(frozenset([a]))])) else "not-subsumed"
