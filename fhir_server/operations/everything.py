"""$everything: the record of a patient, of all patients, or of an encounter, page by page.

http://hl7.org/fhir/R4/operation-patient-everything.html and http://hl7.org/fhir/R4/operation-encounter-everything.html

Matches are the resources of the compartment. Each page includes besides what its resources refer to and the compartment
does not hold: practitioners, organizations, locations, medications, binaries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir_server import bundle, references
from fhir_server.context import Context, Request, Response
from fhir_server.dates import DateError, date_range, micros, moment_of
from fhir_server.definitions import definitions
from fhir_server.formats import json
from fhir_server.interactions import compartment, paging
from fhir_server.interactions.versions import gone
from fhir_server.model import Key, Version
from fhir_server.operations import care_dates
from fhir_server.operations.parameters import sent
from fhir_server.operations.registry import Operation
from fhir_server.outcome import BadRequest, Issue, NotFound, outcome
from fhir_server.search.index import extract
from fhir_server.search.query import And, LastUpdated, Node, Op, Page, Reference, SearchQuery
from fhir_server.search.results import PASSED_OVER
from fhir_server.search.tree import simple

_KNOWN: Final = {
    "Patient": ("start", "end", "_since", "_type", "_count"),
    "Encounter": ("_since", "_type", "_count"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, understood. `low` and `high` limit the dates of care; `types` () means every type."""

    count: int
    low: int | None = None
    high: int | None = None
    since: datetime | None = None
    types: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


async def everything(ctx: Context, request: Request) -> Response:
    """200 with a searchset Bundle, its links leading through the rest. Without `_count` a page is as large as it may be.

    Raises NotFound and Gone for an instance that is not there, BadRequest for parameters that are unknown (strict
    handling) or wrong.
    """
    parameters, token = paging.split(sent(request))
    asked = understand(ctx, request, parameters)
    focus = Key(request.type, request.id) if request.id else None
    if focus is not None:
        current = await ctx.reader.read(focus)
        if current is None:
            raise NotFound(f"There is no {focus}")
        if current.deleted:
            raise gone(current)
    path = f"{focus or request.type}/$everything"
    key = ctx.server.signing_key
    place = paging.unseal(key, path, parameters, token) if token is not None else paging.Place("", ctx.now)
    query = SearchQuery(trees(ctx, request.type, focus, asked), count=asked.count, after=place.after or None)
    page = await ctx.reader.search(query)
    matches = [hit.version for hit in page.hits]
    shown = [version for version in matches if not asked.types or version.key.type in asked.types]
    supporting, cut = await _supporting(ctx, request.type, focus, asked, matches)
    whole = token is None and page.next is None and len(shown) == len(matches)
    body = bundle.bundle(
        "searchset",
        _entries(ctx, asked, shown, supporting, cut=cut),
        links=_links(ctx, path, parameters, page, place, token),
        total=len(shown) if whole else None,
        at=ctx.now,
    )
    return Response(200, body=body)


def understand(ctx: Context, request: Request, parameters: Sequence[tuple[str, str]]) -> Asked:
    """The parameters of a call. Raises BadRequest."""
    known = _KNOWN[request.type]
    given: dict[str, str] = {}
    ignored: list[str] = []
    for name, value in parameters:
        if not value.strip() or name in PASSED_OVER:
            continue
        if name not in known:
            if (request.prefer.handling or ctx.settings.handling) != "lenient":
                raise _bad(name, f"{name} is not a parameter of $everything; known are {', '.join(known)}")
            ignored.append(name)
        elif name == "_type":
            given[name] = f"{given.get(name, '')},{value}"
        elif name in given:
            raise _bad(name, f"{name} may stand once")
        else:
            given[name] = value
    types = tuple(dict.fromkeys(t.strip() for t in given.get("_type", "").split(",") if t.strip()))
    for type_ in types:
        if not definitions().is_resource(type_):
            raise _bad("_type", f"_type: {type_[:64]!r} is no resource type")
    return Asked(
        _count(ctx, given.get("_count")),
        _moment(given, "start", 0),
        _moment(given, "end", 1),
        moment_of(since) if (since := _moment(given, "_since", 0)) is not None else None,
        types,
        tuple(ignored),
    )


def trees(ctx: Context, type_: str, focus: Key | None, asked: Asked) -> dict[str, Node]:
    """The trees of the compartment's resources. Types that are not asked for are left out, unless what they refer to is."""
    every = compartment.types(type_, "*")
    searched = asked.types if asked.types and set(asked.types) <= set(every) else every
    limits: dict[str, Node] = {}
    for each in searched:
        tests: list[Node] = [care_dates.within(each, asked.low, asked.high)]
        if asked.since is not None:
            tests.append(LastUpdated(((Op.GE, micros(asked.since)),)))
        limits[each] = And(tuple(tests))
    found = compartment.within(limits, focus, ctx.server.base_url) if focus else compartment.of_any(limits, type_)
    return {each: simple(tree) for each, tree in found.items()}


