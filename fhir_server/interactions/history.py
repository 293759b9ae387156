"""history: the versions of a resource, a type or everything, newest first, deletions among them.

http://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhir_server import bundle
from fhir_server.context import Context, Request, Response
from fhir_server.dates import DateError, date_range, moment_of
from fhir_server.definitions import definitions
from fhir_server.interactions import paging
from fhir_server.interactions.subset import SUMMARIES, subset
from fhir_server.model import Key
from fhir_server.outcome import BadRequest, NotFound
from fhir_server.search.criteria import UnknownParameter
from fhir_server.search.results import element_names

_KNOWN: Final = frozenset({"_since", "_at", "_count", "_summary", "_elements", "_format", "_pretty", "_total"})
_ONCE: Final = frozenset({"_since", "_at", "_count"})


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a history, understood."""

    count: int
    since: datetime | None
    at: tuple[datetime, datetime] | None
    summary: str
    elements: tuple[str, ...]


async def history(ctx: Context, request: Request) -> Response:
    """200 with a history Bundle. Raises NotFound where the resource never existed, BadRequest for wrong parameters."""
    scope: Key | str | None = Key(request.type, request.id) if request.id else request.type or None
    path = f"{scope}/_history" if scope else "_history"
    parameters, token = paging.split(request.parameters)
    asked = understand(ctx, request, parameters)
    key = ctx.server.signing_key
    place = paging.unseal(key, path, parameters, token) if token is not None else None
    page = await ctx.reader.history(
        scope, since=asked.since, at=asked.at, count=asked.count, after=place.after if place else None
    )
    if not page.versions and isinstance(scope, Key) and await ctx.reader.read(scope) is None:
        raise NotFound(f"There is no {scope}, and there never was")
    base = ctx.server.base_url
    links = [("self", paging.url(base, path, parameters, token))]
    if page.next is not None:
        following = paging.Place(page.next, place.now if place else ctx.now)
        links.append(("next", paging.url(base, path, parameters, paging.seal(key, path, parameters, following))))
    entries = [
        bundle.past(
            base, version, None if version.body is None else subset(version.body, asked.summary, asked.elements)
        )
        for version in page.versions
    ]
    return Response(200, body=bundle.bundle("history", entries, links=links, total=page.total, at=ctx.now))


def understand(ctx: Context, request: Request, parameters: Sequence[tuple[str, str]]) -> Asked:
    """Raises BadRequest for unknown parameters (strict handling), wrong values, and what stands twice."""
    given: dict[str, str] = {}
    types = (request.type,) if request.type else definitions().resource_types
    handling = request.prefer.handling or ctx.settings.handling
    for name, value in parameters:
        if not value.strip():
            continue  # asks for nothing, as in a search
        if name not in _KNOWN and handling != "lenient":
            known = ", ".join(sorted(_KNOWN))
            raise BadRequest(f"{name} is not a parameter of history; known are {known}", expression=f"http.{name}")
        if name in given and name in _ONCE:
            raise BadRequest(f"{name} may stand once", expression=f"http.{name}")
        given[name] = value
    summary = given.get("_summary", "")
    if summary and summary not in SUMMARIES:
        raise BadRequest(f"_summary is one of {', '.join(SUMMARIES)}", expression="http._summary")
    count = 0 if summary == "count" else _count(ctx, given.get("_count"))
    since = _range("_since", given["_since"])[0] if "_since" in given else None
    at = _range("_at", given["_at"]) if "_at" in given else None
    try:
        elements = element_names(given["_elements"], types) if "_elements" in given else []
    except UnknownParameter:
        if handling != "lenient":
            raise
        elements = []
    return Asked(count, since, at, summary, tuple(elements))


def _count(ctx: Context, value: str | None) -> int:
    if value is None:
        return min(ctx.settings.default_count, ctx.settings.max_count)
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise BadRequest(f"_count={value}: expected a whole number from 0", expression="http._count")
    return min(int(value), ctx.settings.max_count)


def _range(name: str, value: str) -> tuple[datetime, datetime]:
    """The first moment of a date or time, and the first one after it. A + that a form decoded to a space is mended."""
    try:
        low, high = date_range(value.replace(" ", "+"))
    except DateError as error:
        raise BadRequest(f"{name}: {error}", expression=f"http.{name}") from None
    return moment_of(low), moment_of(high)
