"""$closure: a table of which concepts of a client lie below which, kept by name and told as it grows.

http://hl7.org/fhir/R4/conceptmap-operation-closure.html, http://hl7.org/fhir/R4/terminology-service.html#closure
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from fhir_server.concepts import Above, Below, Listed, all_of
from fhir_server.context import Context, Request
from fhir_server.dates import instant
from fhir_server.operations.registry import Operation
from fhir_server.operations.terminology.call import Call, answers, versioned
from fhir_server.outcome import BadRequest, Conflict, NotFound
from fhir_server.storage.base import StateConflict
from fhir_server.terminology.judgement import Coding
from fhir_server.terminology.sources import Sources, shown

Json = Mapping[str, Any]

SPACE: Final = "closures"
MOST: Final = 10_000
"""Concepts in a table."""
MOST_NAME: Final = 200

Pair = tuple[str, str, str, int]
"""System, code, the code above it, the version of the table in which that was found."""


class Table(msgspec.Struct, frozen=True):
    """`concepts` are (system, code); `pairs` say what of them is below what."""

    version: int = 0
    concepts: tuple[tuple[str, str], ...] = ()
    pairs: tuple[Pair, ...] = ()


@answers
async def closure(ctx: Context, request: Request, call: Call) -> Json:
    """A ConceptMap: what the new concepts are below and above, of those that the table has. Each concept that is given belongs to
    it from now on. `version`: all that was found after that version. With neither, the table is empty.

    Raises NotFound for a table, code system or code that is not known; Unprocessable for too many concepts.
    """
    name = call.text("name")
    if name is None or len(name) > MOST_NAME:
        raise BadRequest(f"name is needed, of {MOST_NAME} characters at most", code="required", expression="http.name")
    state, given, since = ctx.server.store.state, call.elements("concept"), call.text("version")
    record = await state.read(SPACE, name)
    table = Table() if record is None else msgspec.msgpack.decode(record.value, type=Table)
    if since is not None:
        if given:
            raise BadRequest("version asks again for what was told: without concepts", code="invalid", expression="http.version")  # fmt: skip
        if record is None:
            raise NotFound(f"There is no closure table {shown(name)}: begin it with its name alone")
        if not since.isdecimal() or int(since) > table.version:
            raise BadRequest(f"the table {shown(name)} is at version {table.version}, not yet at {since[:20]}", code="value", expression="http.version")  # fmt: skip
        return _told(ctx, name, table, (pair for pair in table.pairs if pair[3] > int(since)))
    if request.method == "GET":
        raise BadRequest("a closure table changes by POST", code="not-supported", expression="http.concept")
    if given and record is None:
        raise NotFound(f"There is no closure table {shown(name)}: begin it with its name alone")
    grown = await _grown(call.sources(ctx), table, given) if given else Table()
    try:
        await state.write(SPACE, name, msgspec.msgpack.encode(grown), expected=record.revision if record else None)
    except StateConflict as error:
        raise Conflict(f"The closure table {shown(name)} was changed by another request: try again") from error
    return _told(ctx, name, grown, (pair for pair in grown.pairs if pair[3] == grown.version) if given else ())


async def _grown(sources: Sources, table: Table, given: Iterable[Coding]) -> Table:
    """The table with more concepts, and what they are below and above."""
    version = table.version + 1
    there, pairs = dict.fromkeys(table.concepts), list(table.pairs)
    for coding in given:
        source = (await sources.required(versioned(coding.system or "", coding.version))).require_complete()
        concept = await source.one(coding.code)
        if concept is None:
            raise BadRequest(f"the code system {shown(source.system.url)} has no code {coding.code[:100]!r}", code="not-found", expression="http.concept")  # fmt: skip
        own = source.system.url, concept.code
        if own in there:
            continue
        others = Listed(frozenset(code for system, code in there if system == own[0]))
        higher = await source.select(all_of([Above(concept.code), others]), MOST)
        lower = await source.select(all_of([Below(concept.code), others]), MOST)
        pairs += [(*own, each.code, version) for each in higher]
        pairs += [(own[0], each.code, own[1], version) for each in lower]
        there[own] = None
        if len(there) > MOST:
            raise BadRequest(f"a closure table has {MOST:,} concepts at most", code="too-costly", expression="http.concept")  # fmt: skip
    return Table(version, tuple(there), tuple(pairs))


def _told(ctx: Context, name: str, table: Table, pairs: Iterable[Pair]) -> Json:
    """The target subsumes the element's code (http://hl7.org/fhir/R4/valueset-concept-map-equivalence.html)."""
    groups: dict[str, dict[str, list[str]]] = {}
    for system, code, above, _ in pairs:
        groups.setdefault(system, {}).setdefault(code, []).append(above)
    made = [
        {
            "source": system,
            "target": system,
            "element": [
                {"code": code, "target": [{"code": above, "equivalence": "subsumes"} for above in codes]}
                for code, codes in elements.items()
            ],
        }
        for system, elements in groups.items()
    ]
    found = {
        "resourceType": "ConceptMap",
        "version": str(table.version),
        "name": name,
        "status": "active",
        "experimental": True,
        "date": instant(ctx.now),
        "group": made,
    }
    return {key: value for key, value in found.items() if value != []}


CLOSURE: Final = Operation(
    "closure", closure, "http://hl7.org/fhir/OperationDefinition/ConceptMap-closure", system=True
)
