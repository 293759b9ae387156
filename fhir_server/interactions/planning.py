"""Planning: a transaction Bundle becomes a plan, before the transaction begins.

http://hl7.org/fhir/R4/http.html#trules
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fhir_server.context import Body, Context, Prefer
from fhir_server.interactions.conformance import beside, conform
from fhir_server.interactions.criteria import criteria
from fhir_server.interactions.entries import Entry, entries_of, understand
from fhir_server.interactions.faults import Faults
from fhir_server.interactions.linking import link
from fhir_server.interactions.plan import Plan, Step
from fhir_server.interactions.update import require_id
from fhir_server.interactions.write import key as key_of
from fhir_server.interactions.write import resource
from fhir_server.model import Key
from fhir_server.outcome import BadRequest, Invalid
from fhir_server.validation import structure

TOGETHER: Final = 100
"""Entries between which nobody else gets a turn: a few milliseconds."""


async def make(ctx: Context, body: Body, prefer: Prefer) -> Plan:
    """The plan of a transaction Bundle; links that can be set already are set in its resources.

    A large Bundle lets other requests in between. To be made before the transaction, or, inside one, at one go.

    Raises Invalid (or what else is wrong with the only faulty entries) with the issues of all entries at once.
    """
    steps: list[Step] = []
    faults = Faults()
    plains = entries_of(body)
    for number, (tree, plain) in enumerate(zip(body.tree.get("entry", ()), plains, strict=True)):
        with faults.of(number):
            steps.append(_step(ctx, understand(ctx, number, tree, plain, prefer)))
        if _long(ctx, number):
            await asyncio.sleep(0)
    plan = Plan(steps)
    with faults:
        distinct((step.key, step.number) for step in steps if step.condition is None and step.key)
        plan.full_urls = _full_urls(steps)
        plan.settled = {url: str(step.key) for url, step in plan.full_urls.items() if step.condition is None}
    for step in steps:
        with faults.of(step.number):
            link(ctx, plan, step)
        if _long(ctx, step.number):
            await asyncio.sleep(0)
    bodies = {step.number: step.request.body for step in steps}
    for number, plain in enumerate(plains):
        with faults.of(number):
            if "resource" in plain:
                body_ = bodies.get(number)
                resource_ = body_.plain if body_ is not None and body_.plain else plain["resource"]
                await _check(ctx, resource_)
        if _long(ctx, number):
            await asyncio.sleep(0)
    faults.raise_()
    for step in steps:
        if not step.open:
            step.index()
            if _long(ctx, step.number):
                await asyncio.sleep(0)
    return plan


def _long(ctx: Context, number: int) -> bool:
    """Every so many entries other requests may go on; never within a transaction, which others wait for."""
    return number % TOGETHER == TOGETHER - 1 and ctx.transaction is None


async def _check(ctx: Context, resource: Mapping[str, Any]) -> None:
    """Once its links are set: a urn in a narrative is only allowed where it is replaced."""
    issues = structure.check(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=await beside(ctx, resource, issues))
    await conform(ctx, resource)


def _step(ctx: Context, entry: Entry) -> Step:
    """The step of an entry, with its key and its criteria."""
    request = entry.request
    interaction, shape = entry.match.route.interaction, entry.match.route.shape
    if interaction == "purge":
        raise BadRequest(
            "Versions cannot be removed for good within a transaction: R4 has no such entry; send the DELETE by itself",
            expression="request.url",
            code="not-supported",
        )
    if entry.reads:
        return Step(entry)
    type_ = request.type
    if interaction == "create":
        resource(type_, request.body)
        step = Step(entry, key_of(type_, None), new=True)
        if request.if_none_exist is not None:
            step.condition = criteria(ctx, type_, request.if_none_exist, "http.If-None-Exist")
        return step
    if shape == "[type]/[id]":
        if interaction == "update":
            require_id(request.id, resource(type_, request.body))
        return Step(entry, key_of(type_, request.id))
    if not request.parameters:
        raise BadRequest(f"{request.method} {type_} needs an id or criteria", expression="request.url")
    step = Step(entry, condition=criteria(ctx, type_, request.parameters, "http.url"))
    if interaction == "update":
        sent = resource(type_, request.body).plain.get("id")
        step.planned, step.new = key_of(type_, sent), sent is None
    return step


def distinct(written: Iterable[tuple[Key, int]]) -> None:
    """BadRequest where two entries write one resource: http://hl7.org/fhir/R4/http.html#trules."""
    seen: dict[Key, int] = {}
    for key, number in written:
        if key in seen:
            raise BadRequest(
                f"{key} stands in entries {seen[key]} and {number}; a resource can appear in a transaction once",
                expression=(f"Bundle.entry[{seen[key]}]", f"Bundle.entry[{number}]"),
                code="invalid",
            )
        seen[key] = number


def _full_urls(steps: Sequence[Step]) -> dict[str, Step]:
    """FullUrl → step, for what writes. Raises Invalid for one that stands twice."""
    found: dict[str, Step] = {}
    for step in steps:
        url = step.entry.full_url
        if not url or (step.key is None and step.condition is None):
            continue
        if url in found:
            raise Invalid(
                f"The fullUrl {url} stands in entries {found[url].number} and {step.number}; each resource has its own",
                expression=(f"Bundle.entry[{found[url].number}].fullUrl", f"Bundle.entry[{step.number}].fullUrl"),
                code="invalid",
            )
        found[url] = step
    return found
