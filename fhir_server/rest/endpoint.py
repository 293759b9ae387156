"""The FHIR base path as a plain ASGI application: HTTP in, one dispatch through the route table, HTTP out.

http://hl7.org/fhir/R4/http.html
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Final

from fhir_server.context import Body, Match, Response, Server, context
from fhir_server.formats.places import located
from fhir_server.interactions.aside import LARGE, run_aside
from fhir_server.interactions.subset import understood
from fhir_server.observability.logs import AccessLog
from fhir_server.observability.metrics import Metrics
from fhir_server.observability.tracing import INTERACTION
from fhir_server.outcome import FhirError, Invalid, MethodNotAllowed, Unprocessable
from fhir_server.rest import asynchronous, body, errors, ranges
from fhir_server.rest.asgi import Receive, Scope, Send
from fhir_server.rest.exchange import MAX_PARAMETERS, Exchange, segments
from fhir_server.rest.headers import conditions
from fhir_server.rest.limits import Limits
from fhir_server.rest.render import Renderer, Reply
from fhir_server.search.query import Access
from fhir_server.terminology.remote.asking import called_by

ANYBODY: Final = Access("anybody", everything=True)
"""Who calls with `--auth none`."""

ABOUT_A_PACKAGE: Final = 64 * 1024
"""What may stand around a package in base64."""

_CONDITIONAL: Final = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist", b"prefer"})
_READS: Final = frozenset({"[type]/[id]", "[type]/[id]/_history/[vid]"})


class Endpoint:
    """Answers every request below one of `bases` (`/fhir`); whatever comes in, what goes out is FHIR."""

    def __init__(self, server: Server, bases: Sequence[str], metrics: Metrics, access_log: AccessLog | None) -> None:
        settings = server.settings
        self._server = server
        self._bases = bases
        self._metrics = metrics
        self._access_log = access_log
        self._renderer = Renderer(server.base_url, settings.compress_above)
        self._limits = Limits(settings.max_requests, settings.request_timeout)
        self.jobs = asynchronous.Jobs(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        loop = asyncio.get_running_loop()
        task: asyncio.Task[Any] = asyncio.current_task(loop)  # type: ignore[assignment]
        exchange = Exchange(scope)
        self._metrics.under_way += 1
        try:
            try:
                self._limits.enter(task, loop)
                reply = self._written(exchange, await self._response(exchange, scope, receive))
            except FhirError as error:
                reply = self._renderer.reply(exchange, errors.response(error))
            except body.Disconnected:
                exchange.interaction = "disconnected"
                return
            except asyncio.CancelledError:
                late = self._limits.late(task, reading=exchange.reading)
                if late is None:
                    raise
                reply = self._renderer.reply(exchange, errors.response(late))
            except Exception as error:  # noqa: BLE001 - the last door: nothing of it may get out
                response = errors.fault(error, exchange.request_id, exchange.interaction)
                reply = self._renderer.reply(exchange, response)
            finally:
                self._limits.leave(task)
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            content = b"" if exchange.method == "HEAD" else reply.body
            await send({"type": "http.response.body", "body": content})
            self._account(exchange, reply.status, perf_counter() - started)
        finally:
            self._metrics.under_way -= 1
            scope[INTERACTION] = exchange.interaction

    async def _response(self, exchange: Exchange, scope: Scope, receive: Receive) -> Response:
        exchange.understand(scope)
        path = segments(scope, self._base(scope["path"]))
        if path and path[0] == asynchronous.PATH:
            return await self._background(exchange, path)
        try:
            match = self._server.routes.match("GET" if exchange.method == "HEAD" else exchange.method, path)
        except MethodNotAllowed as error:
            return _other_method(exchange.method, error)
        exchange.match = match
        exchange.interaction = match.route.interaction
        if exchange.unacceptable is not None and not (match.type == "Binary" and match.route.shape in _READS):
            raise exchange.unacceptable
        found = conditions(exchange.headers) if not _CONDITIONAL.isdisjoint(exchange.headers) else {}
        exchange.prefer = found.get("prefer")
        if exchange.parameters and match.route.method == "GET" and match.route.shape in _READS:
            handling = (exchange.prefer and exchange.prefer.handling) or self._server.settings.handling
            exchange.parameters = understood(exchange.parameters, match.type, lenient=handling == "lenient")
        if match.route.method in _WITH_BODY:
            found["body"] = await self._body(exchange, match, receive)
        request = match.request(parameters=_passed_on(exchange), **found)
        if b"via" in exchange.headers:
            called_by(exchange.headers[b"via"].decode("latin-1"))
        ctx = context(self._server, ANYBODY, exchange.request_id)
        if (
            exchange.prefer is not None
            and exchange.prefer.respond_async
            and (match.route.interaction in _IN_BACKGROUND)
        ):
            answer = partial(self._server.routes.dispatch, ctx, request)
            return await self.jobs.start(ctx.access.principal, match.route.method, answer, exchange.request_id)
        try:
            return await self._server.routes.dispatch(ctx, request)
        except MethodNotAllowed as error:
            raise self._possible(path, exchange.method, error) from None
        except (Invalid, Unprocessable) as error:
            if request.body is not None and request.method != "PATCH":
                error.issues = located(error.issues, request.body.raw)
            raise

    def _written(self, exchange: Exchange, response: Response) -> Reply:
        if exchange.match is None or exchange.match.type != "Binary":
            return self._renderer.reply(exchange, response)
        if asked := ranges.wanted(exchange):
            ranges.uncompressed(exchange)
        reply = self._renderer.reply(exchange, response)
        if ranges.offered(exchange, reply):
            reply.headers.append((b"accept-ranges", b"bytes"))
            return ranges.part(exchange, reply) if asked else reply
        return reply

    def _possible(self, path: list[str], method: str, refused: MethodNotAllowed) -> MethodNotAllowed:
        """The refusal of an interaction, with what OPTIONS tells of this URL, less the method that was refused."""
        try:
            self._server.routes.match("OPTIONS", path)
        except MethodNotAllowed as every:
            possible = [each for each in every.headers["Allow"].split(", ") if each != method]
            refused.headers["Allow"] = _allow(", ".join(possible))
        return refused

    def _base(self, path: str) -> str:
        """The longest base that the path is below."""
        return self._bases[0] if len(self._bases) == 1 else max((b for b in self._bases if path.startswith(b)), key=len)

    async def _body(self, exchange: Exchange, match: Match, receive: Receive) -> Body | None:
        """The body, parsed; a search's form joins the parameters."""
        settings = self._server.settings
        limit = settings.max_bundle if match.route.interaction == "transaction" else settings.max_body
        as_it_comes = self._server.routes.raw(match)
        if as_it_comes:
            limit = max(limit, settings.max_package * 4 // 3 + ABOUT_A_PACKAGE)
        exchange.reading = True
        raw = await body.read(receive, exchange.headers, limit)
        exchange.reading = False
        content_type = exchange.headers.get(b"content-type", b"").decode("latin-1")
        if match.route.shape.endswith("_search"):
            exchange.add_parameters(body.form(raw, content_type, MAX_PARAMETERS))
            return None
        security_context = exchange.headers.get(b"x-security-context", b"").decode("latin-1")
        parse = partial(
            body.parse,
            raw,
            content_type,
            method=exchange.method,
            type_=match.type,
            id_=match.id,
            security_context=security_context,
            as_it_comes=as_it_comes,
        )
        return await run_aside(parse) if len(raw) > LARGE else parse()

    async def _background(self, exchange: Exchange, path: list[str]) -> Response:
        """`_async/[name]`: the status of a request with Prefer: respond-async."""
        exchange.interaction = "async-status"
        exchange.require_acceptable()
        actions: dict[str, Callable[[str, str], Any]] = {"GET": self.jobs.status, "HEAD": self.jobs.status}
        actions["DELETE"] = self.jobs.forget
        if exchange.method not in actions or len(path) != 2:
            error = MethodNotAllowed(f"{exchange.method} is not possible here", headers={"Allow": "GET, DELETE"})
            return _other_method(exchange.method, error)
        response: Response = await actions[exchange.method](ANYBODY.principal, path[1])
        return response

    def _account(self, exchange: Exchange, status: int, seconds: float) -> None:
        self._metrics.count(exchange.interaction, status, seconds)
        if self._access_log is not None:
            self._access_log.write(exchange.interaction, status, seconds, exchange.request_id)


_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_IN_BACKGROUND: Final = frozenset(
    {
        *("transaction", "search-type", "search-system", "search-compartment", "operation"),
        *("history-type", "history-system", "history-instance"),
    }
)


def _passed_on(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """The parameters that an interaction sees. Where it writes links to further pages these keep `_format` and `_pretty`."""
    if exchange.general and exchange.interaction.startswith(("search", "history", "operation")):
        return exchange.parameters + exchange.general
    return exchange.parameters


def _other_method(method: str, error: MethodNotAllowed) -> Response:
    """OPTIONS: 204 with what is possible here. Anything else: 405."""
    allow = _allow(error.headers["Allow"])
    if method == "OPTIONS":
        return Response(204, headers={"Allow": allow})
    return Response(405, issues=error.issues, headers={"Allow": allow})


def _allow(methods: str) -> str:
    """HEAD is wherever GET is, and OPTIONS is everywhere."""
    return f"{methods.replace('GET', 'GET, HEAD')}, OPTIONS" if methods else "OPTIONS"
