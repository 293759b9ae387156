"""What searches ask of terminology: members of value sets, concepts below and above others.

http://hl7.org/fhir/R4/search.html#token, http://hl7.org/fhir/R4/search.html#subsumption
"""

from fhir_server.concepts import Above, Below, Condition, Every
from fhir_server.outcome import BadRequest
from fhir_server.search.settle import MAX_CODES, Codes, Reader
from fhir_server.terminology.remote.asking import NOBODY, Nobody
from fhir_server.terminology.sources import Source, Sources, shown
from fhir_server.terminology.valuesets import Part, certain, listed, understood


class Service:
    """A Terminology (see search.settle) over R4's definitions, what is stored, and what `remote` knows beside it. `base` is
    this server's base URL.

    What is stored wins over what R4 defines. What is not known, not complete or not to be listed is an error that names it,
    never a smaller set.
    """

    def __init__(self, base: str = "", remote: Nobody = NOBODY) -> None:
        self.base = base
        self.remote = remote

    async def members(self, value_set: str, reader: Reader) -> Codes:
        """See Terminology."""
        sources = Sources(reader, self.base, remote=self.remote)
        pairs: set[tuple[str, str]] = set()
        systems: set[str] = set()
        for part in await understood(sources, value_set):
            if isinstance(part.where, Every):
                systems.add(part.system)
            else:
                pairs |= {(part.system, code) for code in await _codes(sources, part)}
        return Codes(frozenset(pairs), frozenset(systems))

    async def descendants(self, system: str, code: str, reader: Reader) -> Codes:
        """See Terminology."""
        return await self._related(system, code, Below(code), reader)

    async def ancestors(self, system: str, code: str, reader: Reader) -> Codes:
        """See Terminology."""
        return await self._related(system, code, Above(code), reader)

    async def _related(self, system: str, code: str, where: Condition, reader: Reader) -> Codes:
        sources = Sources(reader, self.base, remote=self.remote)
        if system:
            found = [(await sources.required(system)).require_complete()]
            if await found[0].one(code) is None:
                raise BadRequest(f"the code system {shown(system)} has no code {code[:64]!r}", code="not-found")
        else:
            found = [source.require_complete() for source in await sources.having(code)]
            if not found:
                raise BadRequest(f"no code system that is known here has the code {code[:64]!r}", code="not-found")
        return Codes(frozenset([(s.system.url, c) for s in found for c in await _selected(s, where)]))


async def _codes(sources: Sources, part: Part) -> list[str]:
    """The codes of the members from one code system; at most one more than a search may hold."""
    codes = listed(part.where)
    source = await sources.system(part.canonical)
    if codes is not None:
        held = {code: certain(part.where, code) for code in codes}
        if None not in held.values():
            return [code for code, holds in held.items() if holds]
    if source is None:
        source = await sources.required(part.canonical)
    return await _selected(source.require_complete(), part.where)


async def _selected(source: Source, where: Condition) -> list[str]:
    return [concept.code for concept in await source.select(where, MAX_CODES + 1)]
