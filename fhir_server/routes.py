"""The FHIR REST API as one table: HTTP requests and the entries of Bundles both go through it.

http://hl7.org/fhir/R4/http.html
"""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from fhir_server.context import Context, Match, Query, Request, Response, Route
from fhir_server.definitions import definitions
from fhir_server.interactions.batch import bundle
from fhir_server.interactions.capabilities import capabilities
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import conditional_delete, delete
from fhir_server.interactions.history import history
from fhir_server.interactions.patch import conditional_patch, patch
from fhir_server.interactions.purge import purge
from fhir_server.interactions.read import read
from fhir_server.interactions.search import search
from fhir_server.interactions.update import conditional_update, update
from fhir_server.interactions.vread import vread
from fhir_server.operations import everything
from fhir_server.operations.fhirpath import FHIRPATH
from fhir_server.operations.lastn import LASTN
from fhir_server.operations.packages import INSTALL, PACKAGES, UNINSTALL
from fhir_server.operations.registry import Operation, Registry
from fhir_server.operations.reindex import REINDEX
from fhir_server.operations.terminology import TERMINOLOGY
from fhir_server.operations.validate import VALIDATE
from fhir_server.outcome import MethodNotAllowed, NotFound

TABLE: Final = (
    Route("GET", "metadata", "capabilities", capabilities),
    Route("POST", "", "transaction", bundle),
    Route("GET", "", "search-system", search),
    Route("POST", "_search", "search-system", search),
    Route("GET", "_history", "history-system", history),
    Route("POST", "[type]", "create", create),
    Route("GET", "[type]", "search-type", search),
    Route("POST", "[type]/_search", "search-type", search),
    Route("GET", "[type]/_history", "history-type", history),
    Route("PUT", "[type]", "update", conditional_update),
    Route("PATCH", "[type]", "patch", conditional_patch),
    Route("DELETE", "[type]", "delete", conditional_delete),
    Route("GET", "[type]/[id]", "read", read),
    Route("PUT", "[type]/[id]", "update", update),
    Route("PATCH", "[type]/[id]", "patch", patch),
    Route("DELETE", "[type]/[id]", "delete", delete),
    Route("GET", "[type]/[id]/_history", "history-instance", history),
    Route("GET", "[type]/[id]/_history/[vid]", "vread", vread),
    Route("GET", "[type]/[id]/[compartment]", "search-compartment", search),
    Route("POST", "[type]/[id]/[compartment]/_search", "search-compartment", search),
    Route("DELETE", "[type]/[id]/_history", "purge", purge),
    Route("DELETE", "[type]/[id]/_history/[vid]", "purge", purge),
)
"""Every interaction of R4 (its variant search is called search-compartment here), and `purge`, which is ours: R4 4.0.1
does not define DELETE on a history."""

OPERATIONS: Final = (
    *(VALIDATE, everything.PATIENT, everything.ENCOUNTER, LASTN, REINDEX, FHIRPATH),
    *(INSTALL, UNINSTALL, PACKAGES),
    *TERMINOLOGY,
)
"""The operations of the server itself."""

_OPERATION_SHAPES: Final = ("$[name]", "[type]/$[name]", "[type]/[id]/$[name]")


