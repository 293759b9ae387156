"""$subsumes: how two concepts of a code system lie to each other.

http://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from collections.abc import Mapping
from typing import Any, Final

from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, instance, parameters, versioned
from fhir_server.outcome import BadRequest
from fhir_server.terminology.judgement import subsumption
from fhir_server.terminology.sources import shown

Json = Mapping[str, Any]


@answers
async def subsumes(ctx: Context, request: Request, call: Call) -> Json:
    """`outcome`: equivalent, subsumes (A is above B), subsumed-by or not-subsumed.

    Raises NotFound where the code system or one of the codes is not known; BadRequest for codings of two code systems.
    """
    url, version = call.text("system"), call.text("version")
    if request.id:
        resource = await instance(ctx, request)
        url, version = resource.get("url"), resource.get("version")
    one, other = call.coding("codeA", "codingA", url), call.coding("codeB", "codingB", url)
    if one is None or other is None or one.system is None or other.system is None:
        raise BadRequest("system, codeA and codeB are needed, or codingA and codingB", code="required", expression="http.codeA")  # fmt: skip
    if one.system != other.system:
        raise BadRequest(f"{one} and {other} are of two code systems", code="value", expression="http.codingB")
    place = "http.codingA" if call.text("codeA") is None else "http.system"
    source = await call.sources(ctx).required(versioned(one.system, one.version or version), place)
    found = await subsumption(source, one.code, other.code)
    if found is None:
        raise BadRequest(
            f"the code system {shown(source.system.canonical)} does not have both of {one.code[:64]!r} and {other.code[:64]!r}",
            code="not-found",
            expression="http.codingA" if call.text("codeA") is None else "http.codeA",
        )
    return parameters(("outcome", "code", found))


SUBSUMES: Final = Operation(
    "subsumes",
    subsumes,
    "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
    resource=("CodeSystem",),
    type=True,
    instance=True,
)
