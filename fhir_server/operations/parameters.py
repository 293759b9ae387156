"""What an operation is called with: a Parameters resource, a bare resource, or the query.

http://hl7.org/fhir/R4/operations.html#request
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_server.context import Body, Request
from fhir_server.outcome import BadRequest, Invalid
from fhir_server.validation import structure


@dataclass(frozen=True, slots=True)
class Arguments:
    """Values by parameter name, in the order in which they were sent: of a value[x] the value, else the resource."""

    values: Mapping[str, tuple[Any, ...]]

    def one(self, name: str) -> Any:
        """The only value of a parameter; None where it was not sent. Raises BadRequest for several."""
        found = self.values.get(name, ())
        if len(found) > 1:
            raise BadRequest(f"{name} may be given once", expression=f"http.{name}")
        return found[0] if found else None


def arguments(request: Request) -> Arguments:
    """What was sent, query and body together; a body that is no Parameters is the argument `resource`.

    Resources are kept as Body. Raises Invalid for a Parameters resource that is not sound apart from the resources in it.
    """
    found: dict[str, list[Any]] = {}
    for name, value in request.parameters:
        found.setdefault(name, []).append(value)
    body = request.body
    if body is not None and body.plain.get("resourceType") == "Parameters":
        for name, value in _of(body):
            found.setdefault(name, []).append(value)
    elif body is not None and body.plain:
        found.setdefault("resource", []).append(body)
    return Arguments({name: tuple(values) for name, values in found.items()})


def sent(request: Request) -> tuple[tuple[str, str], ...]:
    """The primitive parameters in order, those of a Parameters body behind those of the query, as a query says them.

    Raises BadRequest for a parameter that is a resource, an element or has none; for a body that is no Parameters.
    """
    body = request.body
    if body is None or not body.plain:
        return request.parameters
    if body.plain.get("resourceType") != "Parameters":
        raise BadRequest("The body is a Parameters resource, or there is none")
    found = list(request.parameters)
    for name, value in _of(body):
        if isinstance(value, bool):
            found.append((name, "true" if value else "false"))
        elif isinstance(value, str | int | float | Decimal):
            found.append((name, str(value)))
        else:
            raise BadRequest(f"{name} has one primitive value", code="value", expression=f"http.{name}")
    return tuple(found)


def _of(body: Body) -> list[tuple[str, Any]]:
    sent = body.plain.get("parameter", [])
    shell = [_without_resource(part) for part in sent] if isinstance(sent, list) else sent
    issues = structure.check({**body.plain, "parameter": shell} if sent else body.plain)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=issues)
    found: list[tuple[str, Any]] = []
    for tree, plain in zip(body.tree.get("parameter", ()), sent, strict=True):
        if isinstance(plain.get("resource"), dict):
            found.append((plain["name"], Body(tree["resource"], plain["resource"])))
        else:
            found.append((plain["name"], next((v for name, v in tree.items() if name.startswith("value")), None)))
    return found


def _without_resource(part: Any) -> Any:
    """A parameter whose resource is the operation's own affair."""
    if not isinstance(part, dict) or not isinstance(part.get("resource"), dict):
        return part
    return {**{name: value for name, value in part.items() if name != "resource"}, "valueBoolean": True}
