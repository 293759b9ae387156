"""One request and its answer, and what an interaction may reach while it runs.

Request and Response mirror Bundle.entry.request and Bundle.entry.response (http://hl7.org/fhir/R4/bundle.html), so that
HTTP requests and Bundle entries are the same thing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fhir_server.model import Change, Version, now
from fhir_server.outcome import Issue
from fhir_server.search.query import Access
from fhir_server.settings import Settings
from fhir_server.storage.base import Reader, Store, Transaction

if TYPE_CHECKING:
    from fhir_server.routes import Routes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prefer:
    """The Prefer header. http://hl7.org/fhir/R4/http.html#ops"""

    representation: str = "representation"  # minimal | representation | OperationOutcome
    handling: str = ""  # strict | lenient; "": the setting decides
    respond_async: bool = False


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
class Request:
    """An interaction that is asked for: over HTTP, or as an entry of a batch or transaction.

    `type`, `id`, `version_id`, `operation` and `compartment` are the parts of the path, "" where absent. `parameters` are the
    decoded query (and form) parameters in order. Header values stand as sent, unquoted; None: not sent.
    """

    method: str
    type: str = ""
    id: str = ""
    version_id: str = ""
    operation: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_none_exist: str | None = None
    prefer: Prefer = Prefer()


@dataclass(slots=True)
class Response:
    """The answer to a Request. At most one of `version` (a stored resource) and `resource` (made for this answer) is set.

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
    changes: tuple[Change, ...] = ()


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
    routes: "Routes"
    base_url: str
    signing_key: bytes
    hooks: Hooks = Hooks()


@dataclass(frozen=True, slots=True)
class Context:
    """What an interaction has at hand for one request. Inside a transaction `transaction` is set, and `reader` is it."""

    server: Server
    access: Access
    reader: Reader
    request_id: str
    now: datetime
    transaction: Transaction | None = None

    async def transact(self, work: Callable[["Context"], Awaitable[T]]) -> T:
        """Runs `work` with a Context that can write: joins the transaction under way, or begins and commits one.

        `work` must be fit to run twice and await nothing but its Context's reader and transaction.
        """
        if self.transaction is not None:
            return await work(self)
        return await self.server.store.transact(
            self.access, lambda tx: work(replace(self, reader=tx, transaction=tx))
        )


def context(server: Server, access: Access, request_id: str) -> Context:
    """A fresh Context for one request."""
    return Context(server, access, server.store.reader(access), request_id, now())


Handler = Callable[[Context, Request], Awaitable[Response]]
