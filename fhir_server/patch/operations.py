"""The operations of a FHIRPath Patch, read from its Parameters resource.

http://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_server import fhirpath
from fhir_server.fhirpath import Expression, FhirPathError
from fhir_server.outcome import BadRequest, Unprocessable

MAX_OPERATIONS: Final = 1_000

_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
_TEXT: Final = ("valueString", "valueCode", "valueUri", "valueId")
_NUMBER: Final = ("valueInteger", "valueUnsignedInt", "valuePositiveInt")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; what its type does not need is empty. `place` names it in the Parameters resource."""

    type: str
    path: Expression
    name: str
    index: int
    source: int
    destination: int
    value: Mapping[str, Any]
    place: str

    def impossible(self, text: str) -> Unprocessable:
        return Unprocessable(f"{self.type} at {self.path.text[:200]}: {text}", code="processing", expression=self.place)


def operations(parameters: Any) -> list[Operation]:
    """The operations of `parameters`; BadRequest where it is no FHIRPath Patch, with the parameter in `expression`."""
    if not isinstance(parameters, Mapping) or parameters.get("resourceType") != "Parameters":
        raise BadRequest("A FHIRPath Patch is a Parameters resource", expression="resourceType")
    given = parameters.get("parameter", [])
    if not isinstance(given, list):
        raise BadRequest("parameter is an array", expression="Parameters.parameter")
    if len(given) > MAX_OPERATIONS:
        raise BadRequest(f"A patch may have {MAX_OPERATIONS} operations, not {len(given)}", code="too-costly")
    return [_operation(one, f"Parameters.parameter[{number}]") for number, one in enumerate(given)]


def _operation(given: Any, place: str) -> Operation:
    if not isinstance(given, Mapping) or given.get("name") != "operation":
        raise BadRequest("Each parameter of a FHIRPath Patch is called `operation`", expression=f"{place}.name")
    parts = _parts(given.get("part"), place)
    kind = _text(parts, "type", place)
    if kind not in _PARTS:
        raise BadRequest(f"type is {kind[:40]!r}; it is one of {', '.join(_PARTS)}", expression=f"{place}.part")
    for name in _PARTS[kind]:
        if name not in parts:
            raise BadRequest(f"{kind} needs the part `{name}`", expression=f"{place}.part")
    needed = _PARTS[kind]
    return Operation(
        type=kind,
        path=_path(parts, place),
        name=_text(parts, "name", place) if "name" in needed else "",
        index=_number(parts, "index", place) if "index" in needed else 0,
        source=_number(parts, "source", place) if "source" in needed else 0,
        destination=_number(parts, "destination", place) if "destination" in needed else 0,
        value=parts["value"][1] if "value" in needed else {},
        place=place,
    )


Parts = dict[str, tuple[int, Mapping[str, Any]]]


def _parts(given: Any, place: str) -> Parts:
    if not isinstance(given, list):
        raise BadRequest("An operation has parts: type, path and what its type needs", expression=place)
    parts: Parts = {}
    for number, part in enumerate(given):
        name = part.get("name") if isinstance(part, Mapping) else None
        if not isinstance(name, str) or name in parts:
            raise BadRequest(
                "Each part of an operation has a name of its own", expression=f"{place}.part[{number}].name"
            )
        parts[name] = (number, part)
    return parts


def _text(parts: Parts, name: str, place: str) -> str:
    number, part = parts.get(name, (None, {}))
    found = next((part[key] for key in _TEXT if isinstance(part.get(key), str)), None)
    if found is None:
        where = place if number is None else f"{place}.part[{number}]"
        raise BadRequest(f"The part `{name}` is needed, with a valueString or valueCode", expression=where)
    return str(found)


def _number(parts: Parts, name: str, place: str) -> int:
    number, part = parts[name]
    for key in _NUMBER:
        value = part.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    raise BadRequest(f"The part `{name}` is a valueInteger from 0 on", expression=f"{place}.part[{number}]")


def _path(parts: Parts, place: str) -> Expression:
    try:
        return fhirpath.compile(_text(parts, "path", place))
    except FhirPathError as error:
        issue = error.issues[0]
        raise BadRequest(issue.text, code=issue.code, expression=f"{place}.part[{parts['path'][0]}].value") from None