async def _supporting(
    ctx: Context, type_: str, focus: Key | None, asked: Asked, matches: Sequence[Version]
) -> tuple[list[Version], bool]:
    """What the matches refer to and the compartment does not hold, as far as it is asked for; whether some was left out."""
    base, most = ctx.server.base_url, ctx.settings.max_includes
    known = {version.key for version in matches}
    wanted: dict[Key, None] = {}
    for version in matches:
        for target in _pointed_to(version.resource, base):
            if target not in known and (not asked.types or target.type in asked.types):
                wanted[target] = None
    if not wanted:
        return [], False
    there = {version.key: version for version in await ctx.reader.read_many(wanted)}
    found = [there[key] for key in wanted if key in there and not _member(there[key], type_, focus, base)]
    if asked.since is not None:
        found = [version for version in found if version.last_updated >= asked.since]
    return found[:most], len(found) > most


def _pointed_to(node: Any, base: str) -> Iterator[Key]:
    """The resources here that references at any depth point to, and the Binaries that attachments do."""
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                target = references.parse(value, base) if name in ("reference", "url") else None
                if target is not None and target.local and (name == "reference" or target.type == "Binary"):
                    yield Key(target.type, target.id)
            else:
                yield from _pointed_to(value, base)
    elif isinstance(node, list):
        for each in node:
            yield from _pointed_to(each, base)


def _member(version: Version, type_: str, focus: Key | None, base: str) -> bool:
    """Whether a resource lies in the compartment of `focus`, or of any resource of this type."""
    own = version.key.type
    if own == type_ and focus in (None, version.key):
        return True
    members = compartment.members(type_)
    return own in members and any(
        entry.param in members[own]
        and isinstance(entry.value, Reference)
        and entry.value.type == type_
        and (focus is None or entry.value.id == focus.id)
        for entry in extract(version.resource, base)
    )


def _entries(
    ctx: Context, asked: Asked, matches: Sequence[Version], supporting: Sequence[Version], *, cut: bool
) -> Iterator[bytes]:
    base = ctx.server.base_url
    for version in matches:
        yield bundle.found(base, str(version.key), version.body or b"", "match")
    for version in supporting:
        yield bundle.found(base, str(version.key), version.body or b"", "include")
    issues = [
        Issue("not-supported", f"{name} was passed over: $everything does not know it", (f"http.{name}",), "warning")
        for name in asked.ignored
    ]
    if cut:
        text = (
            f"The page's resources refer to more than the {ctx.settings.max_includes} that are included in one page; "
        )
        issues.append(Issue("too-costly", f"{text}the others were left out. A smaller _count has fewer", (), "warning"))
    if issues:
        yield bundle.remark(json.dumps(outcome(issues)))


def _links(
    ctx: Context,
    path: str,
    parameters: Sequence[tuple[str, str]],
    page: Page,
    place: paging.Place,
    token: str | None,
) -> list[tuple[str, str]]:
    base, key = ctx.server.base_url, ctx.server.signing_key
    links = [("self", paging.url(base, path, parameters, token))]
    if token is not None:
        links.append(("first", paging.url(base, path, parameters)))
    for relation, after in (("previous", page.previous), ("next", page.next), ("last", page.last)):
        if after is not None:
            sealed = paging.seal(key, path, parameters, paging.Place(after, place.now))
            links.append((relation, paging.url(base, path, parameters, sealed)))
    return links


def _count(ctx: Context, value: str | None) -> int:
    most = ctx.settings.max_count
    if value is None:
        return most
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value)):
        raise _bad("_count", f"_count={value[:64]}: expected a whole number from 1")
    return min(int(value), most)


def _moment(given: Mapping[str, str], name: str, end: int) -> int | None:
    """The first moment of a date or time, or (`end` 1) the first one after it. A + that a form decoded to a space is mended."""
    if name not in given:
        return None
    try:
        return date_range(given[name].replace(" ", "+"))[end]
    except DateError as error:
        raise _bad(name, f"{name}: {error}") from None


def _bad(name: str, text: str) -> BadRequest:
    return BadRequest(text, code="value", expression=f"http.{name}")


PATIENT: Final = Operation(
    "everything",
    everything,
    "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    resource=("Patient",),
    type=True,
    instance=True,
)
ENCOUNTER: Final = Operation(
    "everything",
    everything,
    "http://hl7.org/fhir/OperationDefinition/Encounter-everything",
    resource=("Encounter",),
    instance=True,
)
