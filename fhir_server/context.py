"""One request and its answer, and what an interaction may reach while it runs.

Request and Response mirror Bundle.entry.request and Bundle.entry.response (http://hl7.org/fhir/R4/bundle.html), so that
HTTP requests and Bundle entries are the same thing.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from fhir_server.indexing import record
from fhir_server.model import Change, Key, Version, now
from fhir_server.outcome import Issue, Unavailable
from fhir_server.search.query import Access, IndexEntry, Node
from fhir_server.search.registry import R4, Registry, enforce, registry
from fhir_server.search.settle import Terminology
from fhir_server.settings import Settings
from fhir_server.storage.base import Reader, Store, Transaction
from fhir_server.terminology.remote.asking import NOBODY, Nobody, Wanted, hold, release
from fhir_server.terminology.service import Service
from fhir_server.validation.codes import StoredCodes
from fhir_server.validation.known import Known

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_QUESTIONS = 100
"""Questions to the remote terminology server for which one transaction begins anew."""


@dataclass(frozen=True, slots=True)
class Prefer:
    """The Prefer header. http://hl7.org/fhir/R4/http.html#ops"""

    representation: str = ""  # minimal | representation | OperationOutcome; "": not sent (see interactions.preferred)
    handling: str = ""  # strict | lenient; "": the setting decides
    respond_async: bool = False


NO_PREFERENCE = Prefer()


@dataclass(frozen=True, slots=True)
class Body:
    """A submitted body, parsed once.

    `tree` keeps the digits of decimals (to stamp and store); `plain` has them as floats (to validate and index). They are the
    same object where nothing would be lost. For patches `media_type` tells the kind and `raw` holds the document.
    """

    tree: dict[str, Any]
    plain: Mapping[str, Any]
    media_type: str = "application/fhir+json"
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A write made ready before its transaction: the resource is checked, and what it is found by is known.

    `assigned`: the server has just given it its id, so there is no version yet and none is looked for. `under` is the
    revision of the search parameters that the entries come from.
    """

    key: Key
    tree: Mapping[str, Any]
    entries: Sequence[IndexEntry]
    assigned: bool = False
    under: int = field(default_factory=lambda: registry().revision)


@dataclass(slots=True)
class Request:
    """An interaction that is asked for: over HTTP, or as an entry of a batch or transaction. Whoever dispatches it lets it be.

    `type`, `id`, `version_id`, `operation` and `compartment` are the parts of the path, "" where absent; `shape` is the
    path with these names in it, as the route table has it ("": the base, `[type]` or `[type]/[id]`, as parts are given). `parameters` are the decoded query (and
    form) parameters in order. Header values stand as sent (`if_match`: `W/"2"`); None: not sent. `prepared` is set for
    the entries of a transaction.
    """

    method: str
    type: str = ""
    id: str = ""
    version_id: str = ""
    operation: str = ""
    compartment: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_none_exist: str | None = None
    prefer: Prefer = NO_PREFERENCE
    shape: str = ""
    prepared: Prepared | None = None


@dataclass(slots=True)
class Response:
    """The answer to a Request. At most one of `version` (a stored resource), `resource` (made for this answer) and `body`
    (a Bundle or CapabilityStatement as JSON) is set.

    `location` is relative to the base (`Patient/1/_history/2`); issues become the OperationOutcome where one is due, and
    travel with a success as warnings where `Prefer: return=OperationOutcome` asks for them.
    """

    status: int
    version: Version | None = None
    resource: Mapping[str, Any] | None = None
    body: bytes | None = None
    location: str = ""
    etag: str = ""
    last_modified: datetime | None = None
    issues: tuple[Issue, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


class _Outdated(Exception):
    """The search parameters in force are other ones than this process has made index entries by."""


Handler = Callable[["Context", Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the route table: `interaction` is R4's code (http://hl7.org/fhir/R4/valueset-restful-interaction.html)."""

    method: str
    shape: str
    interaction: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Query:
    """A named query (`_query=code`): an OperationDefinition of kind query. `resource` (): of every type.

    `parameters` are the names that it takes; `tree` makes of (type searched, their values) what matches must fulfil, along
    with the other parameters of the search. Raises BadRequest for values that it does not understand.
    """

    code: str
    tree: Callable[[str, Mapping[str, tuple[str, ...]]], Node]
    definition: str
    resource: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


class Match(msgspec.Struct, frozen=True):
    """A route, and the parts of the path that led to it."""

    route: Route
    type: str = ""
    id: str = ""
    version_id: str = ""
    operation: str = ""
    compartment: str = ""

    def request(
        self,
        *,
        parameters: tuple[tuple[str, str], ...] = (),
        body: Body | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        if_modified_since: datetime | None = None,
        if_none_exist: str | None = None,
        prefer: Prefer | None = None,
    ) -> Request:
        """The Request for this route with what else was sent."""
        return Request(
            self.route.method,
            self.type,
            self.id,
            self.version_id,
            self.operation,
            self.compartment,
            parameters,
            body,
            if_match,
            if_none_match,
            if_modified_since,
            if_none_exist,
            prefer or NO_PREFERENCE,
            self.route.shape,
        )


