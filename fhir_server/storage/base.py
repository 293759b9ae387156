"""What a store must do: the contract between the server and any database.

The docstrings here are the contract; `tests/storage/contract` proves it on every store. Nothing in it assumes SQL.
Driver errors never pass this border: a store raises the errors of `fhir_server.outcome` (Unavailable for a database that
is away, a full disk, an I/O error: nothing was acknowledged) and those below.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, TypeVar

from fhir_server.concepts import Concept, Concepts, Placed, System
from fhir_server.model import Key, Version
from fhir_server.outcome import Conflict
from fhir_server.search.query import Access, Explanation, IndexEntry, Page, SearchQuery

T = TypeVar("T")

REBUILT: Final = ("index", "rebuilt")
"""Space and name of a state record: it is there when a store has made all entries anew by R4's parameters alone, as an upgrade of
its layout may have to; whoever knows the parameters that were added indexes by them again, and takes it away.
"""


class VersionConflict(Conflict):
    """409: another write came between reading a resource and writing it."""


class StateConflict(Exception):
    """A state record is not at the revision that the writer expected."""


class SchemaError(Exception):
    """The database is newer than this program, or half migrated; the text tells the operator what to do."""


@dataclass(frozen=True, slots=True)
class Write:
    """Append `version`; `entries` are what its resource is found by (empty for a deletion).

    `expected` is the version id that is current now, or None where no version may exist yet. Anything else there:
    VersionConflict, and the whole transaction is undone. `new`: the server has just made up the id, so that nothing can
    be there and nothing is looked for.
    """

    version: Version
    entries: Sequence[IndexEntry]
    expected: str | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A small record that is not a resource; `revision` changes with every write."""

    value: bytes
    revision: int
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Versions, newest first; `next` continues the page (None: it was the last). `total` counts all that the scope holds."""

    versions: tuple[Version, ...]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What `Store.check` found wrong: `place` (a table, a resource) and what it means."""

    place: str
    text: str


class StateStore(Protocol):
    """Small records by space and name, with compare-and-set: accounts, clients, codes, tokens, jobs, keys.

    An expired record reads as absent at once, whenever it is swept.
    """

    async def read(self, space: str, name: str) -> Record | None: ...

    async def revision(self, space: str, name: str) -> int:
        """The record's revision, 0 where there is none. Inside a transaction it stays what it is until the commit: one
        that writes the record commits before this one began to ask, or after this one's commit.
        """
        ...

    async def names(self, space: str) -> Sequence[str]: ...

    async def spaces(self) -> Sequence[str]:
        """The spaces that have records."""
        ...

    async def write(
        self, space: str, name: str, value: bytes, *, expected: int | None = None, expires: datetime | None = None
    ) -> int:
        """Stores the value and returns its new revision. `expected` None: there must be no record yet.

        Raises StateConflict where the revision is another one: then nothing was written.
        """
        ...

    async def delete(self, space: str, name: str, *, expected: int) -> None: ...


class Reader(Protocol):
    """Reads what its Access lets it see: anything else is as if it did not exist, in every method."""

    async def read(self, key: Key) -> Version | None:
        """The current version, a deletion included; None where there never was one."""
        ...

    async def read_many(self, keys: Iterable[Key]) -> list[Version]:
        """The current versions of those keys that exist and are not deleted, in no promised order."""
        ...

    async def vread(self, key: Key, version_id: str) -> Version | None:
        """That version (a deletion too); None where there is none."""
        ...

    async def history(
        self,
        scope: Key | str | None,
        *,
        since: datetime | None = None,
        at: tuple[datetime, datetime] | None = None,
        count: int,
        after: str | None = None,
    ) -> HistoryPage:
        """Versions of one resource (Key), one type (its name) or all (None), newest first.

        `since`: those with last_updated at or after it. `at` (low, high): those that were current at some moment of it.
        Pages are stable: versions written after page one do not appear in later pages. `count` 0: total alone.
        """
        ...

    async def search(self, query: SearchQuery) -> Page:
        """The current resources that the query's trees hold for; see SearchQuery and Page.

        Default order: newest created first; whatever matched when page one was made and still matches appears exactly
        once, in its current state. Raises BadRequest for an `after` that is not one of this store's.
        """
        ...

    async def explain(self, query: SearchQuery) -> Explanation:
        """Answers the query as `search` does, and tells how instead of what. For operators: statements are the store's own."""
        ...

    @property
    def concepts(self) -> Concepts:
        """The concepts of the code systems whose CodeSystem resource the caller may see; see Transaction.define."""
        ...


