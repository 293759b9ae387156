"""Expansion: the members of a value set, a page of them, and how many there are.

http://hl7.org/fhir/R4/valueset.html#expansion and http://hl7.org/fhir/R4/valueset-operation-expand.html

A page is read from the concepts, whatever lies before and behind it is only counted. Members that a value set lists come in
its order, all others in the order of their code system, parents first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.concepts import Concept, Condition, Designation, Flagged, Listed, Not, Saying, all_of, any_of
from fhir_server.outcome import BadRequest
from fhir_server.terminology.memory import said
from fhir_server.terminology.sources import Source, Sources, shown
from fhir_server.terminology.valuesets import UNNAMED, Given, Part, Parts, certain, listed

MOST: Final = 10_000
"""Members in one answer."""

PARAMETERS: Final = (
    "context", "filter", "date", "offset", "count", "includeDesignations", "designation", "includeDefinition", "activeOnly",
    "excludeNested", "excludeNotForUI", "excludePostCoordinated", "displayLanguage", "exclude-system", "system-version", "check-system-version",
    "force-system-version",
)  # fmt: skip
"""Parameters of $expand that are understood."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of an expansion: `words` are folded, each begins a word of a member's texts; `count` None: all."""

    words: tuple[str, ...] = ()
    active_only: bool = False
    offset: int = 0
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member: `display` and `designations` as the value set says, or else the code system."""

    system: str
    version: str | None
    concept: Concept
    display: str | None
    designations: tuple[Designation, ...]
    language: str | None = None
    """Of the display, where that is the code system's own and it says so."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """`members` of `total`; `used` are the code systems (canonicals) that they come from."""

    total: int
    members: Sequence[Member]
    used: Sequence[str]


async def expanded(sources: Sources, parts: Parts, asked: Asked) -> Expansion:
    """The page that is asked for. Raises BadRequest: a code system is not known here; too costly, rather than a smaller answer."""
    total, members, used = 0, list[Member](), list[str]()
    for part in parts:
        source = await sources.system(part.canonical)
        version = f"|{source.system.version}" if source is not None and source.system.version else ""
        if source is not None:
            used.append(part.system + version)
        codes = listed(part.where)
        skip = max(asked.offset - total, 0)
        room = MOST + 1 if asked.count is None else asked.count
        if codes is not None:
            number, found = await _listed(source, part, codes, asked, slice(skip, skip + max(room - len(members), 0)))
            total += number
            members += found
            continue
        if source is None:
            raise BadRequest(f"the code system {shown(part.canonical)} is not known here", code="not-found")
        where = _narrowed(part.where, asked, source.require_complete())
        number = await source.count(where)
        total += number
        if number > skip and room > len(members):
            wanted = min(room - len(members), MOST + 1)
            members += [_member(part, source, c) for c in await source.select(where, wanted, skip)]
    if len(members) > MOST:
        raise BadRequest(
            f"the value set has {total} members, more than the {MOST} that one answer may hold:"
            " narrow it with filter, or page through it with count and offset",
            code="too-costly",
        )
    return Expansion(total, members, list(dict.fromkeys(used)))


def _narrowed(where: Condition, asked: Asked, _: Source) -> Condition:
    more: list[Condition] = []
    if asked.active_only:
        more.append(Not(Flagged("inactive")))
    if asked.words:
        more.append(Saying(asked.words))
    return all_of([where, *more])


async def _listed(
    source: Source | None, part: Part, codes: frozenset[str], asked: Asked, page: slice
) -> tuple[int, list[Member]]:
    """How many of the codes that the value set lists are members, and the page of them, in its order."""
    ordered = [*(code for code in part.given if code in codes), *sorted(codes.difference(part.given))]
    if source is not None and source.system.complete:
        where = _narrowed(part.where, asked, source)
        if asked.words and (own := _saying(part, codes, asked)):
            where = any_of([where, all_of([_narrowed(part.where, replace(asked, words=()), source), Listed(own)])])
        number = 0 if asked.words else await source.count(where)
        if number < len(codes):
            ordered = _in_order(ordered, await source.select(where, len(codes)), source)
            number = len(ordered)
        known = await source.find(ordered[page])
        return number, [
            _member(part, source, known[code], part.given.get(code)) for code in ordered[page] if code in known
        ]
    known = await source.find(ordered) if source is not None else {}
    found = []
    for code in ordered:
        concept = known.get(code)
        if not _told(part, code):
            continue
        member = _member(part, source, concept or Concept(code), part.given.get(code))
        if not (asked.active_only and member.concept.inactive) and _says(member, asked.words):
            found.append(member)
    return len(found), found[page]


def _in_order(ordered: Sequence[str], meant: Sequence[Concept], source: Source) -> list[str]:
    """The codes of the list that mean one of the concepts, each concept once."""
    exact = source.system.case_sensitive
    left = {concept.code if exact else concept.code.lower() for concept in meant}
    found = []
    for code in ordered:
        own = code if exact else code.lower()
        if own in left:
            left.discard(own)
            found.append(code)
    return found


def _saying(part: Part, codes: frozenset[str], asked: Asked) -> frozenset[str]:
    """The codes in whose names in the value set the words are."""
    named = ((code, given) for code, given in part.given.items() if code in codes and given != UNNAMED)
    return frozenset(
        code
        for code, given in named
        if _begun(asked.words, Concept(code, given.display, designations=given.designations))
    )


def _told(part: Part, code: str) -> bool:
    held = certain(part.where, code)
    if held is None:
        raise BadRequest(f"the code system {shown(part.canonical)} is not known here", code="not-found")
    return held


def _member(part: Part, source: Source | None, concept: Concept, given: Given | None = None) -> Member:
    given = part.given.get(concept.code, UNNAMED) if given is None else given
    version = source.system.version if source is not None else part.version or None
    designations = tuple(dict.fromkeys((*given.designations, *concept.designations)))
    language = None if given.display or source is None else source.system.language
    return Member(part.system, version, concept, given.display or concept.display, designations, language)


def _says(member: Member, words: Sequence[str]) -> bool:
    return _begun(words, Concept(member.concept.code, member.display, designations=member.designations))


def _begun(words: Sequence[str], concept: Concept) -> bool:
    """Whether each of the words begins one of the concept's."""
    if not words:
        return True
    texts = said(concept)
    return all(any(word.startswith(begin) for word in texts) for begin in words)
