"""$translate: what a code is in another code system, as concept maps say.

http://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Mapping
from typing import Any, Final

from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, instance, parameters, versioned
from fhir_server.operations.terminology.forward import answer, forwarded, passed_on
from fhir_server.outcome import BadRequest
from fhir_server.terminology.conceptmaps import NO_MATCH, Match, Wanted, suitable, translated
from fhir_server.terminology.sources import Sources, shown

Json = Mapping[str, Any]

PATH: Final = "ConceptMap/$translate"


@answers
async def translate(ctx: Context, request: Request, call: Call) -> Json:
    """`result` and the matches, each with its equivalence and the map that it comes from.

    Without a url all maps that are stored are asked. Raises NotFound for a map that is not known.
    """
    sources = call.sources(ctx)
    codings = call.codings()
    if any(coding.system is None for coding in codings):
        raise BadRequest("system is needed with code", code="required", expression="http.system")
    if await _elsewhere(request, call, sources):
        return await forwarded(ctx, call, PATH)
    wanted = Wanted(
        call.text("source"), call.text("target"), call.text("targetsystem"), call.flag("reverse") or False, _known(call)
    )
    named = await _named(ctx, request, call, sources)
    found: list[Match] = []
    for coding in codings:
        maps = named or await suitable(sources, coding, wanted)
        for each in maps:
            found += [match for match in await translated(sources, each, coding, wanted) if match not in found]
    if not found and not named and any(sources.remote.covers(str(coding.system)) for coding in codings):
        reply = await passed_on(ctx, call, PATH)
        if reply.good:
            return answer(reply, PATH)
    result = any(match.equivalence not in NO_MATCH for match in found)
    message = None if result else "no concept map that is known here has a translation"
    return parameters(
        ("result", "boolean", result),
        ("message", "string", message),
        *(("match", "part", _told(match)) for match in found),
    )


async def _elsewhere(request: Request, call: Call, sources: Sources) -> bool:
    """Whether the map is named by a url that only the remote terminology server may know."""
    url = call.text("url")
    if request.id or url is None or call.resource("conceptMap", "ConceptMap") is not None:
        return False
    canonical = versioned(url, call.text("conceptMapVersion"))
    return sources.remote.covers(canonical) and await sources.stored("ConceptMap", canonical) is None


async def _named(ctx: Context, request: Request, call: Call, sources: Sources) -> list[Json]:
    if request.id:
        return [await instance(ctx, request)]
    sent = call.resource("conceptMap", "ConceptMap")
    if sent is not None:
        return [sent]
    url = call.text("url")
    if url is None:
        return []
    canonical = versioned(url, call.text("conceptMapVersion"))
    found = await sources.stored("ConceptMap", canonical)
    if found is None:
        raise BadRequest(f"the concept map {shown(canonical)} is not known here", code="not-found", expression="http.url")  # fmt: skip
    return [found.resource]


def _known(call: Call) -> dict[str, frozenset[tuple[str | None, str]]]:
    """What else is known of the thing whose code it is: the parameters `dependency`, each of an element and its concept."""
    found: dict[str, frozenset[tuple[str | None, str]]] = {}
    for parts in call.parts("dependency"):
        element, concept = parts.get("element"), parts.get("concept")
        if not isinstance(element, str) or not isinstance(concept, Mapping):
            raise BadRequest("a dependency has an element (uri) and a concept (CodeableConcept)", code="required", expression="http.dependency")  # fmt: skip
        codings = concept.get("coding", ())
        pairs = frozenset((each.get("system"), each["code"]) for each in codings if "code" in each)
        text = frozenset([(None, concept["text"])]) if "text" in concept and not codings else frozenset()
        found[element] = found.get(element, frozenset()) | pairs | text
    return found


def _told(match: Match) -> list[tuple[str, str, Any]]:
    return [
        ("equivalence", "code", match.equivalence),
        ("concept", "coding", dict(match.concept) if match.concept else None),
        *(("product", "part", [("element", "uri", e), ("concept", "coding", dict(c))]) for e, c in match.product),
        ("source", "uri", match.source),
    ]


TRANSLATE: Final = Operation(
    "translate",
    translate,
    "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
    resource=("ConceptMap",),
    type=True,
    instance=True,
)
