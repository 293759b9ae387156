"""Linking: the links of a transaction's resources are set to where its entries are stored.

http://hl7.org/fhir/R4/http.html#trules and http://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Callable
from dataclasses import dataclass

from fhir_server.context import Body, Context
from fhir_server.interactions import links
from fhir_server.interactions.criteria import criteria
from fhir_server.interactions.integrity import references
from fhir_server.interactions.links import Slot
from fhir_server.interactions.plan import Plan, Step
from fhir_server.outcome import Invalid
from fhir_server.references import conditional


def link(ctx: Context, plan: Plan, step: Step) -> None:
    """Sets the links of the step's resource that are known; keeps the others in `step.open`."""
    body = step.request.body
    if body is None or not body.plain:
        return
    for slot in links.slots(body.tree, plan.full_urls, plan.settled):
        if slot.narrative or not slot.reference:
            rewrite(plan, step.base, slot, Link.text)
            if not all(link.settled for link in targets(plan, step.base, slot)):
                step.open.append(slot)
            continue
        to = resolve(plan, step.base, slot.sent)
        if to is None:
            if slot.literal:
                _foreign(ctx, plan, step, slot)
        elif to.settled:
            slot.container[slot.name] = to.text()
        else:
            step.open.append(slot)
    step.read_again()


def _foreign(ctx: Context, plan: Plan, step: Step, slot: Slot) -> None:
    """A reference to no entry: conditional, or left as it is. Raises Invalid for a urn:uuid that leads nowhere."""
    sent, body = slot.sent, step.request.body
    if "?" in sent:
        found = conditional(sent)
        if found is None:
            return
        if sent not in plan.references:
            plan.references[sent] = criteria(ctx, *found, place(body, sent) if body else "resource")
        step.open.append(slot)
    elif sent.startswith("urn:uuid:"):
        raise Invalid(
            f"The reference {sent} leads nowhere: no entry has this fullUrl",
            code="not-found",
            expression=place(body, sent) if body else "resource",
        )


@dataclass(frozen=True, slots=True)
class Link:
    """What a link leads to: the resource of a step, a `version` of it, a `fragment` ("#x") in it."""

    step: Step
    versioned: bool
    fragment: str

    @property
    def settled(self) -> bool:
        """It says before the transaction what it will say after it: a version "1" is only certain of a new resource."""
        return self.step.condition is None and (not self.versioned or self.step.assigned)

    def text(self, version_id: str = "1") -> str:
        return f"{self.step.key}{f'/_history/{version_id}' if self.versioned else ''}{self.fragment}"


def resolve(plan: Plan, base: str, sent: str) -> Link | None:
    """The link to an entry that `sent` is, as it is or relative to `base`; None where it is none."""
    text, mark, fragment = sent.partition("#")
    step = _target(plan, base, text)
    versioned = False
    if step is None and "/_history/" in text:
        unversioned = links.versioned(text)
        step = _target(plan, base, unversioned) if unversioned else None
        versioned = step is not None
    return None if step is None else Link(step, versioned, mark + fragment)


def _target(plan: Plan, base: str, text: str) -> Step | None:
    step = plan.full_urls.get(text)
    return plan.full_urls.get(f"{base}/{text}") if step is None and base else step


def targets(plan: Plan, base: str, slot: Slot) -> list[Link]:
    """The links that a slot holds: several in a narrative."""
    found: list[Link] = []

    def look(sent: str) -> None:
        link = resolve(plan, base, sent)
        if link is not None:
            found.append(link)

    if slot.narrative:
        links.narrative(slot.sent, look)
    else:
        look(slot.sent)
    return found


def rewrite(plan: Plan, base: str, slot: Slot, text_of: Callable[[Link], str]) -> None:
    """Sets a slot to what its links lead to; it stays as it was sent where it holds none."""

    def look(sent: str) -> str | None:
        link = resolve(plan, base, sent)
        return None if link is None else text_of(link)

    new = links.narrative(slot.sent, look) if slot.narrative else look(slot.sent)
    if new is not None:
        slot.container[slot.name] = new


def place(body: Body, sent: str) -> str:
    """Where a resource holds this reference: `Observation.subject.reference`."""
    type_ = body.plain["resourceType"]
    return next((path for path, text in references(body.plain, type_) if text == sent), str(type_))
