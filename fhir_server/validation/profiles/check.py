"""A resource walked along a profile's rules: everything that it demands and the resource does not do.

http://hl7.org/fhir/R4/validation.html and http://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from fhir_server.fhirpath import types
from fhir_server.fhirpath.budget import Allowance
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import compile as expression
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import Environment
from fhir_server.outcome import Issue
from fhir_server.validation.codes import Codes, codings
from fhir_server.validation.narrative import faults
from fhir_server.validation.profiles.rule import UNBOUNDED, Invariant, Profile, Rule
from fhir_server.validation.profiles.slicing import Slicer, type_named
from fhir_server.validation.profiles.snapshot import CORE
from fhir_server.validation.profiles.values import beyond, equal, fits

MAX_ISSUES: Final = 100
MAX_DEPTH: Final = 20
"""Profiles that lead into one another while one value is looked at."""

Find = Callable[[str], Profile | None]


class Checker:
    """Checks one resource; `find` gives profiles, `codes` value sets, `resolve` what references point to (None: not known)."""

    def __init__(self, find: Find, codes: Codes, resolve: Callable[[str], Mapping[str, Any] | None] | None) -> None:
        self.find, self.codes = find, codes
        self._resolve = resolve
        self.allowance = Allowance()
        self._known: dict[tuple[str, tuple[int, str, int | None]], tuple[Issue, ...]] = {}
        self._open: set[tuple[str, tuple[int, str, int | None]]] = set()

    @cached_property
    def environment(self) -> Environment:
        """What expressions are evaluated with; most resources have none evaluated."""
        return Environment(
            resolve=self._resolve,
            member_of=lambda node, value_set: self.member(value_set, node),
            conforms_to=self._conforms_to,
            html_checks=lambda div: not faults(div),
            together=self.allowance,
        )

    @cached_property
    def slicer(self) -> Slicer:
        """What tells slices."""
        return Slicer(self.find, self.conforms, self.member, self.environment)

    def check(self, profile: Profile, node: Node) -> tuple[Issue, ...]:
        """All that the node breaks of the profile, each once; () also while the same question is being asked further up."""
        place = (profile.canonical, node.place)
        known = self._known.get(place)
        if known is not None:
            return known
        if place in self._open or len(self._open) > MAX_DEPTH:
            return ()
        self._open.add(place)
        try:
            self.allowance.look()
            walk = _Walk(self, profile)
            found = dict.fromkeys(walk.root(node))
        finally:
            self._open.discard(place)
        self._known[place] = issues = tuple(found)[:MAX_ISSUES]
        return issues

    def conforms(self, canonical: str, node: Node) -> bool | None:
        """Whether the node follows the profile; None where the profile is not known."""
        own = canonical.removeprefix(CORE)
        if own != canonical and "|" not in own and types.known(own):
            return types.is_subtype(node.type, own)
        profile = self.find(canonical)
        if profile is None:
            return None
        return not any(issue.severity in ("error", "fatal") for issue in self.check(profile, node))

    def type_of(self, canonical: str) -> str | None:
        """The type that a profile is for; None where it is not known."""
        own = canonical.removeprefix(CORE).partition("|")[0]
        if own != canonical and types.known(own):
            return own
        profile = self.find(canonical)
        return profile.type if profile is not None else None

    def _conforms_to(self, node: Node, canonical: str) -> bool:
        """As `conforms`; KeyError where the profile is not known."""
        answer = self.conforms(canonical, node)
        if answer is None:
            raise KeyError(canonical)
        return answer

    def member(self, value_set: str, node: Node) -> bool | None:
        """Whether one of the codes of a value is in the value set; None where that is not known."""
        answers = [self.codes.member(value_set, system, code) for system, code, _ in codings(node.value, node.type)]
        if True in answers:
            return True
        return None if None in answers else False


class _Walk:
    """One walk along one profile."""

    def __init__(self, checker: Checker, profile: Profile) -> None:
        self.checker, self.profile = checker, profile
        self.by = f"({profile.canonical})"

    def root(self, node: Node) -> Iterator[Issue]:
        type_ = self.profile.type
        if types.known(type_) and not types.is_subtype(node.type, type_):
            yield self.issue("invalid", f"this is a {node.type}; the profile is for {type_}", node.path)
            return
        yield from self.invariants(self.profile.root, node)
        yield from self.below(self.profile.root, node)

    def issue(self, code: str, text: str, path: str, severity: str = "error") -> Issue:
        return Issue(code, f"{text} {self.by}", (path,), severity)

    # ---- one value

    def value(self, rule: Rule, node: Node) -> Iterator[Issue]:
        """What the rule demands of a value, and of what is below it."""
        yield from self.type(rule, node)
        if rule.fixed is not None and not equal(node.value, rule.fixed[1]):
            yield self.issue(
                "value", f"{_shown(node.value)} stands here; it must be exactly {_shown(rule.fixed[1])}", node.path
            )
        if rule.pattern is not None and not fits(node.value, rule.pattern[1]):
            yield self.issue(
                "value", f"{_shown(node.value)} stands here; it must hold {_shown(rule.pattern[1])}", node.path
            )
        yield from self.bounds(rule, node)
        if rule.binding is not None:
            yield from self.binding(rule, node)
        yield from self.invariants(rule, node)
        yield from self.below(rule, node)

    def bounds(self, rule: Rule, node: Node) -> Iterator[Issue]:
        value = node.value
        if rule.max_length is not None and isinstance(value, str) and len(value) > rule.max_length:
            yield self.issue("too-long", f"{len(value)} characters; at most {rule.max_length} are allowed", node.path)
        if rule.min_value is not None and beyond(value, rule.min_value, least=True):
            yield self.issue(
                "value", f"{_shown(value)} is below the least value {_shown(rule.min_value[1])}", node.path
            )
        if rule.max_value is not None and beyond(value, rule.max_value, least=False):
            yield self.issue(
                "value", f"{_shown(value)} is above the largest value {_shown(rule.max_value[1])}", node.path
            )

    def type(self, rule: Rule, node: Node) -> Iterator[Issue]:
        """Its type is one of the rule's, and it follows one of the profiles that the rule names for this type."""
        if not rule.types:
            return
        mine = [t for t in rule.types if suits(node.type, t.code)]
        if not mine:
            right = " or ".join(sorted({t.code for t in rule.types})[:8])
            yield self.issue("structure", f"{node.type} stands here; {right} is expected", node.path)
            return
        yield from self.one_of([p for t in mine for p in t.profiles], node) if all(t.profiles for t in mine) else ()
        if node.type == "Reference":
            yield from self.target([p for t in mine for p in t.targets], node)
            yield from self.aggregation({a for t in mine for a in t.aggregation}, node)

    def one_of(self, canonicals: Sequence[str], node: Node) -> Iterator[Issue]:
        """The node follows one of these profiles."""
        answers = [(canonical, self.checker.conforms(canonical, node)) for canonical in canonicals]
        if any(answer for _, answer in answers):
            return
        unknown = [canonical for canonical, answer in answers if answer is None]
        if unknown:
            yield self.issue(
                "not-found", f"the profile {unknown[0]} is not known here: not checked", node.path, "warning"
            )
            return
        if len(answers) == 1 and (profile := self.checker.find(answers[0][0])) is not None:
            yield from self.checker.check(profile, node)
            return
        names = ", ".join(canonical for canonical, _ in answers)
        yield self.issue("structure", f"the {node.type} follows none of the profiles {names}", node.path)

    def target(self, canonicals: Sequence[str], node: Node) -> Iterator[Issue]:
        """The reference leads to a resource of one of these profiles, as far as that can be told here."""
        if not canonicals or f"{CORE}Resource" in canonicals:
            return
        literal = node.value.get("reference") if isinstance(node.value, Mapping) else None
        found = self.resolved(node)
        named = found.type if found is not None else type_named(node.value)
        wanted = [self.checker.type_of(c) for c in canonicals]
        if named and None not in wanted and not any(suits(named, str(t)) for t in wanted):
            right = ", ".join(sorted({str(t) for t in wanted}))
            yield self.issue(
                "structure", f"the reference is to a {named}; it must be to {right}", f"{node.path}.reference"
            )
            return
        if found is None:
            return
        profiled = [c for c in canonicals if self.checker.type_of(c) in (None, found.type)]
        answers = [self.checker.conforms(c, found) for c in profiled]
        if profiled and not any(answer is not False for answer in answers):
            names = ", ".join(profiled)
            yield self.issue("structure", f"{literal} does not follow {names}", f"{node.path}.reference")

    def aggregation(self, modes: set[str], node: Node) -> Iterator[Issue]:
        literal = node.value.get("reference") if isinstance(node.value, Mapping) else None
        if not modes or not isinstance(literal, str):
            return
        mode = "contained" if literal.startswith("#") else "referenced"
        if mode not in modes and not (mode == "referenced" and "bundled" in modes):
            right = " or ".join(sorted(modes))
            yield self.issue(
                "structure", f"{literal} is {mode}; the reference must be {right}", f"{node.path}.reference"
            )

    def resolved(self, node: Node) -> Node | None:
        try:
            found = expression("resolve()").evaluate(node, environment=self.checker.environment)
        except FhirPathError:
            return None
        return found[0] if found and isinstance(found[0], Node) else None

    def binding(self, rule: Rule, node: Node) -> Iterator[Issue]:
        """Required: a code of the value set; extensible: one unless none fits, which only a person can tell."""
        assert rule.binding is not None
        strength, value_set = rule.binding
        if strength not in ("required", "extensible") or node.type in ("Extension", "Reference"):
            return
        found = codings(node.value, node.type)
        if not found:
            if strength == "required" and node.type in ("CodeableConcept", "Coding", "Quantity"):
                yield self.issue("code-invalid", f"a code of the value set {value_set} is needed here", node.path)
            return
        answers = [self.checker.codes.member(value_set, system, code) for system, code, _ in found]
        if True in answers:
            return
        if None in answers:
            why = next(filter(None, (self.checker.codes.why(value_set, system, code) for system, code, _ in found)), "")
            text = f"whether it is in the value set {value_set} cannot be told here{why and f': {why}'}"
            yield self.issue("not-found", text, node.path, "warning" if why else "information")
            return
        shown = ", ".join(f"{system}|{code}" if system else code for system, code, _ in found)
        severity = "error" if strength == "required" else "warning"
        yield self.issue("code-invalid", f"{shown} is not in the value set {value_set} ({strength})", node.path + (found[0][2] if len(found) == 1 else ""), severity)  # fmt: skip

    def invariants(self, rule: Rule, node: Node) -> Iterator[Issue]:
        for invariant in rule.invariants.values():
            if invariant.source.removeprefix(CORE) != invariant.source and types.known(
                invariant.source.removeprefix(CORE)
            ):
                continue  # R4's own, which every resource is held to
            yield from broken(invariant, node, self.checker.environment, self.by, self.around(rule, node))

    def around(self, rule: Rule, node: Node) -> Node | None:
        """`%resource` of a rule for a resource within the profile's: the one around it; None: as ever."""
        if rule is self.profile.root or node.parent is None or not types.is_resource(node.type):
            return None
        current: Node = node.parent
        while current.parent is not None and not types.is_resource(current.type):
            current = current.parent
        return current

    # ---- what is below

    def below(self, rule: Rule, node: Node) -> Iterator[Issue]:
        for child in rule.children.values():
            if child.spoken:
                yield from self.element(child, node)

    def element(self, rule: Rule, parent: Node) -> Iterator[Issue]:
        """All values of one element: how many, of which slices, and each by itself."""
        if rule.min == 0 and rule.max == UNBOUNDED and not demands(rule):
            return
        values = list(parent.child(rule.element))
        if not values and not (rule.min or rule.slices):
            return
        path = f"{parent.path}.{rule.element}"
        yield from self.count(rule, len(values), path, rule.element)
        of_slice: dict[str, int] = dict.fromkeys(rule.slices, 0)
        order: list[int] = []
        names = list(rule.slices)
        for value in values:
            within = self.checker.slicer.slices(rule, value) if rule.slices else []
            yield from self.value(rule, value)
            for one in within:
                of_slice[one.slice] += 1
                yield from self.value(one, value)
            order.append(names.index(within[0].slice) if within else len(names))
            yield from self.unsliced(rule, value, bool(within))
        yield from self.order(rule, order, path)
        for name, number in of_slice.items():
            yield from self.count(rule.slices[name], number, path, f"the slice {name} of {rule.element}")

    def count(self, rule: Rule, number: int, path: str, what: str) -> Iterator[Issue]:
        if number < rule.min:
            least = "is needed" if rule.min == 1 else f"is needed at least {rule.min} times"
            yield self.issue(
                "required", f"{what} {least}; there {'is' if number == 1 else 'are'} {number or 'none'}", path
            )
        elif number > rule.max:
            most = "must not be here" if rule.max == 0 else f"may be here at most {rule.max} times"
            yield self.issue("structure", f"{what} {most}; there {'is' if number == 1 else 'are'} {number}", path)

    def unsliced(self, rule: Rule, value: Node, within: bool) -> Iterator[Issue]:
        if rule.slicing is not None and rule.slicing.rules == "closed" and rule.slices and not within:
            names = ", ".join(rule.slices)
            yield self.issue(
                "structure", f"this belongs to none of the slices {names}, and there may be no others", value.path
            )

    def order(self, rule: Rule, order: Sequence[int], path: str) -> Iterator[Issue]:
        if rule.slicing is None or not rule.slices:
            return
        if rule.slicing.ordered and [n for n in order if n < len(rule.slices)] != sorted(
            n for n in order if n < len(rule.slices)
        ):
            yield self.issue(
                "structure", f"the slices of {rule.element} stand in this order: {', '.join(rule.slices)}", path
            )
        if rule.slicing.rules == "openAtEnd":
            rest = [n == len(rule.slices) for n in order]
            if rest != sorted(rest):
                yield self.issue("structure", f"what belongs to no slice of {rule.element} stands at the end", path)


def broken(
    invariant: Invariant, node: Node, environment: Environment, by: str, resource: Node | None = None
) -> Iterator[Issue]:
    """The issue of an invariant that the node does not keep; `resource` is `%resource` where it is not the node's own."""
    try:
        if expression(invariant.expression).holds(node, resource=resource, environment=environment):
            return
    except FhirPathError as error:
        text = f"{invariant.key} could not be evaluated: {error} {by}"
        yield Issue("processing", text, (node.path,), "warning", invariant.expression)
        return
    severity = "error" if invariant.severity == "error" else "warning"
    yield Issue("invariant", f"{invariant.key}: {invariant.human} {by}", (node.path,), severity, invariant.expression)


def demands(rule: Rule) -> bool:
    """Whether anything beyond the number is asked."""
    return bool(
        rule.types or rule.fixed or rule.pattern or rule.binding or rule.invariants or rule.children or rule.slices
        or rule.max_length is not None or rule.min_value or rule.max_value
    )  # fmt: skip


def suits(type_: str, wanted: str) -> bool:
    """Whether a value of a type may stand where another one is wanted."""
    return wanted in (type_, "*") or (types.known(wanted) and types.is_subtype(type_, wanted))


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
