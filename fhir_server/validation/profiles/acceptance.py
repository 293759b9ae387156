"""A profile at a glance: a value that breaks nothing of it is accepted by tests of its JSON, compiled once.

http://hl7.org/fhir/R4/profiling.html

`check` walks along the same rules and decides; accepted is only what it finds no error in. Warnings are not looked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import local
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.validation.codes import Codes, codings
from fhir_server.validation.conditions import kept
from fhir_server.validation.profiles.belonging import Belonging, Told, holding, same
from fhir_server.validation.profiles.check import Checker, demands, suits
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.profiles.rule import UNBOUNDED, Profile, Rule
from fhir_server.validation.profiles.slicing import type_named
from fhir_server.validation.profiles.snapshot import CORE
from fhir_server.validation.profiles.values import beyond

Test = Callable[[Any], bool | None]
"""Of a JSON value: True only if nothing is wrong with it; anything else asks for the walk."""

_TEXTS: Final = frozenset({"code", "string", "uri"})
_CODED: Final = frozenset({"CodeableConcept", "Coding", "Quantity"})
_ELSEWHERE: Final = frozenset({"referenced", "bundled"})


MOST_OPEN: Final = 4
"""Profiles that lead into one another: each may ask twice about a value, and a hostile one without end."""


class _Open(local):
    """How many profiles are being asked in this thread."""

    number = 0


def closer(_: Any) -> bool:
    """What stands here takes a closer look."""
    return False


class Acceptance:
    """Accepts by the profiles and codes that are known in this process; what is compiled lasts until one is forgotten."""

    def __init__(self, profiles: Profiles, codes: Codes) -> None:
        self.profiles, self.codes = profiles, codes
        self._kept: tuple[int, dict[tuple[str, str], Test]] = (-1, {})
        self._open = _Open()

    def accepts(self, profile: Profile, type_: str, value: Any) -> bool:
        """True only if a value of a sound structure and of this type follows the profile; whoever asks resolves nothing."""
        revision, tests = self._kept
        if revision != self.profiles.revision:
            self._kept = _, tests = self.profiles.revision, {}
        key = profile.canonical, type_
        test = tests.get(key)
        if test is None:
            test = tests[key] = _Compiler(self).whole(profile, type_)
        if self._open.number == MOST_OPEN:
            return False
        self._open.number += 1
        try:
            return test(value) is True
        finally:
            self._open.number -= 1


class _Compiler:
    """Makes the test of one profile."""

    def __init__(self, acceptance: Acceptance) -> None:
        self.acceptance, self.codes = acceptance, acceptance.codes
        self.find = acceptance.profiles.find
        self.checker = Checker(self.find, self.codes, None)
        self.belonging = Belonging(self.checker.slicer, self.codes, acceptance.accepts)

    def whole(self, profile: Profile, type_: str) -> Test:
        if types.known(profile.type) and not types.is_subtype(type_, profile.type):
            return closer
        return _every([*self.invariants(profile.root, type_), *self.below(profile.root, type_)]) or _anything

    # ---- one value

    def value(self, rule: Rule, type_: str) -> Test | None:
        """What the rule demands of a value of this type, and of what is below it; None: nothing."""
        if type_ == "Resource":
            return closer
        return _every(
            [
                *self.type(rule, type_),
                *_bounds(rule),
                *self.binding(rule, type_),
                *self.invariants(rule, type_),
                *self.below(rule, type_),
            ]
        )

    def type(self, rule: Rule, type_: str) -> Iterator[Test]:
        if not rule.types:
            return
        mine = [t for t in rule.types if suits(type_, t.code)]
        if not mine:
            yield closer
        elif all(t.profiles for t in mine):
            yield from self.one_of([p for t in mine for p in t.profiles], type_)
        if type_ == "Reference":
            yield from self.target([p for t in mine for p in t.targets])
            yield from _aggregated({a for t in mine for a in t.aggregation})

    def one_of(self, canonicals: Sequence[str], type_: str) -> Iterator[Test]:
        """Follows one of these profiles; one that is not known stands in nobody's way."""
        for canonical in canonicals:
            own = canonical.removeprefix(CORE)
            if own != canonical and "|" not in own and types.known(own) and types.is_subtype(type_, own):
                return
        found = [self.find(canonical) for canonical in canonicals]
        profiles = [profile for profile in found if profile is not None]
        if len(profiles) == len(found):
            accepts = self.acceptance.accepts
            yield lambda value: any(accepts(profile, type_, value) for profile in profiles)

    def target(self, canonicals: Sequence[str]) -> Iterator[Test]:
        """What a literal says of its target; one within the resource is looked at more closely."""
        if not canonicals or f"{CORE}Resource" in canonicals:
            return
        wanted = [self.checker.type_of(canonical) for canonical in canonicals]
        right = frozenset(t for t in definitions().resource_types for w in wanted if w is None or suits(t, w))

        def leads(value: Any) -> bool:
            literal = value.get("reference")
            if isinstance(literal, str):
                head, slash, rest = literal.partition("/")
                if slash and head in right and "/" not in rest and "type" not in value:
                    return True
                if literal[:1] == "#":
                    return False
            named = type_named(value)
            return not named or named in right

        yield leads

    def binding(self, rule: Rule, type_: str) -> Iterator[Test]:
        """A required one; of others nothing is an error."""
        if rule.binding is None or rule.binding[0] != "required" or type_ in ("Extension", "Reference"):
            return
        value_set = rule.binding[1]
        own = definitions().value_set_codes(value_set) if type_ in _TEXTS else None
        if own is not None:
            yield frozenset(code for _, code in own).__contains__
            return
        member, needed = self.codes.member, type_ in _CODED

        def bound(value: Any) -> bool:
            found = codings(value, type_)
            if not found:
                return not needed
            return any(member(value_set, system, code) is not False for system, code, _ in found)

        yield bound

    def invariants(self, rule: Rule, type_: str) -> Iterator[Test]:
        for invariant in rule.invariants.values():
            own = invariant.source.removeprefix(CORE)
            if invariant.severity == "error" and (own == invariant.source or not types.known(own)):
                yield kept(invariant.expression, type_) or closer

    # ---- what is below

    def below(self, rule: Rule, type_: str) -> Iterator[Test]:
        tests: dict[str, Test] = {}
        needed: list[frozenset[str]] = []
        for child in rule.children.values():
            if child.spoken and not (child.min == 0 and child.max == UNBOUNDED and not demands(child)):
                self.element(child, type_, tests, needed)
        if types.is_primitive(type_):
            tests = {}  # what is below stands beside it, where it was looked for
        if tests or needed:
            yield _object(tests, tuple(needed))

    def element(self, rule: Rule, type_: str, tests: dict[str, Test], needed: list[frozenset[str]]) -> None:
        """Adds the tests of all values of one element, by JSON name, and the names of which one is needed."""
        members = types.members(type_, rule.element)
        if rule.min or any(one.min for one in rule.slices.values()):
            needed.append(frozenset(name for m in members for name in (m.name, f"_{m.name}")))
        for member in members:
            test = self.values(rule, member.type)
            if test is not None:
                tests[member.name] = _every([tests[member.name], test]) or test if member.name in tests else test
            if member.primitive and (test is not None or any(c.spoken for c in rule.children.values())):
                tests[f"_{member.name}"] = closer

    def values(self, rule: Rule, type_: str) -> Test | None:
        """Of all values under one JSON name: how many, of which slices, and each by itself."""
        if rule.max == 0:
            return closer
        each = self.value(rule, type_)
        if not rule.slices:
            return None if each is None and rule.min <= 1 and rule.max == UNBOUNDED else _counted(rule, each)
        slices = [
            (self.belonging.within(one, rule.slicing, type_), self.value(one, type_), one.min, one.max)
            for one in rule.slices.values()
        ]
        return _sliced(rule, each or _anything, slices)