class Routes:
    """The table with the operations beside it."""

    def __init__(
        self,
        operations: Iterable[Operation] = OPERATIONS,
        *,
        queries: Iterable[Query] = (),
        table: Sequence[Route] = TABLE,
        off: Collection[str] = (),
    ) -> None:
        """`off`: interactions that the settings have switched off. They are offered nowhere; their handlers say why."""
        self._registry = Registry(operations)
        self._queries = tuple(queries)
        every = tuple(table) + tuple(
            Route(method, shape, "operation", self._registry.call)
            for shape in _OPERATION_SHAPES
            for method in ("GET", "POST")
        )
        self.table: Sequence[Route] = tuple(route for route in every if route.interaction not in off)
        self._routes = {(route.method, route.shape): route for route in every}
        self._methods = {
            shape: ", ".join(dict.fromkeys(route.method for route in self.table if route.shape == shape))
            for shape in {route.shape for route in self.table}
        }
        self._types = frozenset(definitions().resource_types)

    def match(self, method: str, segments: Sequence[str]) -> Match:
        """The route for `method` and the decoded path below the base, cut at its slashes (no empty segments).

        Raises NotFound for paths that R4 does not know (unknown types with what may have been meant), MethodNotAllowed
        with the header Allow. HEAD is asked for as GET.
        """
        place = self._place(segments)
        route = self._routes.get((method, place[0]))
        if route is None:
            allow = self._methods[place[0]]
            if place[0] in _OPERATION_SHAPES:
                allow = self._registry.methods(Match(self._routes["GET", place[0]], *place[1:]).request())
            raise MethodNotAllowed(
                f"{method} is not an interaction on {'/'.join(segments) or 'the base'}; possible: {allow}",
                headers={"Allow": allow},
            )
        return Match(route, *place[1:])

    async def dispatch(self, ctx: Context, request: Request) -> Response:
        """The answer of the route that `match` found for this request. Raises FhirError for whatever goes wrong."""
        shape = request.shape or ("[type]/[id]" if request.id else "[type]" if request.type else "")
        return await self._routes[request.method, shape].handler(ctx, request)

    def raw(self, match: Match) -> tuple[str, ...]:
        """The media types that this operation takes as they come, beside FHIR's; () for most."""
        return self._registry.raw(match.request()) if match.operation else ()

    def operations(self, type: str) -> Sequence[tuple[str, str]]:  # noqa: A002 - FHIR's word
        """(code, canonical of the OperationDefinition) of what can be called on this type ("": on the system), and of the
        named queries of its searches.
        """
        called = [(operation.code, operation.definition) for operation in self._registry.of(type)]
        return called + [(query.code, query.definition) for query in self.queries(type)]

    def queries(self, type: str) -> Sequence[Query]:  # noqa: A002 - FHIR's word
        """The named queries of searches of this type ("": of the system)."""
        return [query for query in self._queries if not query.resource or type in query.resource]

    def _place(self, segments: Sequence[str]) -> tuple[str, ...]:
        """(shape, type, id, version id, operation, compartment), trailing parts left out."""
        match segments:
            case [type_] if type_ in self._types:
                return "[type]", type_
            case [type_, id_] if type_ in self._types and id_[:1] not in "_$":
                return "[type]/[id]", type_, id_
            case []:
                return ("",)
            case ["metadata" | "_history" | "_search" as word]:
                return (word,)
            case [operation] if operation.startswith("$"):
                return "$[name]", "", "", "", operation[1:]
            case [type_, *_] if type_ not in self._types:
                raise self._unknown_type(type_)
            case [type_, "_history" | "_search" as word]:
                return f"[type]/{word}", type_
            case [type_, operation] if operation.startswith("$"):
                return "[type]/$[name]", type_, "", "", operation[1:]
            case [type_, id_, "_history"]:
                return "[type]/[id]/_history", type_, id_
            case [type_, id_, "_history", version_id]:
                return "[type]/[id]/_history/[vid]", type_, id_, version_id
            case [type_, id_, operation] if operation.startswith("$"):
                return "[type]/[id]/$[name]", type_, id_, "", operation[1:]
            case [type_, id_, target] if target == "*" or target in self._types:
                return "[type]/[id]/[compartment]", type_, id_, "", "", target
            case [type_, id_, target, "_search"] if target == "*" or target in self._types:
                return "[type]/[id]/[compartment]/_search", type_, id_, "", "", target
        raise NotFound(f"{'/'.join(segments)} is not a path of the FHIR API; see http://hl7.org/fhir/R4/http.html")

    def _unknown_type(self, name: str) -> NotFound:
        near = get_close_matches(name, self._types, 3, 0.6) or [t for t in self._types if t.lower() == name.lower()]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return NotFound(f"{name} is not a resource type of R4{hint}")
