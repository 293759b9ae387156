"""Conditional references of a transaction: what `Patient?identifier=…` refers to.

http://hl7.org/fhir/R4/http.html#trules
"""

from fhir_server.context import Context
from fhir_server.interactions.criteria import Criteria
from fhir_server.interactions.entries import located
from fhir_server.interactions.linking import place
from fhir_server.interactions.plan import Plan, Step
from fhir_server.model import Key
from fhir_server.outcome import FhirError, MultipleMatches, PreconditionFailed


class Referred:
    """Where conditional references lead."""

    def __init__(self, ctx: Context, plan: Plan) -> None:
        self._ctx = ctx
        self._criteria = plan.references
        self._known: dict[str, Key] = {}
        self._to_verify: dict[str, Step] = {}
        self._written = {step.key.type for step in plan.steps if step.key}
        self._written |= {step.condition.type for step in plan.steps if step.condition}
        self.late = False

    async def to(self, sent: str, step: Step) -> Key | None:
        """The only match; None where there is none yet. Raises MultipleMatches, PreconditionFailed for no match at all."""
        if sent in self._known:
            return self._known[sent]
        criteria = self._criteria[sent]
        own = self._may_change(criteria)
        if own and not self.late:
            return None
        version = await self._only(criteria, step, sent)
        if version is None:
            if own:
                return None
            raise _nothing(step, sent)
        if own:
            self._to_verify[sent] = step
        self._known[sent] = version
        return version

    async def verify(self) -> None:
        """What was resolved while the Bundle was being written is still true of its end. Raises MultipleMatches."""
        for sent, step in self._to_verify.items():
            try:
                found = await self._only(self._criteria[sent], step, sent)
                if found != self._known[sent]:
                    raise _nothing(step, sent)
            except FhirError as error:
                raise located(error, step.number) from error

    def _may_change(self, criteria: Criteria) -> bool:
        """Whether the Bundle itself may change what matches: it writes the type, or the criteria look at other types."""
        return criteria.type in self._written or "." in criteria.text.partition("=")[0] or "_has" in criteria.text

    async def _only(self, criteria: Criteria, step: Step, sent: str) -> Key | None:
        try:
            version = await criteria.only(self._ctx.reader)
        except MultipleMatches as error:
            body = step.request.body
            raise MultipleMatches(str(error), expression=place(body, sent) if body else ()) from None
        return version.key if version else None


def _nothing(step: Step, sent: str) -> PreconditionFailed:
    body = step.request.body
    return PreconditionFailed(
        f"The reference {sent} matches nothing: there is no such resource",
        code="not-found",
        expression=place(body, sent) if body else (),
    )
