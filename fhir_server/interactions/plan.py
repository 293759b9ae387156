"""The plan of a transaction: who gets which id, which locks are needed, and which links point where. Made before it begins.

http://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from fhir_server.context import Body, Context, Prefer, Prepared, Request
from fhir_server.formats import json
from fhir_server.interactions import links
from fhir_server.interactions.criteria import Criteria, criteria
from fhir_server.interactions.entries import Entry, entries_of, located, understand
from fhir_server.interactions.integrity import references
from fhir_server.interactions.links import Slot
from fhir_server.interactions.update import require_id
from fhir_server.interactions.write import key as key_of
from fhir_server.interactions.write import resource
from fhir_server.model import Key
from fhir_server.outcome import BadRequest, FhirError, Invalid, Issue
from fhir_server.references import conditional
from fhir_server.search.index import extract
from fhir_server.validation import structure

MOST: Final = 100
"""Issues that one outcome lists."""

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(slots=True)
class Step:
    """One entry on its way. `key` is where it writes; of a conditional one until it is decided: where it would, without
    any match (None: nowhere). `assigned`: the server gave it this id just now.

    `condition`: the criteria that decide about the key inside the transaction. `open`: links that only then can be set,
    because they point to conditional entries or are conditional references themselves.
    """

    entry: Entry
    planned: Key | None = None
    new: bool = False
    condition: Criteria | None = None
    prepared: Prepared | None = None
    open: list[Slot] = field(default_factory=list)
    found: Key | None = None

    @property
    def key(self) -> Key | None:
        return self.found or self.planned

    @property
    def assigned(self) -> bool:
        return self.new and self.found is None

    @property
    def number(self) -> int:
        return self.entry.number

    @property
    def base(self) -> str:
        """What relative references of this entry are relative to; "" where its fullUrl does not say."""
        return links.root(self.entry.full_url) if self.entry.full_url[:4] == "http" else ""

    @property
    def request(self) -> Request:
        return self.entry.request

    @property
    def method(self) -> str:
        return self.entry.request.method

    def read_again(self) -> None:
        """The body's plain reading says what its tree says now, where these are two."""
        body = self.request.body
        if body is not None and body.plain is not body.tree:
            self.request.body = Body(body.tree, orjson.loads(json.dumps(body.tree)), body.media_type, body.raw)

    def index(self) -> None:
        """`prepared` says what the resource says now."""
        if self.open:
            self.read_again()
        body = self.request.body
        if body is not None and self.key is not None and self.method in ("POST", "PUT"):
            self.prepared = Prepared(self.key, body.tree, extract(body.plain), self.assigned)

    def decide(self, found: Key | None) -> None:
        """The criteria have found this resource, or none."""
        self.found = found
        if self.prepared is not None and self.key is not None:
            self.prepared = replace(self.prepared, key=self.key, assigned=self.assigned)


@dataclass(slots=True)
class Plan:
    """The steps in the Bundle's order.

    `full_urls` maps each fullUrl to its step, `settled` those whose key is certain to `Type/id`; `references` are the
    criteria of the conditional references by their text.
    """

    steps: list[Step]
    full_urls: dict[str, Step] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    references: dict[str, Criteria] = field(default_factory=dict)

    @property
    def locks(self) -> list[str]:
        """All names that the transaction locks, before it reads anything."""
        names = {step.condition.lock for step in self.steps if step.condition}
        names |= {str(step.planned) for step in self.steps if step.planned and not step.new}
        return sorted(names)


def make(ctx: Context, body: Body, prefer: Prefer) -> Plan:
    """The plan of a transaction Bundle; links that can be set already are set in its resources.

    Raises Invalid (or what else is wrong with the only faulty entries) with the issues of all entries at once.
    """
    steps: list[Step] = []
    faults = Faults()
    plains = entries_of(body)
    for number, (tree, plain) in enumerate(zip(body.tree.get("entry", ()), plains, strict=True)):
        with faults.of(number):
            steps.append(_step(ctx, understand(ctx, number, tree, plain, prefer)))
    plan = Plan(steps)
    with faults:
        distinct((step.key, step.number) for step in steps if step.condition is None and step.key)
        plan.full_urls = _full_urls(steps)
        plan.settled = {url: str(step.key) for url, step in plan.full_urls.items() if step.condition is None}
    for step in steps:
        with faults.of(step.number):
            _link(ctx, plan, step)
    bodies = {step.number: step.request.body for step in steps}
    for number, plain in enumerate(plains):
        with faults.of(number):
            if "resource" in plain:
                body_ = bodies.get(number)
                _check(body_.plain if body_ is not None and body_.plain else plain["resource"])
    faults.raise_()
    for step in steps:
        if not step.open:
            step.index()
    return plan


def _check(resource: Mapping[str, Any]) -> None:
    """Once its links are set: a urn in a narrative is only allowed where it is replaced."""
    issues = structure.check(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=issues)


class Faults:
    """Collects what is wrong with several entries, to be told at once."""

    def __init__(self) -> None:
        self._errors: list[FhirError] = []
        self._number: int | None = None

    def of(self, number: int) -> "Faults":
        """For `with`: what is wrong inside is wrong with this entry. Without it errors say themselves where."""
        self._number = number
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, FhirError):
            self._number = None
            return False
        self._errors.append(error if self._number is None else located(error, self._number))
        self._number = None
        return True

    def raise_(self) -> None:
        """Raises the collected errors as one, of the first one's kind; does nothing without any."""
        if self._errors:
            issues = [issue for error in self._errors for issue in error.issues]
            rest = len(issues) - MOST
            if rest > 0:
                issues[MOST:] = [Issue("too-costly", f"{rest} more issues are not listed", ("Bundle",), "information")]
            first = self._errors[0]
            raise type(first)(issues=issues, headers=first.headers)


def _step(ctx: Context, entry: Entry) -> Step:
    """The step of an entry, with its key and its criteria."""
    request = entry.request
    interaction, shape = entry.match.route.interaction, entry.match.route.shape
    if interaction not in _WRITES:
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


def _link(ctx: Context, plan: Plan, step: Step) -> None:
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
        link = resolve(plan, step.base, slot.sent)
        if link is None:
            if slot.literal:
                _foreign(ctx, plan, step, slot)
        elif link.settled:
            slot.container[slot.name] = link.text()
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
