"""$lastn: the most recent observations of a subject, so many of each kind.

http://hl7.org/fhir/R4/observation-operation-lastn.html

Observations are of one kind when their codes share a coding (system and code), directly or over others; codes without
codings when their texts are the same. Observations of the same time as the last of a kind come too.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_server import bundle
from fhir_server.context import Context, Request, Response
from fhir_server.dates import OPEN_LOW
from fhir_server.interactions import paging, search, searchset
from fhir_server.model import Key, Version
from fhir_server.operations.parameters import sent
from fhir_server.operations.registry import Operation
from fhir_server.outcome import BadRequest
from fhir_server.search.index import extract
from fhir_server.search.query import DateRange, Hit, Page, SearchRequest, Sort, Total

SUBJECTS: Final = frozenset({"patient", "subject"})
MOST: Final = 100_000
"""Observations that are looked through for one answer."""
PAGE: Final = 1000
_NEWEST: Final = Sort("date", DateRange, descending=True)

Coding = tuple[str, str]


@dataclass(slots=True)
class _Kinds:
    """Observations by kind: kinds are merged as soon as an observation belongs to two."""

    parents: dict[Coding, Coding] = field(default_factory=dict)
    found: list[tuple[Key, int, Coding]] = field(default_factory=list)

    def root(self, coding: Coding) -> Coding:
        while (above := self.parents.setdefault(coding, coding)) != coding:
            self.parents[coding] = coding = self.parents[above]
        return coding

    def add(self, version: Version, base: str) -> None:
        first, *others = codings(version.resource)
        for other in others:
            self.parents[self.root(other)] = self.root(first)
        self.found.append((version.key, _time(version, base), first))

    def newest(self, most: int) -> Iterator[Key]:
        """At most so many of each kind, newest first, and those of the same time as the last of them."""
        counts: dict[Coding, tuple[int, int]] = {}
        for key, time, coding in self.found:
            kind = self.root(coding)
            count, last = counts.get(kind, (0, 0))
            if count < most or time == last:
                counts[kind] = count + 1, time
                yield key


async def lastn(ctx: Context, request: Request) -> Response:
    """200 with a searchset Bundle of them all, newest first.

    Raises BadRequest where neither patient nor subject is named, nor a category or code, and for what no search takes.
    """
    parameters = sent(request)
    most = _max([value for name, value in parameters if name == "max"])
    criteria = tuple(pair for pair in parameters if pair[0] != "max")
    _check(criteria)
    asked = await _understood(ctx, request, criteria)
    kinds = _Kinds()
    async for version in _matching(ctx, asked):
        kinds.add(version, ctx.server.base_url)
        if len(kinds.found) > MOST:
            raise BadRequest(
                f"More than {MOST} observations match: name a subject, category or code", code="too-costly"
            )
    keys = list(kinds.newest(most))
    there = {version.key: version for version in await ctx.reader.read_many(keys)}
    page = Page(tuple(Hit(there[key]) for key in keys if key in there))
    found = await searchset.gather(ctx, asked, page)
    base = ctx.server.base_url
    kept = [pair for pair in parameters if pair in asked.used or pair[0] == "max"]
    body = bundle.bundle(
        "searchset",
        searchset.entries(ctx, asked, found),
        links=[("self", paging.url(base, "Observation/$lastn", kept))],
        total=len(page.hits),
        at=ctx.now,
    )
    return Response(200, body=body)


async def _understood(ctx: Context, request: Request, criteria: Sequence[tuple[str, str]]) -> SearchRequest:
    asked = await search.understood(ctx, request, criteria, paging.Place("", ctx.now))
    query = replace(asked.query, sort=(_NEWEST,), count=PAGE, total=Total.NONE)
    return replace(asked, query=query)


async def _matching(ctx: Context, asked: SearchRequest) -> AsyncIterator[Version]:
    """All matches, newest first, a page in memory at a time."""
    query = asked.query
    while True:
        page = await ctx.reader.search(query)
        for hit in page.hits:
            yield hit.version
        if page.next is None:
            return
        query = replace(query, after=page.next)


def codings(observation: Mapping[str, Any]) -> list[Coding]:
    """What tells the kind of an observation: its codings, or else its text (with a space for a system, which no system has)."""
    code = observation.get("code", {})
    found = [(one.get("system", ""), one["code"]) for one in code.get("coding", ()) if "code" in one]
    return found or [(" ", code.get("text", ""))]


def _time(version: Version, base: str) -> int:
    """When an observation began, as it is sorted by; what has no date comes last."""
    return max(
        (e.value.low for e in extract(version.resource, base) if e.param == "date" and isinstance(e.value, DateRange)),
        default=OPEN_LOW,
    )


def _check(criteria: Iterable[tuple[str, str]]) -> None:
    names = {name.partition(":")[0].partition(".")[0] for name, value in criteria if value.strip()}
    if not names & SUBJECTS:
        raise BadRequest("$lastn is of a subject: name it by patient or subject", code="required")
    if not any("code" in name or name == "category" for name in names):
        raise BadRequest("$lastn takes a category, or a search parameter of codes such as code", code="required")
    for name in ("_sort", "_count", "_total"):
        if name in names:
            text = (
                f"{name} is not for $lastn: it gives the newest first, all of them in one Bundle; max limits each kind"
            )
            raise BadRequest(text, code="not-supported", expression=f"http.{name}")


def _max(values: Sequence[str]) -> int:
    if not values:
        return 1
    (value,) = values if len(values) == 1 else ("several",)
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value)):
        raise BadRequest(f"max={value[:64]}: expected one whole number from 1", code="value", expression="http.max")
    return int(value)


LASTN: Final = Operation(
    "lastn",
    lastn,
    "http://hl7.org/fhir/OperationDefinition/Observation-lastn",
    resource=("Observation",),
    type=True,
)
