"""The operations that can be called, in OperationDefinition's own words.

http://hl7.org/fhir/R4/operations.html and http://hl7.org/fhir/R4/operationdefinition.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir_server.context import Context, Handler, Request, Response
from fhir_server.outcome import MethodNotAllowed, NotFound


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: where it may be called, and what answers. `resource` () with `type` or `instance`: every type.

    `affects_state`: it is called with POST only. `definition` is the canonical of its OperationDefinition. `raw` are the
    media types that it takes as they come, beside FHIR's.
    """

    code: str
    handler: Handler
    definition: str
    resource: tuple[str, ...] = ()
    system: bool = False
    type: bool = False
    instance: bool = False
    affects_state: bool = False
    raw: tuple[str, ...] = ()

    def on(self, request: Request) -> bool:
        """Whether it can be called at this level, on this type."""
        if not request.type:
            return self.system
        level = self.instance if request.id else self.type
        return level and (not self.resource or request.type in self.resource)


class Registry:
    """All operations of a server; several may share a code."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._operations = tuple(operations)

    def of(self, type_: str) -> Sequence[Operation]:
        """Those that can be called on this type or its instances ("": on the system)."""
        if not type_:
            return [operation for operation in self._operations if operation.system]
        return [
            operation
            for operation in self._operations
            if (operation.type or operation.instance) and (not operation.resource or type_ in operation.resource)
        ]

    def methods(self, request: Request) -> str:
        """How the operation of this request can be called: `GET, POST`, or POST alone; both for one that is not here."""
        found = self._found(request)
        return "POST" if found is not None and found.affects_state else "GET, POST"

    def raw(self, request: Request) -> tuple[str, ...]:
        """The media types that the operation of this request takes as they come."""
        found = self._found(request)
        return () if found is None else found.raw

    def _found(self, request: Request) -> Operation | None:
        return next((o for o in self._operations if o.code == request.operation and o.on(request)), None)

    async def call(self, ctx: Context, request: Request) -> Response:
        """The operation's answer. Raises NotFound for one that is not here, MethodNotAllowed for GET on what changes state."""
        found = self._found(request)
        if found is None:
            known = ", ".join(dict.fromkeys(f"${o.code}" for o in self._operations if o.on(request))) or "none"
            level = f"{request.type}/[id]" if request.id else request.type or "the system"
            raise NotFound(f"${request.operation} is not an operation on {level}; known: {known}", code="not-supported")
        if found.affects_state and request.method == "GET":
            raise MethodNotAllowed(f"${found.code} changes what is stored: call it with POST")
        return await found.handler(ctx, request)
