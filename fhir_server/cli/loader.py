"""Loading resources and Bundles into a store, through the same interactions as HTTP: exactly once, whatever interrupts it.

A transaction or batch Bundle is written whole or not at all. The resources of other Bundles and of NDJSON are written as
`PUT [type]/[id]`, many to a commit. Each commit also holds the mark of what it contains, so that a run that was
interrupted goes on where it stopped. What refers to something not loaded yet is put off until the rest is there.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import xxhash

from fhir_server.cli.sources import Item
from fhir_server.context import Body, Context, Prefer, Request, Server, context
from fhir_server.formats import json, xml
from fhir_server.outcome import FhirError, Invalid
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Transaction

SPACE = "load"
TOGETHER = 200  # resources in one commit
AT_ONCE = 4  # commits under way, so that neighbours share an fsync


@dataclass(frozen=True, slots=True)
class Part:
    """A request and where it is from."""

    place: str
    request: Request


Piece = tuple[Part, ...]
"""What one commit holds: parts that go through together."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A piece that was refused, with the error."""

    place: str
    error: FhirError


@dataclass(slots=True)
class Report:
    """What a run did; resources are counted as they were sent."""

    loaded: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)


class Loader:
    """One run over `items`; `advance` hears of every item that is through."""

    def __init__(self, server: Server, run: str, advance: Callable[[], None] = lambda: None) -> None:
        self.report = Report()
        self._server = server
        self._run = xxhash.xxh3_64_hexdigest(run.encode())
        self._advance = advance
        self._done: set[str] = set()
        self._later: list[Piece] = []

    async def load(self, items: Iterable[Item]) -> Report:
        """Loads all items; a refused one is reported and does not stop the rest."""
        prefix = f"{self._run}/"
        self._done = {n for n in await self._server.store.state.names(SPACE) if n.startswith(prefix)}
        await self._through(self._pieces(items), last=False)
        while self._later:
            put_off, self._later = self._later, []
            before = self.report.loaded
            await self._through(iter(put_off), last=False)
            if self.report.loaded == before:
                put_off, self._later = self._later, []
                await self._through(iter(put_off), last=True)
        if not self.report.failures:
            await self._forget()
        return self.report

    async def _through(self, pieces: Iterator[Piece], *, last: bool) -> None:
        running: set[asyncio.Task[None]] = set()
        for piece in pieces:
            if len(running) >= AT_ONCE:
                finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    task.result()
            running.add(asyncio.create_task(self._piece(piece, last=last)))
        for task in running:
            await task

    async def _piece(self, piece: Piece, *, last: bool) -> None:
        mark = self._mark(piece)
        left = () if mark in self._done else tuple(part for part in piece if self._mark((part,)) not in self._done)
        self.report.skipped += _count(piece) - _count(left)
        if not left:
            self._advance()
            return
        try:
            await self._write(left, mark)
        except FhirError as error:
            if len(left) > 1:
                for part in left:
                    await self._piece((part,), last=last)
            elif last or isinstance(error, Invalid):
                self.report.failures.append(Failure(left[0].place, error))
                self._advance()
            else:
                self._later.append(left)
            return
        self.report.loaded += _count(left)
        self._advance()

    def _mark(self, piece: Piece) -> str:
        """The name of the record that says: this is in."""
        return f"{self._run}/{xxhash.xxh3_64_hexdigest(chr(10).join(part.place for part in piece).encode())}"

    async def _write(self, piece: Piece, mark: str) -> None:
        ctx = context(self._server, UNRESTRICTED, "load")

        async def work(inner: Context) -> None:
            for part in piece:
                await self._server.routes.dispatch(inner, part.request)
            if inner.transaction is not None:
                await inner.transaction.state.write(SPACE, mark, b"")

        await ctx.transact(work)

    async def _forget(self) -> None:
        """The run is through: its marks go all at once. One that is killed while they went would load a part again."""

        async def work(transaction: Transaction) -> None:
            for name in await transaction.state.names(SPACE):
                record = await transaction.state.read(SPACE, name) if name.startswith(f"{self._run}/") else None
                if record is not None:
                    await transaction.state.delete(SPACE, name, expected=record.revision)

        await self._server.store.transact(UNRESTRICTED, work)

    def _pieces(self, items: Iterable[Item]) -> Iterator[Piece]:
        waiting: list[Part] = []
        for item in items:
            try:
                parts = list(_parts(item))
            except FhirError as error:
                self.report.failures.append(Failure(item.place, error))
                self._advance()
                continue
            if len(parts) == 1 and not parts[0].request.type:
                yield (parts[0],)
                continue
            for part in parts:
                waiting.append(part)
                if len(waiting) == TOGETHER:
                    yield tuple(waiting)
                    waiting = []
        if waiting:
            yield tuple(waiting)


def _parts(item: Item) -> Iterator[Part]:
    """The interactions that load one item: POST of a transaction, or PUT (without id: POST) of each resource."""
    if item.xml:
        tree = xml.from_xml(item.raw)
        body = Body(tree, json.parse(json.dumps(tree)).plain)
    else:
        parsed = json.parse(item.raw)
        body = Body(parsed.tree, parsed.plain)
    kind = body.tree.get("type") if body.tree.get("resourceType") == "Bundle" else None
    if kind in ("transaction", "batch"):
        whole = Body({**body.tree, "type": "transaction"}, {**body.plain, "type": "transaction"})
        yield Part(item.place, Request("POST", body=whole, prefer=Prefer("minimal")))
    elif kind in ("collection", "searchset"):
        for number, (exact, plain) in enumerate(zip(_resources(body.tree), _resources(body.plain), strict=True)):
            yield _put(f"{item.place} Bundle.entry[{number}]", Body(exact, plain))
    else:
        yield _put(item.place, body)


def _resources(bundle: object) -> Sequence[dict[str, object]]:
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    found = [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [resource for resource in found if isinstance(resource, dict)]


def _put(place: str, body: Body) -> Part:
    type_, id_ = body.tree.get("resourceType"), body.tree.get("id")
    if not isinstance(type_, str):
        raise Invalid(f"{place} is not a FHIR resource: it has no resourceType", expression="resourceType")
    if id_ is None:
        return Part(place, Request("POST", type_, body=body, prefer=Prefer("minimal")))
    return Part(place, Request("PUT", type_, str(id_), body=body, prefer=Prefer("minimal")))


def _count(piece: Piece) -> int:
    """Resources in the piece, as they were sent."""
    requests = [part.request for part in piece]
    return sum(len(_resources(r.body.plain)) if r.body and not r.type else 1 for r in requests)
