"""$preferred-id: the identifier that is to be used for a naming system, of the kind that is asked for.

http://hl7.org/fhir/R4/namingsystem-operation-preferred-id.html
"""

from collections.abc import Mapping
from typing import Any, Final

from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, parameters
from fhir_server.outcome import BadRequest
from fhir_server.search.folding import fold
from fhir_server.search.query import Compare, Match, Op, SearchQuery, String

Json = Mapping[str, Any]

KINDS: Final = ("oid", "uuid", "uri", "other")
"""http://hl7.org/fhir/R4/valueset-namingsystem-identifier-type.html"""
MOST: Final = 100
_PREFIXES: Final = ("urn:oid:", "urn:uuid:")


@answers
async def preferred_id(ctx: Context, _: Request, call: Call) -> Json:
    """`result`: of the naming systems that have the id, the unique id of that type; the preferred one where there are several.

    Raises NotFound where none has it, or has one of that type.
    """
    id_, kind = call.text("id"), call.text("type")
    if id_ is None or kind is None:
        raise BadRequest(
            "id and type are needed", code="required", expression=f"http.{'id' if id_ is None else 'type'}"
        )
    if kind not in KINDS:
        raise BadRequest(f"{kind[:100]!r} is no type of an id: expected one of {', '.join(KINDS)}", code="value", expression="http.type")  # fmt: skip
    bare = next((id_.removeprefix(prefix) for prefix in _PREFIXES if id_.startswith(prefix)), id_)
    alternatives = tuple((Compare(String, "folded", Op.EQ, fold(text)),) for text in dict.fromkeys((id_, bare)))
    page = await ctx.reader.search(SearchQuery({"NamingSystem": Match("value", alternatives)}, count=MOST))
    found = [
        each
        for hit in page.hits
        if any(own.get("value") in (id_, bare) for own in hit.version.resource.get("uniqueId", ()))
        for each in hit.version.resource["uniqueId"]
        if each.get("type") == kind and "value" in each
    ]
    if not found:
        what = f"no {kind} of the naming system" if page.hits else "no naming system with the id"
        raise BadRequest(f"{what} {id_[:200]} is known here", code="not-found", expression="http.id")
    best = next((each for each in found if each.get("preferred")), found[0])
    return parameters(("result", "string", best["value"]))


PREFERRED_ID: Final = Operation(
    "preferred-id",
    preferred_id,
    "http://hl7.org/fhir/OperationDefinition/NamingSystem-preferred-id",
    resource=("NamingSystem",),
    type=True,
)
