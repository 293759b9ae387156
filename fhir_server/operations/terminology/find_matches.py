"""$find-matches: codes by what is known of their properties.

http://hl7.org/fhir/R4/codesystem-operation-find-matches.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhir_server.concepts import Concept, Condition, all_of
from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, instance, parameters, versioned
from fhir_server.outcome import BadRequest
from fhir_server.terminology.sources import Source
from fhir_server.terminology.valuesets import condition

Json = Mapping[str, Any]

MOST: Final = 100
"""Matches of one answer."""
MOST_PROPERTIES: Final = 20
Asked = tuple[str, Any]
"""Code and value of a property."""


@answers
async def find_matches(ctx: Context, request: Request, call: Call) -> Json:
    """The codes that have all the properties; where there is none, those that lack one, which is told as `unmatched`.

    Raises NotFound for a code system that is not known, Unprocessable where there are too many: never some of them.
    """
    url, version = call.text("system"), call.text("version")
    if request.id:
        resource = await instance(ctx, request)
        url, version = resource.get("url"), resource.get("version")
    if url is None:
        raise BadRequest("system is needed", code="required", expression="http.system")
    if call.flag("exact") is None:
        raise BadRequest("exact is needed: true or false", code="required", expression="http.exact")
    asked = _asked(call)
    source = (await call.sources(ctx).required(versioned(url, version), "http.system")).require_complete()
    found = [(concept, None) for concept in await _having(source, asked)]
    matches: list[tuple[Concept, Asked | None]] = [*found]
    if not matches and len(asked) > 1:
        for less in asked:
            fewer = [each for each in asked if each is not less]
            matches += [(concept, less) for concept in await _having(source, fewer)]
    if len(matches) > MOST:
        raise BadRequest(f"more than {MOST} codes match: name more properties", code="too-costly", expression="http.property")  # fmt: skip
    return parameters(*(("match", "part", _told(source, concept, less)) for concept, less in matches))


def _asked(call: Call) -> list[Asked]:
    found = []
    for parts in call.parts("property"):
        code, value = parts.get("code"), parts.get("value")
        if not isinstance(code, str) or value is None:
            raise BadRequest("a property has a code and a value; parts of it cannot be asked for", code="not-supported", expression="http.property")  # fmt: skip
        found.append((code, value))
    if not found:
        raise BadRequest("property is needed, in a Parameters resource", code="required", expression="http.property")
    if len(found) > MOST_PROPERTIES:
        raise BadRequest(f"{MOST_PROPERTIES} properties at most", code="too-costly", expression="http.property")
    return found


async def _having(source: Source, asked: Sequence[Asked]) -> Sequence[Concept]:
    conditions: list[Condition] = [_condition(source, code, value) for code, value in asked]
    return await source.select(all_of(conditions), MOST + 1)


def _condition(source: Source, code: str, value: Any) -> Condition:
    text = _text(value)
    return condition({"property": code, "op": "=", "value": text}, source.system.url, source.system.url)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("code", "")) if isinstance(value, Mapping) else str(value)


def _told(source: Source, concept: Concept, less: Asked | None) -> list[tuple[str, str, Any]]:
    coding = {"system": source.system.url, "version": source.system.version, "code": concept.code, "display": concept.display}  # fmt: skip
    found: list[tuple[str, str, Any]] = [("code", "coding", {name: text for name, text in coding.items() if text})]
    if less is not None:
        code, value = less
        kind = "coding" if isinstance(value, Mapping) else "boolean" if isinstance(value, bool) else "string"
        told = value if kind != "string" else str(value)
        found.append(("unmatched", "part", [("code", "code", code), ("value", kind, told)]))
    return found


FIND_MATCHES: Final = Operation(
    "find-matches",
    find_matches,
    "http://hl7.org/fhir/OperationDefinition/CodeSystem-find-matches",
    resource=("CodeSystem",),
    type=True,
    instance=True,
)
