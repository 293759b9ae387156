"""What a store holds, as counts and hashes: equal where two stores hold the same, whatever kind they are.

The hash of a kind is the sum of those of its parts, so that the order in which a store brings them does not count.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from fhir_server.cli.copier import concepts_of
from fhir_server.model import Version
from fhir_server.search.query import EVERYTHING, UNRESTRICTED, SearchQuery
from fhir_server.storage.base import Store
from fhir_server.storage.unfinished import SPACE

PAGE = 400


@dataclass(slots=True)
class Kind:
    """How many parts there are of a kind, and the sum of their hashes."""

    count: int = 0
    sum: int = 0

    def add(self, *parts: bytes) -> None:
        """One more, made of these parts."""
        whole = hashlib.blake2b(digest_size=16)
        for part in parts:
            whole.update(len(part).to_bytes(8, "big") + part)
        self.count += 1
        self.sum = (self.sum + int.from_bytes(whole.digest(), "big")) % 2**128


@dataclass(frozen=True, slots=True)
class Digest:
    """`versions` by resource type (key, version id, time, method, body), `records` by space (name, value, expiry), `concepts`
    by the id of their CodeSystem.
    """

    versions: dict[str, Kind] = field(default_factory=lambda: defaultdict(Kind))
    records: dict[str, Kind] = field(default_factory=lambda: defaultdict(Kind))
    concepts: dict[str, Kind] = field(default_factory=lambda: defaultdict(Kind))


async def digest(store: Store, advance: Callable[[int], None]) -> Digest:
    """The digest of all that the store holds; `advance` hears how many versions have been read."""
    found, place = Digest(), ""
    while True:
        versions, place = await store.versions(UNRESTRICTED, place, PAGE)
        if not versions:
            break
        for version in versions:
            found.versions[version.key.type].add(*_parts(version))
        advance(len(versions))
    for space in await store.state.spaces():
        for name in await store.state.names(space) if space != SPACE else ():
            record = await store.state.read(space, name)
            if record is not None:
                found.records[space].add(name.encode(), record.value, str(record.expires).encode())
    await _digest_concepts(store, found)
    return found


def _parts(version: Version) -> tuple[bytes, ...]:
    texts = (version.key.type, version.key.id, version.version_id, version.last_updated.isoformat(), version.method)
    body = (b"",) if version.body is None else (b"body", version.body)
    return (*(text.encode() for text in texts), *body)


async def _digest_concepts(store: Store, found: Digest) -> None:
    place = ""
    query = SearchQuery({"CodeSystem": EVERYTHING}, count=100)
    while True:
        versions, place = await store.scan(UNRESTRICTED, query, place)
        if not versions:
            return
        for version in versions:
            system = await store.defined(version.key.id)
            if system is not None:
                kind = found.concepts[version.key.id]
                kind.add(msgspec.json.encode(msgspec.structs.replace(system, number=0)))
                for nth, concept in enumerate(await concepts_of(store, system)):
                    kind.add(str(nth).encode(), msgspec.json.encode(concept))


def differences(source: Digest, target: Digest) -> list[str]:
    """In words, what is not the same."""
    return [
        *_differences("versions", source.versions, target.versions),
        *_differences("records", source.records, target.records),
        *_differences("concepts", source.concepts, target.concepts),
    ]


def _differences(what: str, source: Mapping[str, Kind], target: Mapping[str, Kind]) -> list[str]:
    told = []
    for name in sorted({*source, *target}):
        here, there = source.get(name, Kind()), target.get(name, Kind())
        if here.count != there.count:
            told.append(f"{name} has {here.count:,} {what} in the source, {there.count:,} in the copy")
        elif here != there:
            told.append(f"{what} of {name} are not the same")
    return told
