"""Where code systems and value sets come from: what came with the request, what is stored, what R4 defines, what a remote
terminology server knows; in this order.

http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhir_server import references
from fhir_server.concepts import Concept, Concepts, Condition, System
from fhir_server.definitions import definitions
from fhir_server.definitions.canonicals import newest
from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest
from fhir_server.search.query import Compare, Match, Op, SearchQuery, Uri
from fhir_server.search.settle import Reader
from fhir_server.terminology import remembered
from fhir_server.terminology.memory import OWN, MemoryConcepts, Table
from fhir_server.terminology.remote import valuesets as elsewhere
from fhir_server.terminology.remote.asking import NOBODY, Nobody
from fhir_server.terminology.remote.concepts import RemoteConcepts

Json = Mapping[str, Any]

MOST_VERSIONS: Final = 100
"""Stored resources with one canonical that a version is looked for among."""
IMPLICIT: Final = "?fhir_vs"
LOINC: Final = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Source:
    """A code system, and who has its concepts."""

    system: System
    concepts: Concepts

    async def find(self, codes: Sequence[str]) -> Mapping[str, Concept]:
        return await self.concepts.find(self.system, codes)

    async def one(self, code: str) -> Concept | None:
        """The concept of a code; None where there is none."""
        return (await self.concepts.find(self.system, [code])).get(code)

    async def select(self, where: Condition, count: int, offset: int = 0) -> Sequence[Concept]:
        return await self.concepts.select(self.system, where, count=count, offset=offset)

    async def count(self, where: Condition) -> int:
        return await self.concepts.count(self.system, where)

    def require_complete(self) -> "Source":
        """Itself. Raises BadRequest where some concepts of the code system are not known here."""
        if not self.system.complete:
            raise BadRequest(f"of the code system {shown(self.system.url)} not all concepts are known here", code="not-found")  # fmt: skip
        return self


class Sources:
    """Those of one request. `base` is this server's base URL; `given` are code systems that came along.

    What may be known to `remote` alone raises Unavailable where it cannot be asked.
    """

    def __init__(self, reader: Reader, base: str = "", given: Iterable[Table] = (), remote: Nobody = NOBODY) -> None:
        self.reader = reader
        self.base = base
        self.remote = remote
        self._remote = RemoteConcepts(remote, base)
        self._given = MemoryConcepts(given)
        self._systems: dict[str, Source | None] = {}
        self._value_sets: dict[str, Json | None] = {}

    # ---- code systems

    async def system(self, canonical: str) -> Source | None:
        """The code system of a canonical: that version, else the newest; None where there is none."""
        if canonical not in self._systems:
            self._systems[canonical] = await self._system(canonical)
        return self._systems[canonical]

    async def required(self, canonical: str, expression: str | tuple[str, ...] = ()) -> Source:
        """The code system of a canonical. Raises BadRequest where it is not known; `expression` is where it is named."""
        found = await self.system(canonical)
        if found is None:
            raise BadRequest(
                f"the code system {shown(canonical)} is not known here", code="not-found", expression=expression
            )
        return found

    async def having(self, code: str) -> list[Source]:
        """All code systems that have the code, of each url the newest."""
        found: dict[str, Source] = {}
        for concepts in self._all():
            for system in await concepts.having(code):
                found.setdefault(system.url, Source(system, concepts))
        return list(found.values())

    async def every(self) -> list[Source]:
        """All code systems and versions, by url."""
        found = [Source(system, concepts) for concepts in self._all() for system in await concepts.every()]
        return sorted(found, key=lambda source: source.system.url)

    def _all(self) -> tuple[Concepts, ...]:
        return self._given, self.reader.concepts, OWN

    async def _system(self, canonical: str) -> Source | None:
        url, _, version = canonical.partition("|")
        here: Source | None = None
        for concepts in (*self._all(), self._remote):
            versions = {system.version or "": system for system in await concepts.systems(url)}
            chosen = newest(versions, version)
            if chosen is None or (here is not None and concepts is not self._remote):
                continue
            found = Source(versions[chosen], concepts)
            if found.system.complete or concepts is self._given:
                return found
            here = found
        return here

    # ---- value sets

    async def elsewhere(self, text: str) -> bool:
        """Whether the remote terminology server is to be asked for the value set: it is not known here."""
        return self.remote.covers(text) and await self.value_set(text) is None

    async def imported(self, text: str) -> Json | None:
        """As `value_set`; one that the remote terminology server knows, too, with all its members. Raises Unavailable."""
        found = await self.value_set(text)
        if found is None and self.remote.covers(text):
            found = self._value_sets[text] = await elsewhere.listed(self.remote, text)
        return found

    async def value_set(self, text: str) -> Json | None:
        """The ValueSet of a canonical, or at an address of this server; one that a code system implies too.

        None where there is none; raises BadRequest for an address where none is.
        """
        if text not in self._value_sets:
            self._value_sets[text] = await self._value_set(text)
        return self._value_sets[text]

    async def _value_set(self, text: str) -> Json | None:
        target = references.parse(text, self.base)
        if target is not None and target.local:
            version = await self.reader.read(Key(target.type, target.id))
            if target.type != "ValueSet" or version is None or version.deleted:
                raise BadRequest(f"there is no value set at {shown(text)}", code="not-found")
            return remembered.resource(version)
        found = await self.stored("ValueSet", text)
        if found is not None:
            return remembered.resource(found)
        url, _, wanted = text.partition("|")
        own = definitions().value_set(url)
        if own is not None and newest([str(own.get("version", ""))], wanted) is not None:
            return own
        return await self._implied(url, wanted)

    async def stored(self, type_: str, canonical: str) -> Version | None:
        """The stored resource of a canonical: that version, else the newest; of the same version the one created last."""
        url, _, wanted = canonical.partition("|")
        where = Match("url", ((Compare(Uri, "value", Op.EQ, url),),))
        page = await self.reader.search(SearchQuery({type_: where}, count=MOST_VERSIONS))
        if len(page.hits) == 1 and not wanted:
            return page.hits[0].version
        versions = {str(hit.version.resource.get("version", "")): hit.version for hit in reversed(page.hits)}
        chosen = newest(versions, wanted)
        return None if chosen is None else versions[chosen]

    async def _implied(self, url: str, wanted: str) -> Json | None:
        """http://hl7.org/fhir/R4/snomedct.html#implicit, loinc.html#4.3.6.3, codesystem-definitions.html#CodeSystem.valueSet."""
        for concepts in self._all():
            system = await concepts.of_value_set(url)
            if system is not None and wanted:
                other = await self.system(f"{system.url}|{wanted}")
                system = None if other is None else other.system
            if system is not None:
                return _implicit(url, {"system": system.url, **_version(system)})
        if IMPLICIT in url:
            base, _, kind = url.partition(IMPLICIT)
            return await self._fhir_vs(url, base, kind.removeprefix("="))
        if url == f"{LOINC}/vs" or url.startswith(f"{LOINC}/vs/"):
            return await self._loinc(url, url.removeprefix(f"{LOINC}/vs").removeprefix("/"))
        return None

    async def _fhir_vs(self, url: str, base: str, kind: str) -> Json | None:
        """All concepts, those below one, members of a reference set, or all reference sets (SNOMED CT's forms)."""
        source = await self._edition(base)
        if source is None:
            return None
        op, _, code = kind.partition("/")
        match op, code:
            case "", "":
                conditions = []
            case "isa", code if code:
                conditions = [_filter("concept", "is-a", code)]
            case "refset", "":
                conditions = [_filter("referenceSet", "=", "true")]
            case "refset", code:
                conditions = [_filter("concept", "in", code)]
            case _:
                raise BadRequest(f"{shown(url)}: only {IMPLICIT}, {IMPLICIT}=isa/[code], {IMPLICIT}=refset and {IMPLICIT}=refset/[code] are understood", code="not-supported")  # fmt: skip
        system = {"system": source.system.url, **_version(source.system)}
        return _implicit(url, {**system, **({"filter": conditions} if conditions else {})})

    async def _edition(self, base: str) -> Source | None:
        """http://snomed.info/sct is the newest, below it …/[module] or …/[module]/version/[date] is what its version begins with."""
        url = base
        while url.count("/") >= 2:
            if await self.system(url) is not None:
                break
            url = url.rpartition("/")[0]
        if url == base:
            return await self.system(base)
        for concepts in self._all():
            for system in await concepts.systems(url):
                if f"{system.version}/".startswith(f"{base}/"):
                    return Source(system, concepts)
        return None

    async def _loinc(self, url: str, code: str) -> Json | None:
        """All of LOINC, an answer list (its answers in order, else what is below it), a part (it and what is below it)."""
        source = await self.system(LOINC)
        if source is None:
            return None
        if not code:
            return _implicit(url, {"system": LOINC})
        found = await source.one(code)
        if found is None:
            return None
        answers = [each.value for each in found.properties if each.code == "answer"]
        if answers:
            return _implicit(url, {"system": LOINC, **_version(source.system), "concept": [{"code": each} for each in answers]})  # fmt: skip
        op = "descendent-of" if code.startswith("LL") else "is-a"
        return _implicit(url, {"system": LOINC, "filter": [_filter("concept", op, code)]})


def _version(system: System) -> dict[str, str]:
    return {"version": system.version} if system.version else {}


def _filter(name: str, op: str, value: str) -> dict[str, str]:
    return {"property": name, "op": op, "value": value}


def _implicit(url: str, include: dict[str, Any]) -> Json:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def shown(text: str) -> str:
    """A name of the request as a message repeats it."""
    return text if len(text) <= 200 else f"{text[:200]}…"
