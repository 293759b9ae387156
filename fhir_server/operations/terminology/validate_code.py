"""$validate-code: whether a code is one of a code system, or in a value set.

http://hl7.org/fhir/R4/codesystem-operation-validate-code.html, http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, instance, parameters, versioned
from fhir_server.outcome import BadRequest
from fhir_server.terminology.grammars import formed
from fhir_server.terminology.judgement import Judged, in_value_set, of_system, of_value_set
from fhir_server.terminology.sources import shown
from fhir_server.terminology.valuesets import composed

Json = Mapping[str, Any]


@answers
async def in_code_system(ctx: Context, request: Request, call: Call) -> Json:
    """Whether one of the codings is a code of the code system, called as it is there. Raises NotFound where that is not known."""
    sources = call.sources(ctx)
    sent = await instance(ctx, request) if request.id else call.resource("codeSystem", "CodeSystem")
    url = call.text("url") if sent is None else str(sent.get("url", ""))
    codings = call.codings(url)
    if url is None and all(coding.system is None for coding in codings):
        raise BadRequest("one of url and codeSystem is needed", code="required", expression="http.url")
    version = sent.get("version") if sent is not None and request.id else call.text("version")
    judged = []
    for coding in codings:
        if url is not None and coding.system != url:
            judged.append(Judged(False, f"{coding} is not of the code system {shown(url)}"))
            continue
        canonical = versioned(coding.system or "", coding.version or version)
        source = await sources.system(canonical)
        if source is None and url is not None and formed(url, coding.code) is None:
            await sources.required(canonical, "http.url")
        judged.append(await of_system(source, coding, abstract=call.flag("abstract") is not False))
    return _told(judged)


@answers
async def of_members(ctx: Context, request: Request, call: Call) -> Json:
    """Whether one of the codings is a member of the value set, called as it is there. Raises NotFound where that is not known."""
    sources = call.sources(ctx)
    sent = await instance(ctx, request) if request.id else call.resource("valueSet", "ValueSet")
    allowed = call.flag("abstract") is not False
    if sent is not None:
        name, parts = str(sent.get("url", "that was sent")), await composed(sources, sent)
        return _told([await of_value_set(sources, parts, name, coding, abstract=allowed) for coding in call.codings()])
    name = await call.value_set(sources)
    return _told(await in_value_set(sources, name, call.codings(), abstract=allowed))


def _told(judged: Sequence[Judged]) -> Json:
    """One that holds is enough; else all that is wrong."""
    good = next((each for each in judged if each.result), None)
    display = next((each.display for each in ([good] if good else judged) if each.display), None)
    if good is not None:
        return parameters(("result", "boolean", True), ("display", "string", display))
    message = "; ".join(dict.fromkeys(each.message for each in judged if each.message))
    return parameters(
        ("result", "boolean", False),
        ("message", "string", message or "there is no coding with a code"),
        ("display", "string", display),
    )


OF_CODE_SYSTEM: Final = Operation(
    "validate-code",
    in_code_system,
    "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
    resource=("CodeSystem",),
    type=True,
    instance=True,
)
OF_VALUE_SET: Final = Operation(
    "validate-code",
    of_members,
    "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
    resource=("ValueSet",),
    type=True,
    instance=True,
)
