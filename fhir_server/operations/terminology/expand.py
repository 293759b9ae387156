"""$expand: the members of a value set.

http://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from fhir_server.concepts import Designation, Flagged, Not, all_of
from fhir_server.context import Context, Request
from fhir_server.dates import instant
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, instance, versioned
from fhir_server.operations.terminology.forward import forwarded
from fhir_server.outcome import BadRequest
from fhir_server.search.prose import words
from fhir_server.terminology.expansion import Asked, Expansion, Member, expanded
from fhir_server.terminology.languages import named
from fhir_server.terminology.sources import Sources, shown
from fhir_server.terminology.valuesets import Parts, composed

Json = Mapping[str, Any]

_TEXTS: Final = ("filter", "date", "displayLanguage")
_FLAGS: Final = ("includeDesignations", "activeOnly", "excludeNested", "excludeNotForUI", "excludePostCoordinated")
_ABOUT: Final = ("url", "identifier", "version", "name", "title", "status", "experimental", "date", "publisher")
_LANGUAGE: Final = "urn:ietf:bcp:47"


@answers
async def expand(ctx: Context, request: Request, call: Call) -> Json:
    """The ValueSet with an expansion: all members, or a page of them.

    Raises NotFound for a value set or code system that is not known here; Unprocessable where there are too many members
    to list without paging, or where the value set asks for what is not supported: never a smaller answer.
    """
    sources = call.sources(ctx)
    if await _elsewhere(request, call, sources):
        return await forwarded(ctx, call, "ValueSet/$expand")
    resource = await _resource(ctx, request, call, sources)
    asked = Asked(
        tuple(dict.fromkeys(words(call.text("filter") or "").split())),
        call.flag("activeOnly") or False,
        call.number("offset") or 0,
        call.number("count"),
    )
    parts = _versions(await composed(sources, resource), call)
    found = await expanded(sources, parts, asked)
    about = {name: resource[name] for name in _ABOUT if name in resource}
    if call.flag("includeDefinition") and "compose" in resource:
        about["compose"] = resource["compose"]
    return {"resourceType": "ValueSet", "status": "active", **about, "expansion": _expansion(ctx, call, asked, found, about)}  # fmt: skip


async def _elsewhere(request: Request, call: Call, sources: Sources) -> bool:
    """Whether the value set is named by a url that only the remote terminology server may know."""
    url = call.text("url")
    if request.id or url is None or call.resource("valueSet", "ValueSet") is not None:
        return False
    return await sources.elsewhere(versioned(url, call.text("valueSetVersion")))


async def _resource(ctx: Context, request: Request, call: Call, sources: Sources) -> Json:
    """The value set that is meant. Raises BadRequest where none is named or it is not known."""
    if request.id:
        return await instance(ctx, request)
    sent = call.resource("valueSet", "ValueSet")
    if sent is not None:
        return sent
    canonical = await call.value_set(sources)
    found = await sources.value_set(canonical)
    if found is None:
        raise BadRequest(f"the value set {shown(canonical)} is not known here", code="not-found", expression="http.url")
    return found


def _versions(parts: Parts, call: Call) -> Parts:
    """The parts with the versions of code systems that the call asks for, and without what it does not want."""
    default, forced, checked = (_by_system(call, f"{k}system-version") for k in ("", "force-", "check-"))
    excluded = set(call.texts("exclude-system"))
    found = []
    for part in parts:
        if part.system in excluded or part.canonical in excluded:
            continue
        version = forced.get(part.system) or part.version or default.get(part.system, "")
        expected = checked.get(part.system)
        if expected and version and version != expected:
            raise BadRequest(f"version {version} of {shown(part.system)} is meant, not {expected}", code="not-supported", expression="http.check-system-version")  # fmt: skip
        where = all_of([part.where, Not(Flagged("abstract"))]) if call.flag("excludeNotForUI") else part.where
        found.append(replace(part, version=version or expected or "", where=where))
    return found


def _by_system(call: Call, name: str) -> dict[str, str]:
    found = {system: version for system, _, version in (each.partition("|") for each in call.texts(name) if each)}
    if not all(system and version for system, version in found.items()):
        raise BadRequest(f"{name}: expected [system]|[version]", code="value", expression=f"http.{name}")
    return found


def _expansion(ctx: Context, call: Call, asked: Asked, found: Expansion, about: Json) -> Json:
    echoed: list[dict[str, Any]] = [
        *({"name": n, "valueString": v} for n in _TEXTS if (v := call.text(n)) is not None),
        *({"name": n, "valueBoolean": flag} for n in _FLAGS if (flag := call.flag(n)) is not None),
        *({"name": "version", "valueUri": canonical} for canonical in found.used),
    ]
    same = orjson.dumps([about.get("url"), about.get("version"), about.get("identifier"), echoed, found.total])
    paged = [{"name": n, "valueInteger": k} for n in ("count", "offset") if (k := call.number(n)) is not None]
    made: dict[str, Any] = {
        "identifier": f"urn:uuid:{uuid5(NAMESPACE_URL, same.hex())}",
        "timestamp": instant(ctx.now),
        "total": found.total,
        **({"offset": asked.offset} if asked.count is not None or asked.offset else {}),
        "parameter": echoed + paged,
    }
    rows = [(member, _entry(member, call)) for member in found.members]
    whole = len(found.members) == found.total
    made["contains"] = _nested(rows) if call.flag("excludeNested") is False and whole else [row for _, row in rows]
    return {name: value for name, value in made.items() if value != []}


def _entry(member: Member, call: Call) -> dict[str, Any]:
    concept = member.concept
    display = named(member.display, member.language, member.designations, call.text("displayLanguage"))
    row: dict[str, Any] = {"system": member.system} if member.system else {}
    if concept.abstract:
        row["abstract"] = True
    if concept.inactive:
        row["inactive"] = True
    if member.version:
        row["version"] = member.version
    row["code"] = concept.code
    if display:
        row["display"] = display
    wanted = call.texts("designation")
    if (call.flag("includeDesignations") or wanted) and member.designations:
        told = [designation(each) for each in member.designations if not wanted or _wanted(each, wanted)]
        if told:
            row["designation"] = told
    return row


def _wanted(each: Designation, wanted: Sequence[str]) -> bool:
    use = dict(each.use)
    own = {f"{_LANGUAGE}|{each.language}", f"{use.get('system', '')}|{use.get('code', '')}"}
    return not own.isdisjoint(wanted)


def designation(given: Designation) -> dict[str, Any]:
    """As ValueSet and CodeSystem have it."""
    found = {"language": given.language, "use": dict(given.use), "value": given.value}
    return {name: value for name, value in found.items() if value}


def _nested(rows: Sequence[tuple[Member, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Each member below the first of its parents that is a member too."""
    places = {(member.system, member.concept.code): row for member, row in rows}
    top: list[dict[str, Any]] = []
    for member, row in rows:
        above = next((p for c in member.concept.parents if (p := places.get((member.system, c))) is not None), None)
        (top if above is None else above.setdefault("contains", [])).append(row)
    return top


EXPAND: Final = Operation(
    "expand",
    expand,
    "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
    resource=("ValueSet",),
    type=True,
    instance=True,
)
