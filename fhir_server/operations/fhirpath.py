"""$fhirpath: what expressions give on a resource, for developers.

http://hl7.org/fhir/R4/fhirpath.html; parameters and results as FHIRPath tools for developers have them
"""

from collections.abc import Sequence
from typing import Any, Final

from fhir_server.context import Body, Context, Request, Response
from fhir_server.fhirpath import Budget, Environment, Expression, Item, Node, TooCostly, root
from fhir_server.fhirpath import compile as compiled
from fhir_server.formats import json
from fhir_server.interactions.surroundings import Surroundings
from fhir_server.model import Key
from fhir_server.operations.parameters import Arguments, arguments
from fhir_server.operations.registry import Operation
from fhir_server.operations.typed import part
from fhir_server.outcome import BadRequest, Invalid, NotFound
from fhir_server.validation import structure

MOST_EXPRESSIONS: Final = 20
MOST_RESULTS: Final = 1_000
MOST_BYTES: Final = 8 * 2**20
"""What the results may hold together."""

Parts = list[dict[str, Any]]


async def fhirpath(ctx: Context, request: Request) -> Response:
    """200 with Parameters: a `result` for each node of the `context` (or one), whose parts are the items, each with its type.

    Several `expression` parameters give an `evaluation` each, with the expression and its results. On an instance the
    stored resource is meant, else the parameter `resource` or the bare body; without one only the language itself is there.
    Raises BadRequest for what is no expression or cannot be evaluated, Invalid for what is no resource, NotFound.
    """
    given = arguments(request)
    expressions = [_expression(text) for text in given.values.get("expression", ())]
    if not expressions or len(expressions) > MOST_EXPRESSIONS:
        raise BadRequest(
            f"expression is expected, {MOST_EXPRESSIONS} times at most", code="required", expression="http.expression"
        )
    text = given.one("context")
    where = None if text is None else _expression(text)
    resource = await _resource(ctx, request, given)
    surroundings = Surroundings(ctx)

    def evaluate() -> Parts:
        node = None if resource is None else root(resource.tree)
        work = _Evaluation(node, where, surroundings.environment)
        if len(expressions) == 1:
            return work.results(expressions[0])
        return [
            {"name": "evaluation", "part": [{"name": "expression", "valueString": each.text}, *work.results(each)]}
            for each in expressions
        ]

    found = await surroundings.settled(evaluate)
    return Response(200, resource={"resourceType": "Parameters", **({"parameter": found} if found else {})})


class _Evaluation:
    """The expressions of one request on one resource: one budget for all of them."""

    def __init__(self, node: Node | None, where: Expression | None, environment: Environment) -> None:
        self._node, self._where, self._environment = node, where, environment
        self._budget = Budget()
        self._left = MOST_RESULTS
        self._bytes = MOST_BYTES

    def results(self, expression: Expression) -> Parts:
        """One `result`, or one for each node that the context gives, with the node's place."""
        if self._where is None:
            return [self._result(self._items(expression, self._node), "")]
        contexts = [each for each in self._items(self._where, self._node) if isinstance(each, Node)]
        return [self._result(self._items(expression, each), each.path) for each in contexts]

    def _items(self, expression: Expression, node: Node | None) -> list[Item]:
        return expression.evaluate(node, environment=self._environment, budget=self._budget)

    def _result(self, items: Sequence[Item], place: str) -> dict[str, Any]:
        self._left -= len(items) + 1
        if self._left < 0:
            raise TooCostly(f"The expressions give more than {MOST_RESULTS:,} results; ask for less at once")
        parts = []
        for item in items:
            parts.append(part(item))
            self._bytes -= len(json.dumps(parts[-1]))
            if self._bytes < 0:
                raise TooCostly(f"The results hold more than {MOST_BYTES:,} bytes; ask for less at once")
        return {
            "name": "result",
            **({"valueString": place} if place else {}),
            **({"part": parts} if parts else {}),
        }


def _expression(text: Any) -> Expression:
    if not isinstance(text, str):
        raise BadRequest("expression and context are strings", code="value", expression="http.expression")
    return compiled(text)


async def _resource(ctx: Context, request: Request, given: Arguments) -> Body | None:
    found = given.one("resource")
    if request.id and found is None:
        version = await ctx.reader.read(Key(request.type, request.id))
        if version is None or version.deleted:
            raise NotFound(f"There is no {request.type}/{request.id}")
        return Body(version.exact(), version.resource)
    if found is None:
        return None
    if not isinstance(found, Body):
        raise BadRequest("The parameter resource is a resource", code="value", expression="http.resource")
    issues = [issue for issue in structure.check(found.plain) if issue.severity in ("error", "fatal")]
    if issues:
        raise Invalid(issues=issues)
    return found


FHIRPATH: Final = Operation(
    "fhirpath",
    fhirpath,
    "urn:fhir-server:OperationDefinition:fhirpath",
    system=True,
    type=True,
    instance=True,
)
