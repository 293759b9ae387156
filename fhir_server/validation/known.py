"""Conformance resources of the store, fetched when validation asks for them and kept until they change.

http://hl7.org/fhir/R4/references.html#canonical

Validation itself waits for nothing. What it asks for and is not here is noted; `settled` fetches it and asks again, until
nothing more is missing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from fhir_server.definitions import definitions
from fhir_server.definitions.canonicals import newest
from fhir_server.search.query import Compare, Match, Node, Op, SearchQuery, Uri
from fhir_server.search.settle import Reader
from fhir_server.validation.codes import Codes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator

Json = Mapping[str, Any]
T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]

MOST_ROUNDS: Final = 40
"""Definitions that name further definitions, one after another."""
MOST_VERSIONS: Final = 100
TOGETHER: Final = 100
"""Canonicals that are looked for with one question."""
MOST_KEPT: Final = 20_000

TYPES: Final = frozenset({"StructureDefinition", "Questionnaire", "ValueSet", "CodeSystem"})
"""A change of one of these changes what validation says."""


class Known:
    """What this process knows of the store's conformance resources; None stands for what the store does not have."""

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self._found: dict[tuple[str, str], Json | None] = {}
        self._missing: set[tuple[str, str]] = set()
        self._fetched = 0
        """Counts up whenever something is fetched or forgotten."""
        self.profiles = Profiles(self._definition)
        self.validator = Validator(self.profiles, codes, self.find)
        self.looked = 0.0
        """When it was last held against the store, on the monotonic clock."""
        self.revision = 0
        """That of the store's definitions then."""

    def find(self, type_: str, canonical: str) -> Json | None:
        """The resource of a canonical, with or without |version (then the newest); None where it is not known (yet)."""
        key = type_, canonical
        try:
            return self._found[key]
        except KeyError:  # in one step: another thread may forget everything in between
            self._missing.add(key)
            return None

    def _definition(self, canonical: str) -> Json | None:
        return self.find("StructureDefinition", canonical)

    def forget(self) -> None:
        """Everything is looked up again: something in the store has changed."""
        self._fetched += 1
        self._found.clear()
        self._missing.clear()
        self.codes.forget()
        self.profiles.forget()

    @property
    def missing(self) -> bool:
        """Something was asked for that may be there after `settled`."""
        return bool(self._missing) or self.codes.missing

    async def settled(self, reader: Reader, ask: Callable[[], T], run: Run[T] | None = None) -> T:
        """What `ask` answers once all that it asks for has been looked for in the store. `run` may ask in another
        thread; what is fetched meanwhile for others may be what it has missed.
        """
        for _ in range(MOST_ROUNDS):
            before = self._fetched
            answer = await run(ask) if run is not None else ask()
            if not self.missing and before == self._fetched:
                break
            self._fetched += 1
            if self._missing:
                await self._fetch(reader)
            if self.codes.missing:
                await self.codes.fetch(reader)
        return answer

    async def _fetch(self, reader: Reader) -> None:
        if len(self._found) > MOST_KEPT:
            self.forget()
        wanted, self._missing = self._missing, set()
        for type_ in sorted({type_ for type_, _ in wanted}):
            asked = sorted(c for t, c in wanted if t == type_)
            for at in range(0, len(asked), TOGETHER):
                some = asked[at : at + TOGETHER]
                there = await _named(reader, type_, some)
                for canonical in some:
                    url, _, version = canonical.partition("|")
                    versions = there.get(url, {})
                    chosen = newest(versions, version)
                    self._found[type_, canonical] = None if chosen is None else versions[chosen]
        self.profiles.forget_unknown()


async def _named(reader: Reader, type_: str, canonicals: Sequence[str]) -> Mapping[str, Mapping[str, Json]]:
    """Each url → version → the resource, of the same version the one created last."""
    urls = dict.fromkeys(canonical.partition("|")[0] for canonical in canonicals)
    where: dict[str, Node] = {type_: Match("url", tuple((Compare(Uri, "value", Op.EQ, url),) for url in urls))}
    page = await reader.search(SearchQuery(where, count=MOST_VERSIONS))
    if len(page.hits) == MOST_VERSIONS and len(urls) > 1:  # perhaps there are more
        return {url: found for each in urls for url, found in (await _named(reader, type_, [each])).items()}
    there: dict[str, dict[str, Json]] = {}
    for hit in reversed(page.hits):
        resource = hit.version.resource
        there.setdefault(str(resource.get("url")), {})[str(resource.get("version", ""))] = resource
    return there


@cache
def required(setting: str) -> Mapping[str, tuple[str, ...]]:
    """`Type=canonical,Type=canonical` as type → canonicals. Raises ValueError for anything else."""
    found: dict[str, tuple[str, ...]] = {}
    for pair in filter(None, map(str.strip, setting.split(","))):
        type_, mark, canonical = pair.partition("=")
        if not mark or not definitions().is_resource(type_) or ":" not in canonical:
            raise ValueError(f"{pair!r}: expected [type]=[canonical URL of a profile]")
        found[type_] = (*found.get(type_, ()), canonical)
    return found