def _anything(_: Any) -> bool:
    return True


def _every(tests: Sequence[Test]) -> Test | None:
    """All of them; None where there are none."""
    if closer in tests:
        return closer
    if len(tests) < 2:  # one or none
        return tests[0] if tests else None
    if len(tests) == 2:  # most often
        first, second = tests
        return lambda value: first(value) and second(value)

    def test(value: Any) -> bool:
        for one in tests:  # noqa: SIM110  # hot: a loop costs half of a generator
            if not one(value):
                return False
        return True

    return test


def _bounds(rule: Rule) -> Iterator[Test]:
    """What a value is, holds, and lies between."""
    if rule.fixed is not None:
        yield same(rule.fixed[1])
    if rule.pattern is not None:
        yield holding(rule.pattern[1])
    most, low, high = rule.max_length, rule.min_value, rule.max_value
    if most is not None:
        yield lambda value: not isinstance(value, str) or len(value) <= most
    if low is not None:
        yield lambda value: not beyond(value, low, least=True)
    if high is not None:
        yield lambda value: not beyond(value, high, least=False)


def _aggregated(modes: set[str]) -> Iterator[Test]:
    """A literal leads where the modes let it: into the resource, elsewhere, or both."""
    inside = "contained" in modes
    if modes and not (inside and modes & _ELSEWHERE):
        yield lambda value: value.get("reference", "").startswith("#") is inside or "reference" not in value


def _object(tests: Mapping[str, Test], needed: Sequence[frozenset[str]]) -> Test:
    """Hot: along each profile, every element that it speaks of."""
    find = tests.get

    def test(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, child in value.items():
            one = find(name)
            if one is not None and not one(child):
                return False
        for names in needed:  # noqa: SIM110  # hot: a loop costs half of a generator
            if names.isdisjoint(value):
                return False
        return True

    return test


def _counted(rule: Rule, each: Test | None) -> Test:
    least, most = rule.min, rule.max

    def test(value: Any) -> bool | None:
        if type(value) is not list:
            return least <= 1 and value is not None and (each is None or each(value))
        if not least <= len(value) <= most or None in value:
            return False
        return each is None or all(map(each, value))

    return test


def _sliced(rule: Rule, each: Test, slices: Sequence[tuple[Told, Test | None, int, int]]) -> Test:
    least, most = rule.min, rule.max
    closed = rule.slicing is not None and rule.slicing.rules == "closed"
    in_order = rule.slicing is not None and (rule.slicing.ordered or rule.slicing.rules == "openAtEnd")

    def test(value: Any) -> bool:
        values = value if type(value) is list else [value]
        if not least <= len(values) <= most or None in values or (in_order and len(values) > 1):
            return False
        if not all(map(each, values)):
            return False
        outside = set(range(len(values))) if closed else None
        for within, one, fewest, greatest in slices:
            number = 0
            for at, item in enumerate(values):
                inside = within(item)
                if inside is None or (inside and one is not None and not one(item)):
                    return False
                if inside:
                    number += 1
                    if outside is not None:
                        outside.discard(at)
            if not fewest <= number <= greatest:
                return False
        return not outside

    return test