class Drafts(Protocol):
    """Code systems that are too large for one transaction: put down part by part in many, published by one small write.

    Nobody sees the concepts of a draft. It stays until it is published or dropped, so an import that was interrupted goes on.
    """

    async def begin(self, name: str, size: int) -> int:
        """There is a draft of that name for so many concepts. Returns how many it has already; one of another size is dropped."""
        ...

    async def add(self, name: str, start: int, concepts: Sequence[Placed]) -> None:
        """The draft has these concepts from the place `start` on. No code is there twice, all places that are named will
        be filled. Raises Conflict where the draft is not filled up to `start`, or is not there: somebody else is at it.
        """
        ...

    async def publish(self, name: str, id_: str, system: System) -> None:
        """The code system that came with the resource CodeSystem/`id_` has exactly the concepts of the draft, as if they had
        been defined; a draft of this name is no more. Raises Conflict where it is not full. Takes no longer for many concepts.
        """
        ...

    async def drop(self, name: str) -> None:
        """There is no draft of this name, if there was one."""
        ...

    async def sweep(self, most: int) -> int:
        """Frees the space of up to `most` concepts of drafts that were dropped and of code systems that were published so and
        are not there any more. Returns how many it found: fewer than `most` mean that there are no more.
        """
        ...


class Transaction(Reader, Protocol):
    """Reads and writes that take place at one moment or not at all. It reads its own writes."""

    @property
    def state(self) -> StateStore: ...

    @property
    def drafts(self) -> Drafts: ...

    async def lock(self, *names: str) -> None:
        """No other transaction holding one of these names runs between now and the commit. Once, before any read."""
        ...

    async def append(self, writes: Sequence[Write]) -> None:
        """Makes the versions current, with their entries. Raises VersionConflict (see Write)."""
        ...

    async def reindex(self, writes: Sequence[Write]) -> int:
        """The versions get these entries, without becoming new ones. Those that are not current any more are left alone:
        how many were current is returned. `Write.expected` is not looked at.
        """
        ...

    async def define(self, id_: str, system: System | None, concepts: Sequence[Concept] = ()) -> None:
        """The code system that came with the resource CodeSystem/`id_` has exactly these concepts; None: there is none.

        Each code is there once, and so are all that are named as parents. Raises Unprocessable for a hierarchy that goes round
        in a circle; then nothing of the transaction counts. Purging the resource forgets its concepts. What was published from
        a draft is gone at once too, and its space is freed by `Drafts.sweep`.
        """
        ...

    async def describe(self, id_: str, system: System) -> None:
        """The code system that came with the resource CodeSystem/`id_`, if it is there, is this one; its concepts stay."""
        ...

    async def purge(self, key: Key, version_id: str | None = None) -> int:
        """Removes for good: all versions of the resource, or one that is not current. Returns how many are gone."""
        ...


class Store(Protocol):
    """A database behind the contract. Not a Reader: nothing is read without an Access."""

    state: StateStore

    async def open(self) -> None:
        """Connects, brings the schema up to date (under a lock, after a backup). Raises SchemaError with an instruction."""
        ...

    async def close(self) -> None:
        """Lets running transactions finish, then lets go of the database."""
        ...

    def reader(self, access: Access) -> Reader: ...

    async def transact(self, access: Access, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs `work` in one transaction and returns its result once it is durable.

        `work` awaits nothing but the Transaction, has no other effects, and may be run again after a lost race. Any
        exception from it undoes everything it did and comes out here unchanged. Neighbours may share a commit.
        """
        ...

    def stream(self, access: Access, query: SearchQuery) -> AsyncIterator[Version]:
        """All matches, oldest created first, without holding a snapshot open while the consumer pauses."""
        ...

    async def scan(self, access: Access, query: SearchQuery, after: str) -> tuple[Sequence[Version], str]:
        """The next `query.count` matches, oldest created first, from a place on ("": the beginning), and the next place.

        A walk from the beginning to a page without matches meets every resource that was committed before it began and
        matches all the while. Places mean the same in every process and after a restart.
        """
        ...

    async def versions(self, access: Access, place: str, count: int) -> tuple[Sequence[Version], str]:
        """The next versions of all resources (deletions too, `count` at most) in the order of writing, from a place on
        ("": the beginning), and the next place.

        Each resource's come in their order. A walk from the beginning to a page without versions meets every version that was
        committed before it began and has not been purged. Places mean the same in every process and after a restart.
        """
        ...

    async def defined(self, id_: str) -> System | None:
        """The code system that came with the resource CodeSystem/`id_` (see Transaction.define); None: there is none."""
        ...

    async def reindex(self, key: Key, version_id: str, entries: Sequence[IndexEntry]) -> bool:
        """Replaces the entries of a current version, damaged ones too; False where it is not current any more."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Current resources by type."""
        ...

    async def probe(self) -> None:
        """Writes and syncs one small record. Raises Unavailable where that fails."""
        ...

    async def backup(self, target: Path) -> None:
        """A consistent copy of everything, taken while the server runs; `target` must not exist yet."""
        ...

    async def check(self) -> Sequence[Problem]:
        """Looks for damage: the database's own integrity, orphaned entries, current ≠ newest version."""
        ...
