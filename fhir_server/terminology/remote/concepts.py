"""Code systems of a terminology server elsewhere, as if they were here.

http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhir_server.concepts import EVERY, Concept, Condition, Designation, Listed, System, all_of
from fhir_server.outcome import BadRequest, Unavailable
from fhir_server.terminology.remote import composing, reading, valuesets
from fhir_server.terminology.remote.answers import Question
from fhir_server.terminology.remote.asking import Nobody

Json = Mapping[str, Any]

MOST_ONE_BY_ONE: Final = 200
"""Codes of a list that are asked for one after another."""
_UNKNOWN: Final = frozenset({400, 404, 410, 422})
_ABSTRACT: Final = frozenset({"notSelectable", "abstract"})


class RemoteConcepts:
    """Concepts (see fhir_server.concepts) of a terminology server. All methods raise Unavailable where it cannot be asked,
    BadRequest where it refuses. `base` is this server's own base URL.
    """

    def __init__(self, remote: Nobody, base: str = "") -> None:
        self.remote = remote
        self._base = base

    async def systems(self, url: str) -> Sequence[System]:
        """Its versions of a code system, as its TerminologyCapabilities list them."""
        if not self.remote.covers(url):
            return []
        found: list[System] = []
        for each in reading.objects((await self._capabilities()).get("codeSystem")):
            if each.get("uri") == url:
                versions = [version.get("code") for version in reading.objects(each.get("version"))]
                found += [System(url, str(code) if code is not None else None) for code in versions or [None]]
        return found

    async def every(self) -> Sequence[System]:
        """None are listed: the other server does that."""
        return []

    async def of_value_set(self, url: str) -> System | None:  # noqa: ARG002 - a value set is asked for by itself
        """None: see above."""
        return None

    async def having(self, code: str) -> Sequence[System]:  # noqa: ARG002 - a code alone is not asked for
        """None: see above."""
        return []

    async def find(self, system: System, codes: Sequence[str]) -> Mapping[str, Concept]:
        """See Concepts."""
        if len(codes) == 1:
            one = await self._lookup(system, codes[0])
            return {} if one is None else {codes[0]: one}
        wanted = dict.fromkeys(codes)
        there = await self.select(system, Listed(frozenset(wanted)), count=len(wanted)) if wanted else ()
        found = {concept.code: concept for concept in there}
        return {code: found[code] for code in wanted if code in found}

    async def select(self, system: System, where: Condition, *, count: int, offset: int = 0) -> Sequence[Concept]:
        """See Concepts."""
        narrow = _listed_among(where)
        if narrow is not None:
            kept = [code for code in sorted(narrow[0]) if await self._holds(system, narrow[1], code)]
            return list((await self.find(system, kept)).values())[offset : offset + count]
        rows = await valuesets.members(self.remote, _asked(system, where), count=count, offset=offset)
        return [reading.concept(row) for row in rows]

    async def count(self, system: System, where: Condition) -> int:
        """See Concepts."""
        narrow = _listed_among(where)
        if narrow is not None:
            return sum([await self._holds(system, narrow[1], code) for code in sorted(narrow[0])])
        if isinstance(where, Listed):
            return len(await self.find(system, sorted(where.codes)))
        return await valuesets.total(self.remote, _asked(system, where))

    async def subsumption(self, system: System, one: str, other: str) -> str | None:
        """equivalent, subsumes, subsumed-by, not-subsumed; None where one of the codes is not known there."""
        asked = [("codeA", one), ("codeB", other), *_coordinates(system)]
        reply = await self.remote.get("CodeSystem/$subsumes", asked)
        found = reading.value(reply.resource, "outcome") if reply.good else None
        return found if isinstance(found, str) else None

    async def _capabilities(self) -> Json:
        """Raises Unavailable where it has none, or where they are this server's own."""
        reply = await self.remote.ask(Question("metadata?mode=terminology"))
        found = reply.resource
        if not reply.good or found.get("resourceType") != "TerminologyCapabilities":
            raise Unavailable("the remote terminology server does not say which code systems it has (TerminologyCapabilities)")  # fmt: skip
        there = found.get("implementation")
        if self._base and isinstance(there, Mapping) and there.get("url") == self._base:
            raise Unavailable("the remote terminology server is this server itself: see FHIR_TERMINOLOGY_URL")
        return found

    async def _lookup(self, system: System, code: str) -> Concept | None:
        reply = await self.remote.get("CodeSystem/$lookup", [("code", code), *_coordinates(system)])
        if not reply.good and reply.status in _UNKNOWN:
            return None
        resource = reading.required(reply)
        properties = reading.parts(resource, "property")
        flags = {reading.value(each, "code") for each in properties if reading.value(each, "value") is True}
        display = reading.value(resource, "display")
        names = [(reading.value(each, "value"), reading.value(each, "language")) for each in reading.parts(resource, "designation")]  # fmt: skip
        return Concept(
            code,
            display if isinstance(display, str) else None,
            designations=tuple(Designation(text, language) for text, language in names if isinstance(text, str)),
            inactive="inactive" in flags,
            abstract=not _ABSTRACT.isdisjoint(flags),
        )

    async def _holds(self, system: System, where: Condition, code: str) -> bool:
        """Whether one code of the code system fulfils the condition."""
        coding = {"code": code, **dict(_coordinates(system))}
        parameters = [
            {"name": "valueSet", "resource": composing.composed(system, where)},
            {"name": "coding", "valueCoding": coding},
        ]
        reply = await self.remote.post("ValueSet/$validate-code", parameters)
        return reading.value(reading.required(reply), "result") is True


def _asked(system: System, where: Condition) -> list[Json]:
    """The parameters of an expansion of what is meant."""
    said, rest = composing.words(where)
    asked: list[Json] = [{"name": "valueSet", "resource": composing.composed(system, all_of(rest))}]
    return [*asked, {"name": "filter", "valueString": " ".join(said)}] if said else asked


def _listed_among(where: Condition) -> tuple[frozenset[str], Condition] | None:
    """Codes, and what must hold of them beside being listed, which no include can say at once; None where it is not that."""
    parts = composing.conjuncts(where)
    codes = next((part.codes for part in parts if isinstance(part, Listed)), None)
    if codes is None or len(parts) == 1:
        return None
    if len(codes) > MOST_ONE_BY_ONE:
        raise BadRequest(f"more than {MOST_ONE_BY_ONE} codes would have to be asked for one by one", code="too-costly")
    rest = [part for part in parts if not isinstance(part, Listed)]
    return codes, all_of(rest) if rest else EVERY


def _coordinates(system: System) -> list[tuple[str, str]]:
    return [("system", system.url), *([("version", system.version)] if system.version else [])]
