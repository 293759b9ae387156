"""transaction: all entries or none, whatever their order.

http://hl7.org/fhir/R4/http.html#transaction and http://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

from fhir_server import bundle as bundles
from fhir_server.context import Body, Context, Prefer, Response
from fhir_server.interactions import integrity
from fhir_server.interactions.create import existing
from fhir_server.interactions.delete import condemned
from fhir_server.interactions.entries import STAGES, Allowance, answered, located
from fhir_server.interactions.faults import Faults
from fhir_server.interactions.linking import Link, place, rewrite, targets
from fhir_server.interactions.links import Slot
from fhir_server.interactions.plan import Plan, Step
from fhir_server.interactions.planning import distinct, make
from fhir_server.interactions.referred import Referred
from fhir_server.interactions.update import require_free
from fhir_server.interactions.write import writable
from fhir_server.model import Key
from fhir_server.outcome import BadRequest, FhirError, NotFound, PreconditionFailed

T = TypeVar("T")

_READS: Final = STAGES - 1
"""The stage of GET and HEAD: after all that writes."""


async def transaction(ctx: Context, body: Body, prefer: Prefer) -> bytes:
    """The transaction-response Bundle, once everything is durable.

    Raises what the first failing entry raises (what can be known beforehand: of all entries at once), with expressions
    that name the entry; then nothing has been written.
    """
    plan = await make(ctx, body, prefer)
    responses = await ctx.transact(lambda inside: _Run(inside, plan).all(), locks=plan.locks)
    answers = [answered(ctx, step.entry, responses[step.number]) for step in plan.steps]
    return bundles.bundle("transaction-response", answers)


class _Run:
    """One go at the plan, inside the transaction. A second go decides again, and sets every open link again."""

    def __init__(self, ctx: Context, plan: Plan) -> None:
        self._plan = plan
        self._ctx = msgspec.structs.replace(ctx, bundle=True)
        self._responses: dict[int, Response] = {}
        self._condemned: dict[int, list[Key]] = {}
        self._referred = Referred(self._ctx, plan)
        self._allowance = Allowance()

    async def all(self) -> dict[int, Response]:
        """The responses by entry. Raises FhirError, its expressions in the Bundle."""
        stages: list[list[Step]] = [[] for _ in range(STAGES)]
        for step in self._plan.steps:
            stages[step.entry.stage].append(step)
        conditional = [step for step in self._plan.steps if step.condition]
        if conditional:
            await self._decide_all(conditional, deletes=stages[0])
        waiting = [step for stage in stages[:_READS] for step in stage if not await self._done(step)]
        await self._late(waiting)
        for step in conditional:
            await _at(step, self._require_only)
        if self._ctx.settings.referential_integrity:
            await self._judge()
        for step in stages[_READS]:
            await _at(step, self._dispatch)
        return self._responses

    async def _done(self, step: Step) -> bool:
        """Dispatches the step; False where one of its links cannot be set yet."""
        if step.number in self._responses:
            return True
        if step.open and not await _at(step, self._settle):
            return False
        await _at(step, self._dispatch)
        return True

    async def _decide_all(self, conditional: list[Step], deletes: list[Step]) -> None:
        """Settles all conditional entries. A conditional create looks for what the Bundle's deletions leave: R4 has them
        processed before it, and what is deleted must not be answered as what is there.
        """
        creates = [step for step in conditional if step.method == "POST"]
        for step in conditional:
            if step.method != "POST":
                await _at(step, self._decide)
        if creates:
            for step in deletes:
                await self._done(step)
        for step in creates:
            await _at(step, self._decide)
        self._require_distinct(conditional)

    async def _decide(self, step: Step) -> None:
        """Settles which resource a conditional entry is about, and with it what it asks for directly."""
        assert step.condition is not None
        interaction = step.entry.match.route.interaction
        if interaction == "delete":
            found = await condemned(self._ctx, step.condition)
            self._condemned[step.number] = [version.key for version in found]
            return
        version = await step.condition.only(self._ctx.reader)
        step.decide(version.key if version else None)
        if version is None:
            if interaction == "patch":
                raise NotFound(f"No {step.condition} to patch", expression="request.url")
            if step.planned is not None and not step.new:
                await require_free(self._ctx, step.planned)
        elif interaction == "create":
            self._responses[step.number] = existing(version)
        elif step.planned is not None and not step.new and step.planned != version.key:
            raise BadRequest(
                f"{step.condition} matches {version.key}, but the resource has the id {step.planned.id}; leave the id out",
                expression="resource.id",
                code="invalid",
            )

    async def _require_only(self, step: Step) -> None:
        """MultipleMatches where a conditional update has created what another entry created as well: R4 has it processed
        after these, when it would have found that one.
        """
        if step.condition is None or step.method != "PUT" or step.found is not None:
            return
        if any(other is not step and other.key and other.key.type == step.condition.type for other in self._plan.steps):
            await step.condition.only(self._ctx.reader)

    def _require_distinct(self, conditional: list[Step]) -> None:
        """BadRequest where two entries turn out to be about one resource."""
        written = [
            (step.key, step.number) for step in self._plan.steps if step.key and step.number not in self._responses
        ]
        written += [(key, number) for number, keys in self._condemned.items() for key in keys]
        distinct(written)
        asked: dict[str, int] = {}
        for step in conditional:
            if step.condition is None or step.found or step.number in self._condemned or step.number in self._responses:
                continue
            first = asked.setdefault(step.condition.lock, step.number)
            if first != step.number:
                raise BadRequest(
                    f"Entries {first} and {step.number} create under the same criteria, {step.condition}; send one of them",
                    expression=(f"Bundle.entry[{first}]", f"Bundle.entry[{step.number}]"),
                    code="duplicate",
                )

    async def _dispatch(self, step: Step) -> None:
        """The step through the route table, as the direct interaction that it has become."""
        request = step.request
        if step.entry.reads:
            self._allowance.require()
        if step.number in self._condemned:
            response = Response(204)
            for key in self._condemned[step.number]:
                direct = replace(request, id=key.id, shape="[type]/[id]", parameters=())
                response = await self._ctx.server.routes.dispatch(self._ctx, direct)
        elif step.condition is not None and step.key is not None and request.method != "POST":
            direct = replace(request, id=step.key.id, shape="[type]/[id]", parameters=(), prepared=step.prepared)
            response = await self._ctx.server.routes.dispatch(self._ctx, direct)
        else:
            if step.prepared is not None:
                request.prepared, request.if_none_exist = step.prepared, None  # the criteria have been decided
            response = await self._ctx.server.routes.dispatch(self._ctx, request)
        if step.entry.reads:
            self._allowance.spend(response)
        self._responses[step.number] = response

    async def _settle(self, step: Step) -> bool:
        """Sets the open links of a step and indexes its resource; False where one leads to what is not written yet."""
        for slot in step.open:
            found = targets(self._plan, step.base, slot)
            if not found:
                key = await self._referred.to(slot.sent, step)
                if key is None:
                    return False
                slot.container[slot.name] = str(key)
            elif all(self._version(link) for link in found):
                rewrite(self._plan, step.base, slot, lambda link: link.text(self._version(link)))
            else:
                return False
        step.index()
        return True

    def _version(self, link: Link) -> str:
        """The version that a link names once its step is done; "" before."""
        if not link.versioned:
            return "1"
        response = self._responses.get(link.step.number)
        return response.version.version_id if response is not None and response.version is not None else ""

    async def _late(self, waiting: list[Step]) -> None:
        """Dispatches the steps whose links lead to what the Bundle itself writes, as soon as they can be set.

        Conditional references hold at the end of the transaction: R4 has them resolved last.
        """
        self._referred.late = True
        while waiting:
            left = [step for step in waiting if not await self._done(step)]
            if len(left) == len(waiting):
                self._refuse(left)
            waiting = left
        await self._referred.verify()

    def _refuse(self, steps: list[Step]) -> None:
        """Raises for the steps that nothing can help any more."""
        faults = Faults()
        for step in steps:
            for slot in step.open:
                with faults.of(step.number):
                    self._refuse_slot(step, slot)
        faults.raise_()
        with faults.of(steps[0].number):
            raise PreconditionFailed("Version-specific references go round in a circle: no version can be named first")
        faults.raise_()

    def _refuse_slot(self, step: Step, slot: Slot) -> None:
        body = step.request.body
        if slot.container[slot.name] == slot.sent and body is not None:
            raise PreconditionFailed(
                f"The reference {slot.sent} matches nothing: there is no such resource, here or in the Bundle",
                code="not-found",
                expression=place(body, slot.sent),
            )

    async def _judge(self) -> None:
        """Referential integrity of all that was written, judged at the end."""
        numbers = {step.key: step.number for step in self._plan.steps if step.key}
        numbers |= {key: number for number, keys in self._condemned.items() for key in keys}
        faults = Faults()
        for change in self._ctx.changes:
            with faults.of(numbers.get(change.after.key, 0)):
                await integrity.judge(writable(self._ctx), [change], self._ctx.server.base_url)
        faults.raise_()


async def _at(step: Step, what: Callable[[Step], Awaitable[T]]) -> T:
    """What `what` returns; its errors are located at the step's entry."""
    try:
        return await what(step)
    except FhirError as error:
        raise located(error, step.number) from error
