"""Which slice a value belongs to, told by the discriminators.

http://hl7.org/fhir/R4/profiling.html#discriminator
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_server import references
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import compile as expression
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import Environment
from fhir_server.validation.profiles.rule import Discriminator, Profile, Rule, Slicing
from fhir_server.validation.profiles.values import equal, fits

_STEP: Final = re.compile(
    r"(?:extension\((?P<url>'[^']*'|\"[^\"]*\")\)|ofType\((?P<type>\w+)\)|resolve\(\)|\$this|(?<!\w)\w+)(?=\.|$)"
)

Find = Callable[[str], Profile | None]
Conforms = Callable[[str, Node], bool | None]
Member = Callable[[str, Node], bool | None]


class Slicer:
    """Tells slices; `find` gives profiles, `conforms` whether a value follows one, `member` whether it is of a value set."""

    def __init__(self, find: Find, conforms: Conforms, member: Member, environment: Environment) -> None:
        self.find, self.conforms, self.member, self.environment = find, conforms, member, environment

    def slices(self, rule: Rule, node: Node) -> list[Rule]:
        """The slices of `rule` that the value is in, in the order of the profile."""
        slicing = rule.slicing or Slicing()
        return [one for one in rule.slices.values() if self._within(one, slicing, node)]

    def _within(self, one: Rule, slicing: Slicing, node: Node) -> bool:
        if not slicing.discriminators:
            return self._alike(one, node)
        return all(self._decides(d, one, node) for d in slicing.discriminators)

    def _decides(self, by: Discriminator, one: Rule, node: Node) -> bool:
        found = self._nodes(by.path, node)
        if by.type == "profile" and by.path.endswith("resolve()"):
            return self._targets(by.path.removesuffix("resolve()").removesuffix("."), one, node, found)
        rules = list(self.rules(one, by.path))
        if by.type == "type" and not found and by.path.endswith("resolve()"):
            return self._named_type(by.path.removesuffix("resolve()").removesuffix("."), rules, node)
        if not rules:
            return by.type != "exists" or bool(found)  # the slice does not speak of it
        return any(self._fulfils(by.type, rule, found) for rule in rules)

    def _fulfils(self, kind: str, rule: Rule, found: Sequence[Node]) -> bool:
        if kind == "exists":
            return bool(found) if rule.max else not found
        if kind == "type":
            codes = {t.code for t in rule.types}
            return any(node.type in codes for node in found)
        if kind == "profile":
            profiles = [p for t in rule.types for p in t.profiles]
            if not profiles or not found:
                return not profiles or rule.min == 0  # it names no profile; what need not be there decides nothing
            return any(self.conforms(p, node) for node in found for p in profiles)
        if not found:
            return rule.max == 0 or (rule.min == 0 and not fixes(rule))
        return any(self._alike(rule, node) for node in found)

    def _targets(self, path: str, one: Rule, node: Node, found: Sequence[Node]) -> bool:
        """The reference leads to a resource of one of its target profiles; what cannot be resolved here, to one of their types."""
        targets = [t for rule in self.rules(one, path) for type_ in rule.types for t in type_.targets]
        if not targets:
            return True
        if found:
            return any(self.conforms(target, each) for target in targets for each in found)
        types_ = {profile.type for target in targets if (profile := self.find(target)) is not None}
        return any(type_named(reference.value) in types_ for reference in self._nodes(path, node))

    def _named_type(self, path: str, rules: Sequence[Rule], node: Node) -> bool:
        """What cannot be resolved here is of the type that the reference itself names."""
        codes = {t.code for rule in rules for t in rule.types}
        return any(type_named(reference.value) in codes for reference in self._nodes(path, node))

    def _alike(self, rule: Rule, node: Node) -> bool:
        """Whether a value has what the rule fixes, at its place and below; a rule that fixes nothing tells nobody apart."""
        if rule.fixed is not None:
            return equal(node.value, rule.fixed[1])
        if rule.pattern is not None:
            return fits(node.value, rule.pattern[1])
        deciding = [child for child in rule.children.values() if fixes(child)]
        if deciding:
            return all(self._alike_below(child, list(node.child(child.element))) for child in deciding)
        if rule.binding is not None and rule.binding[0] == "required":
            return self.member(rule.binding[1], node) is not False  # not known: nobody can say that it is not
        profiles = [p for t in rule.types for p in t.profiles]
        return not profiles or any(self.conforms(p, node) for p in profiles)

    def _alike_below(self, rule: Rule, values: Sequence[Node]) -> bool:
        needed = [one for one in rule.slices.values() if one.min > 0 and fixes(one)]
        if any(not any(self._alike(one, value) for value in values) for one in needed):
            return False
        if not values:
            return rule.min == 0
        return bool(needed) or any(self._alike(rule, value) for value in values)

    def _nodes(self, path: str, node: Node) -> list[Node]:
        if path in ("", "$this"):
            return [node]
        try:
            found = expression(path).evaluate(node, environment=self.environment)
        except FhirPathError:
            return []
        return [item for item in found if isinstance(item, Node)]

    def rules(self, rule: Rule, path: str) -> Iterator[Rule]:
        """The rules at the discriminator's path below a slice."""
        rules = [rule]
        for step in _STEP.finditer(path):
            rules = [deeper for one in rules for deeper in self._step(one, step)]
        yield from rules

    def _step(self, rule: Rule, step: "re.Match[str]") -> Iterator[Rule]:
        text = step.group()
        if text == "$this":
            yield rule
        elif text == "resolve()":
            for type_ in rule.types:
                for target in type_.targets:
                    profile = self.find(target)
                    if profile is not None:
                        yield profile.root
        elif step["type"]:
            named = [one for one in rule.slices.values() if {t.code for t in one.types} == {step["type"]}]
            yield from named or [rule]
        elif step["url"]:
            yield from (one for one in _extensions(self, rule) if self._is_extension(one, step["url"][1:-1]))
        else:
            yield from self._named(rule, text)

    def _named(self, rule: Rule, name: str) -> Iterator[Rule]:
        deeper = [
            found for one in rule.slices.values() if one.min > 0 for found in self._named(one, name) if fixes(found)
        ]
        below = rule.children.get(name) or rule.children.get(f"{name}[x]")
        if deeper or below is not None:
            yield from deeper or (below,)  # type: ignore[misc]  # one of them is there
            return
        for type_ in rule.types:
            for canonical in type_.profiles:
                profile = self.find(canonical)
                if profile is not None:
                    yield from self._named(profile.root, name)

    def _is_extension(self, rule: Rule, url: str) -> bool:
        return any(p.partition("|")[0] == url for t in rule.types for p in t.profiles)


def type_named(value: Any) -> str:
    """The type of resource that a Reference names itself, "" where it does not."""
    literal, named = (value.get("reference"), value.get("type")) if isinstance(value, Mapping) else (None, None)
    target = references.parse(literal) if isinstance(literal, str) else None
    if target is not None and target.type:
        return target.type
    return named if isinstance(named, str) else ""


def _extensions(slicer: Slicer, rule: Rule) -> Iterator[Rule]:
    for name in ("extension", "modifierExtension"):
        for below in slicer._named(rule, name):  # noqa: SLF001 - a step of the same walk
            yield from below.slices.values()


def fixes(rule: Rule) -> bool:
    """Whether the rule, or one below it, says what a value must be."""
    if rule.fixed is not None or rule.pattern is not None or any(fixes(child) for child in rule.children.values()):
        return True
    return any(fixes(one) for one in rule.slices.values() if one.min > 0)
