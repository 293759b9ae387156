"""Which slice a JSON value belongs to, where that can be told without a node for any element.

http://hl7.org/fhir/R4/profiling.html#discriminator

`slicing` tells it of nodes, and decides; what is told here is what it would say.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fhir_server.fhirpath import types
from fhir_server.validation.codes import Codes, codings
from fhir_server.validation.profiles.rule import Discriminator, Profile, Rule, Slicing
from fhir_server.validation.profiles.slicing import Slicer, fixes
from fhir_server.validation.profiles.snapshot import CORE
from fhir_server.validation.profiles.values import equal, fits

Told = Callable[[Any], bool | None]
"""Of a JSON value: true, false, or None where it takes a closer look."""
Accepts = Callable[[Profile, str, Any], bool]
"""(profile, type, value) → True only if the value follows the profile."""
Found = list[tuple[Any, str]]
"""Values, each with its type."""
Way = Callable[[Any], Found | None]
"""What a path leads to from a value; None where it takes a closer look."""

_NAME: Final = re.compile(r"[a-z]\w*")
_OF_TYPE: Final = re.compile(r"ofType\((\w+)\)")


class Belonging:
    """Compiles what tells slices; `slicer` knows where discriminators lead among the rules."""

    def __init__(self, slicer: Slicer, codes: Codes, accepts: Accepts) -> None:
        self.slicer, self.codes, self.accepts = slicer, codes, accepts

    def within(self, one: Rule, slicing: Slicing | None, type_: str) -> Told:
        """Whether a value of a type is in the slice."""
        if slicing is None or not slicing.discriminators:
            return self._alike(one, type_)
        return every([self._decides(by, one, type_) for by in slicing.discriminators])

    def _decides(self, by: Discriminator, one: Rule, type_: str) -> Told:
        way = path(by.path, type_)
        if way is None:
            return _untold
        rules = list(self.slicer.rules(one, by.path))
        if rules:
            return some([self._fulfils(by.type, rule, way) for rule in rules])
        return _exists(way, wanted=True) if by.type == "exists" else _always

    def _fulfils(self, kind: str, rule: Rule, way: Way) -> Told:
        if kind == "exists":
            return _exists(way, wanted=bool(rule.max))
        if kind == "type":
            codes = {t.code for t in rule.types}
            return _of(way, lambda type_: _always if type_ in codes else _never, empty=False)
        if kind == "profile":
            profiles = [p for t in rule.types for p in t.profiles]
            follows = self._follows
            return _of(way, lambda type_: follows(profiles, type_), empty=rule.min == 0) if profiles else _always
        alike = self._alike
        return _of(way, lambda type_: alike(rule, type_), empty=rule.max == 0 or (rule.min == 0 and not fixes(rule)))

    def _follows(self, profiles: Sequence[str], type_: str) -> Told:
        core = [p.removeprefix(CORE) for p in profiles if p.startswith(CORE) and types.known(p.removeprefix(CORE))]
        if any(types.is_subtype(type_, own) for own in core):
            return _always
        return some([self._follow(canonical, type_) for canonical in profiles])

    def _follow(self, canonical: str, type_: str) -> Told:
        """One that is not known is followed by nobody, that of an extension only where the url is its own."""
        profile, accepts = self.slicer.find(canonical), self.accepts
        if profile is None:
            return _never
        url = profile.root.children.get("url") if type_ == "Extension" else None
        fixed = url.fixed if url is not None and url.spoken else None

        def told(value: Any) -> bool | None:
            if fixed is not None and value.get("url") != fixed[1]:
                return False
            return accepts(profile, type_, value) or None

        return told

    def _alike(self, rule: Rule, type_: str) -> Told:
        """Whether a value has what the rule fixes, at its place and below."""
        if rule.fixed is not None:
            return same(rule.fixed[1])
        if rule.pattern is not None:
            return holding(rule.pattern[1])
        deciding = [child for child in rule.children.values() if fixes(child)]
        if deciding:
            return every([self._alike_below(child, type_) for child in deciding])
        if rule.binding is not None and rule.binding[0] == "required":
            return self._of_value_set(rule.binding[1], type_)
        profiles = [p for t in rule.types for p in t.profiles]
        return self._follows(profiles, type_) if profiles else _always

    def _of_value_set(self, value_set: str, type_: str) -> Told:
        member = self.codes.member
        return lambda value: any(
            member(value_set, system, code) is not False for system, code, _ in codings(value, type_)
        )

    def _alike_below(self, rule: Rule, type_: str) -> Told:
        way = path(rule.element, type_)
        if way is None:
            return _untold
        alike = self._alike
        needed = [
            _of(way, lambda type_, one=one: alike(one, type_), empty=False)  # type: ignore[misc]
            for one in rule.slices.values()
            if one.min > 0 and fixes(one)
        ]
        if needed:
            return every(needed)
        return _of(way, lambda type_: alike(rule, type_), empty=rule.min == 0)


def _always(_: Any) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _untold(_: Any) -> None:
    return None


def every(all_: Sequence[Told]) -> Told:
    """False where one is; None where one is and none is false."""
    if len(all_) == 1:
        return all_[0]

    def told(value: Any) -> bool | None:
        found: bool | None = True
        for one in all_:
            answer = one(value)
            if answer is False:
                return False
            if answer is None:
                found = None
        return found

    return told


def some(all_: Sequence[Told]) -> Told:
    """True where one is; None where one is and none is true."""
    return all_[0] if len(all_) == 1 else lambda value: _any(one(value) for one in all_)


def _any(answers: Iterable[bool | None]) -> bool | None:
    found: bool | None = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            found = None
    return found


def same(fixed: Any) -> Told:
    """Whether a value is exactly the fixed one."""
    return (lambda value: bool(value == fixed)) if isinstance(fixed, str) else (lambda value: equal(value, fixed))


def holding(pattern: Any) -> Told:
    """Whether a value holds all that the pattern does."""
    return (lambda value: bool(value == pattern)) if isinstance(pattern, str) else (lambda value: fits(value, pattern))


def _exists(way: Way, *, wanted: bool) -> Told:
    def told(value: Any) -> bool | None:
        found = way(value)
        return None if found is None else bool(found) is wanted

    return told


def _of(way: Way, test: Callable[[str], Told], *, empty: bool) -> Told:
    """Whether one of the values found is as tested for its type; `empty` where there are none."""
    tests: dict[str, Told] = {}

    def told(value: Any) -> bool | None:
        found = way(value)
        if not found:
            return None if found is None else empty
        return _any((tests.get(type_) or tests.setdefault(type_, test(type_)))(each) for each, type_ in found)

    return told


_Step = Callable[[Any, Found], bool]
"""Adds to what is found from a value; false where it takes a closer look."""


def path(text: str, type_: str) -> Way | None:
    """The way along a discriminator's path of elements from a value of a type; None where it leads elsewhere, too."""
    if text in ("", "$this"):
        return lambda value: [(value, type_)]
    step = _steps(text.removeprefix("$this.").split("."), type_)
    if step is None:
        return None

    def way(value: Any) -> Found | None:
        found: Found = []
        return found if step(value, found) else None

    return way


def _steps(names: Sequence[str], type_: str) -> _Step | None:
    members = types.members(type_, names[0]) if _NAME.fullmatch(names[0]) and not types.is_primitive(type_) else ()
    rest = names[1:]
    kind = _OF_TYPE.fullmatch(rest[0]) if rest else None
    if kind is not None:
        rest = rest[1:]
        kept = tuple(member for member in members if member.type == kind[1])
        if any(types.is_subtype(member.type, kind[1]) for member in members if member not in kept):
            return None
        members = kept
    if not members or any(member.type == "Resource" for member in members):
        return None
    below = [_steps(rest, member.type) if rest else None for member in members]
    if rest and None in below:
        return None
    ways = [(m.name, f"_{m.name}", m.type, deeper) for m, deeper in zip(members, below, strict=True)]

    def step(value: Any, found: Found) -> bool:
        for name, beside, kind, deeper in ways:
            if beside in value:
                return False
            child = value.get(name)
            if child is not None:
                for each in child if type(child) is list else (child,):
                    if deeper is None:
                        found.append((each, kind))
                    elif not deeper(each, found):
                        return False
        return True

    return step