class Router(Protocol):
    """What `routes.Routes` is to the rooms below it: the entries of a Bundle go through the same table as HTTP."""

    @property
    def table(self) -> Sequence[Route]: ...

    def match(self, method: str, segments: Sequence[str]) -> Match: ...

    async def dispatch(self, ctx: "Context", request: Request) -> Response: ...

    def raw(self, match: Match) -> tuple[str, ...]:
        """The media types that what was matched takes as they come, beside FHIR's."""
        ...

    def operations(self, type: str) -> Sequence[tuple[str, str]]:  # noqa: A002 - FHIR's word
        """(code, canonical of the OperationDefinition) of what can be called on this type ("": on the system)."""
        ...

    def queries(self, type: str) -> Sequence[Query]:  # noqa: A002 - FHIR's word
        """The named queries of searches of this type ("": of the system)."""
        ...


BeforeWrite = Callable[["Context", Change], Awaitable[Version | None]]
AfterCommit = Callable[["Context", Change], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What plugins and the core itself do at a write, by resource type ("*": every type).

    `before_write` runs inside the transaction and may refuse (raise), amend (return a Version) or write more;
    `after_commit` runs after it, is logged, and never fails the request.
    """

    before_write: Mapping[str, tuple[BeforeWrite, ...]] = field(default_factory=dict)
    after_commit: Mapping[str, tuple[AfterCommit, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Server:
    """The running server's parts, put together once in `app.create_app`."""

    settings: Settings
    store: Store
    routes: Router
    base_url: str
    signing_key: bytes
    hooks: Hooks = Hooks()
    started: datetime = field(default_factory=now)
    statements: dict[str, bytes] = field(default_factory=dict)  # capabilities by mode, made on first use
    registry: Registry = R4  # the search parameters in force, as far as this process knows
    remote: Nobody = NOBODY  # the terminology server that is asked what is not known here
    terminology: Terminology = field(init=False)
    known: Known = field(init=False)  # conformance resources, as validation needs them

    def __post_init__(self) -> None:
        self.terminology = Service(self.base_url, self.remote)
        self.known = Known(StoredCodes(self.base_url, self.remote))

    async def follow(self) -> None:
        """The search parameters are those in force now, whichever process has changed them; and so is what hangs on them."""
        found = await record.latest(self.store.state, self.registry)
        if found.revision > self.registry.revision:
            self.registry = found
            self.statements.clear()


class Context(msgspec.Struct, frozen=True, eq=False):
    """What an interaction has at hand for one request. Inside a transaction `transaction` is set, and `reader` is it.

    `now` is the moment of the request; inside a transaction the moment that its versions carry. `changes` are the writes
    of the transaction so far. `bundle`: this is an entry of a transaction Bundle, whose locks are held and whose
    referential integrity is judged at its end.
    """

    server: Server
    access: Access
    reader: Reader
    request_id: str
    now: datetime
    transaction: Transaction | None = None
    changes: list[Change] = []
    bundle: bool = False

    @property
    def settings(self) -> Settings:
        return self.server.settings

    async def transact(self, work: Callable[["Context"], Awaitable[T]], *, locks: Sequence[str] = ()) -> T:
        """Runs `work` with a Context that can write: joins the transaction under way, or begins and commits one.

        `work` must be fit to run twice and await nothing but its Context's reader and transaction; what it would ask the
        remote terminology server is asked between two runs. `locks` are taken first; in a transaction under way whoever
        began it has taken them. After the commit the after_commit hooks run. Raises Unavailable for too many questions.
        """
        if self.transaction is not None:
            return await work(self)

        async def attempt(transaction: Transaction) -> tuple[T, list[Change]]:
            inside = msgspec.structs.replace(self, reader=transaction, transaction=transaction, now=now(), changes=[])
            if locks:
                await transaction.lock(*locks)
            if await record.revision(transaction.state) != registry().revision:
                raise _Outdated
            token = hold(True)
            try:
                return await work(inside), inside.changes
            finally:
                release(token)

        questions = 0
        while True:
            try:
                result, changes = await self.server.store.transact(self.access, attempt)
            except _Outdated:
                await self.renewed()
                continue
            except Wanted as wanted:
                questions += 1
                if questions > MOST_QUESTIONS:
                    raise Unavailable("The remote terminology server would have to be asked too much") from wanted
                await self.server.remote.answered(wanted.question)
                continue
            await self._announce(changes)
            return result

    async def renewed(self) -> bool:
        """Whether other search parameters are in force than this request has seen so far; if so, it sees those from now on.

        Inside a transaction they are the ones in force.
        """
        if self.transaction is not None:
            return False
        await self.server.follow()
        if self.server.registry is registry():
            return False
        enforce(self.server.registry)
        return True

    async def _announce(self, changes: Sequence[Change]) -> None:
        hooks = self.server.hooks.after_commit
        if not hooks:
            return
        for change in changes:
            for hook in (*hooks.get(change.after.key.type, ()), *hooks.get("*", ())):
                try:
                    await hook(self, change)
                except Exception:  # the write is durable: a hook cannot fail it any more, only be logged
                    log.exception("after_commit hook failed", extra={"hook": repr(hook), "type": change.after.key.type})


def context(server: Server, access: Access, request_id: str) -> Context:
    """A fresh Context for one request, which from here on sees the search parameters that are in force now."""
    enforce(server.registry)
    return Context(server, access, server.store.reader(access), request_id, now())
