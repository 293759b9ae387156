"""$lookup: what a code system says of a code.

http://hl7.org/fhir/R4/codesystem-operation-lookup.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.concepts import Concept, Designation, Property, Under
from fhir_server.context import Context, Request
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, parameters, versioned
from fhir_server.operations.terminology.forward import forwarded
from fhir_server.outcome import BadRequest
from fhir_server.terminology.languages import alike, named
from fhir_server.terminology.remote.concepts import RemoteConcepts
from fhir_server.terminology.sources import Source, shown

Json = Mapping[str, Any]
Part = tuple[str, str, Any]

MOST_CHILDREN: Final = 1000


@answers
async def lookup(ctx: Context, _: Request, call: Call) -> Json:
    """Name and version of the code system; display, definition, designations and properties of the concept, its parents and
    children among them. Raises NotFound where the code system or the code is not known.
    """
    coding = call.coding()
    if coding is None or coding.system is None:
        raise BadRequest("system and code are needed, or coding", code="required", expression="http.code")
    place = "http.coding" if call.text("code") is None else "http.system"
    source = await call.sources(ctx).required(versioned(coding.system, coding.version), place)
    if isinstance(source.concepts, RemoteConcepts):
        return await forwarded(ctx, call, "CodeSystem/$lookup")
    concept = await source.one(coding.code)
    if concept is None:
        raise BadRequest(f"the code system {shown(source.system.canonical)} has no code {coding.code[:100]!r}", code="not-found", expression="http.code")  # fmt: skip
    wanted = set(call.texts("property"))
    display = named(concept.display, source.system.language, concept.designations, call.text("displayLanguage"))
    return parameters(
        ("name", "string", source.system.name or source.system.url),
        ("version", "string", source.system.version),
        ("display", "string", display or concept.code),
        *(("designation", "part", _designation(d)) for d in concept.designations if _tells(wanted, d)),
        *[
            ("property", "part", part)
            for part in [*_properties(concept, wanted), *await _children(source, concept, wanted)]
        ],
    )


def _wants(wanted: set[str], name: str) -> bool:
    return not wanted or name in wanted


def _tells(wanted: set[str], given: Designation) -> bool:
    """`lang.de` asks for the designations in that language."""
    return _wants(wanted, "designation") or any(
        alike(given.language, name.removeprefix("lang.")) for name in wanted if name.startswith("lang.")
    )


def _designation(given: Designation) -> list[Part]:
    return [
        ("language", "code", given.language),
        ("use", "coding", dict(given.use) or None),
        ("value", "string", given.value),
    ]


def _properties(concept: Concept, wanted: set[str]) -> Iterator[list[Part]]:
    own = {p.code for p in concept.properties}
    if concept.definition is not None and _wants(wanted, "definition"):
        yield [("code", "code", "definition"), ("value", "string", concept.definition)]
    if "inactive" not in own and _wants(wanted, "inactive"):
        yield [("code", "code", "inactive"), ("value", "boolean", concept.inactive)]
    for parent in concept.parents if _wants(wanted, "parent") else ():
        yield [("code", "code", "parent"), ("value", "code", parent)]
    for each in concept.properties:
        if _wants(wanted, each.code) and not (each.code in ("parent", "child") and each.type == "code"):
            yield [("code", "code", each.code), ("value", *_value(each))]


def _value(given: Property) -> tuple[str, Any]:
    match given.type:
        case "Coding":
            return "coding", {**({"system": given.system} if given.system else {}), "code": given.value}
        case "boolean":
            return "boolean", given.value == "true"
        case "integer":
            return "integer", int(given.value)
        case "decimal":
            return "string", given.value  # R4 has no decimal here
        case kind:
            return kind, given.value


async def _children(source: Source, concept: Concept, wanted: set[str]) -> list[list[Part]]:
    if not _wants(wanted, "child"):
        return []
    below = await source.select(Under(concept.code), MOST_CHILDREN)
    return [
        [("code", "code", "child"), ("value", "code", each.code), ("description", "string", each.display)]
        for each in below
    ]


LOOKUP: Final = Operation(
    "lookup",
    lookup,
    "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
    resource=("CodeSystem",),
    type=True,
)
