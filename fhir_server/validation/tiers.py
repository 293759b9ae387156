"""All tiers of validation together: structure first, then what only makes sense of a sound structure.

http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath.node import Node, root
from fhir_server.outcome import Issue
from fhir_server.validation import (
    acceptance,
    attachments,
    bundles,
    codesystems,
    conceptmaps,
    extension_acceptance,
    extensions,
    invariants,
    local,
    metadata,
    narrative,
    structure,
    vitalsigns,
)
from fhir_server.validation.codes import Codes
from fhir_server.validation.profiles import definition
from fhir_server.validation.profiles.acceptance import Acceptance
from fhir_server.validation.profiles.check import Checker
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.questionnaires import questionnaire, response
from fhir_server.validation.remainder import remainder

Json = Mapping[str, Any]
Find = Callable[[str, str], Json | None]
"""(resource type, canonical) → the resource; None where it is not known."""

MOST: Final = 200
LOOKED_AT: Final = 5_000
_RANK: Final = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


class Validator:
    """Validates resources with the profiles, codes and other conformance resources that are known in this process."""

    def __init__(self, profiles: Profiles, codes: Codes, find: Find) -> None:
        self.profiles, self.codes, self.find = profiles, codes, find
        self._acceptance = Acceptance(profiles, codes)
        self._look = extension_acceptance.Extensions(self._acceptance).accepts

    def issues(
        self,
        resource: Json,
        profiles: Sequence[str] = (),
        *,
        resolve: Callable[[str], Json | None] | None = None,
        best_practice: bool = False,
        vital_signs: bool = False,
    ) -> tuple[Issue, ...]:
        """All issues, errors first: of the structure, and those that `further` finds."""
        found = structure.check(resource)
        ask = partial(self.further, resolve=resolve, best_practice=best_practice, vital_signs=vital_signs)
        if any(issue.severity in ("error", "fatal") for issue in found):
            left = remainder(resource, found, structure.check)
            return ordered((*found, *(() if left is None else left.new(ask(left.resource, profiles)))))
        return ordered((*found, *ask(resource, profiles)))

    def further(
        self,
        resource: Json,
        profiles: Sequence[str] | None = (),
        *,
        resolve: Callable[[str], Json | None] | None = None,
        best_practice: bool = False,
        vital_signs: bool = False,
    ) -> tuple[Issue, ...]:
        """The issues of a resource of sound structure, errors first: of R4's invariants, of extensions, of the profiles
        that it claims in meta.profile and of those asked for (None: of no profile); with `vital_signs` of those, too, that
        R4 has for an Observation's codes.
        """
        kept = not best_practice and acceptance.accepted(resource)
        if kept and not vital_signs and not _asks_more(resource, profiles):
            return ()
        checker = Checker(self.profiles.find, self.codes, resolve)
        node = root(resource)
        walked = () if kept else self._walked(checker, node, best_practice=best_practice)
        return ordered((*walked, *self._tiers(checker, node, profiles, vital_signs=vital_signs)))

    def sound(self, resource: Json, profiles: Sequence[str] | None = ()) -> bool:
        """True only if `further` would find no error in a resource of sound structure: most that is written. It is seen at a
        glance; False asks for the walk.
        """
        type_ = resource["resourceType"]
        if type_ in _MORE or not acceptance.accepted(resource, self._look):
            return False
        return profiles is None or (
            self._follows(type_, resource, profiles)
            and all(self._follows(one["resourceType"], one) for one in resource.get("contained", ()))
        )

    def _follows(self, type_: str, resource: Json, asked: Sequence[str] = ()) -> bool:
        """Whether a resource follows the profiles that it claims, as far as they are known, and those asked for."""
        claimed = resource["meta"].get("profile", ()) if "meta" in resource else ()
        for canonical in (*claimed, *asked) if asked else claimed:
            profile = self.profiles.find(canonical) if isinstance(canonical, str) else None
            if profile is None and canonical in asked:
                return False
            if profile is not None and not self._acceptance.accepts(profile, type_, resource):
                return False
        return True

    def _tiers(
        self, checker: Checker, node: Node, profiles: Sequence[str] | None, *, vital_signs: bool
    ) -> Iterator[Issue]:
        if profiles is not None:
            yield from self._claimed(checker, node, profiles)
            for entry in _inside(node):
                yield from self._claimed(checker, entry, ())
        if vital_signs:
            for one in (node, *_inside(node)):
                if one.type == "Observation":
                    yield from self._asked(checker, one, vitalsigns.profiles(one.value))
        if node.type == "Bundle":
            yield from bundles.check(node)
        if node.type == "QuestionnaireResponse":
            yield from self._response(node)

    def _walked(self, checker: Checker, node: Node, *, best_practice: bool) -> Iterator[Issue]:
        visits: dict[str, invariants.Visit] = {
            **_visits(),
            "Extension": partial(extensions.check, checker),
            "StructureDefinition": self._definition,
            "ConceptMap": self._map,
            "Reference": local.LocalReferences().check,
        }
        yield from invariants.check(node, checker.environment, best_practice=best_practice, visits=visits)

    def _claimed(self, checker: Checker, node: Node, asked: Sequence[str]) -> Iterator[Issue]:
        meta = node.value.get("meta") if isinstance(node.value, Mapping) else None
        claimed = [p for p in (meta or {}).get("profile", ()) if isinstance(p, str)]
        yield from self._asked(checker, node, dict.fromkeys((*claimed, *asked)), asked)

    def _asked(
        self, checker: Checker, node: Node, canonicals: Iterable[str], asked: Sequence[str] = ()
    ) -> Iterator[Issue]:
        """The issues of these profiles; not to know one is an error only where it was `asked` for."""
        for canonical in canonicals:
            profile = self.profiles.find(canonical)
            if profile is not None:
                yield from checker.check(profile, node)
                continue
            wrong = self.profiles.faults.get(canonical)
            text = (
                f"the profile {canonical} cannot be used: {wrong}"
                if wrong
                else f"the profile {canonical} is not known here"
            )
            severity = "error" if canonical in asked else "warning"
            yield Issue("not-found", text, (f"{node.path}.meta.profile",), severity)

    def _definition(self, node: Node) -> Iterator[Issue]:
        yield from metadata.check(node)
        yield from definition.check(self.profiles.definition, node)

    def _map(self, node: Node) -> Iterator[Issue]:
        yield from metadata.check(node)
        yield from conceptmaps.check(self.codes, node)

    def _response(self, node: Node) -> Iterator[Issue]:
        canonical = node.value.get("questionnaire")
        if not isinstance(canonical, str):
            return
        questionnaire = self.find("Questionnaire", canonical)
        if questionnaire is None and (other := _core_type(canonical)):
            text = f"{canonical} is a {other}; a Questionnaire is asked for"
            yield Issue("invalid", text, ("QuestionnaireResponse.questionnaire",))
            return
        if questionnaire is None:
            text = f"the questionnaire {canonical} is not known here: the answers were not looked at"
            yield Issue("not-found", text, ("QuestionnaireResponse.questionnaire",), "warning")
            return
        yield from response.check(node.value, questionnaire, self.codes)


@cache
def _visits() -> Mapping[str, invariants.Visit]:
    """Type → what is looked at wherever one stands."""
    more = {"CodeSystem": codesystems.check, "Questionnaire": questionnaire.check}

    def both(type_: str, node: Node) -> Iterator[Issue]:
        yield from metadata.check(node)
        if type_ in more:
            yield from more[type_](node)

    known = filter(metadata.canonical_type, definitions().resource_types)
    return {
        "Attachment": attachments.check,
        "Narrative": narrative.check,
        **{type_: partial(both, type_) for type_ in known},
    }


def _core_type(canonical: str) -> str:
    """The type of a resource of R4's own, by its canonical; "" where it is none of them."""
    base, _, name = canonical.partition("|")[0].rpartition("/")
    type_ = base.removeprefix("http://hl7.org/fhir/")
    return type_ if name and base != type_ and definitions().is_resource(type_) and type_ != "Questionnaire" else ""


_MORE: Final = frozenset({"Bundle", "Parameters", "QuestionnaireResponse"})
"""Types that hold other resources, or are answers to another one."""


def _asks_more(resource: Json, profiles: Sequence[str] | None) -> bool:
    """Whether there is more to look at than invariants and extensions."""
    if resource["resourceType"] in _MORE:
        return True
    return profiles is not None and (
        bool(profiles) or "contained" in resource or ("meta" in resource and "profile" in resource["meta"])
    )


def ordered(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Each once, the gravest first, at most MOST; of thousands the first count."""
    found = dict.fromkeys(islice(issues, LOOKED_AT))
    return tuple(sorted(found, key=lambda issue: _RANK[issue.severity]))[:MOST] if found else ()


def _inside(node: Node) -> Iterator[Node]:
    """The resources in a resource: contained, entries of a Bundle, Parameters."""
    name = {"Bundle": "entry", "Parameters": "parameter"}.get(node.type)
    for part in node.child(name) if name else ():
        yield from _parts(part)
    yield from node.child("contained")


def _parts(part: Node) -> Iterator[Node]:
    for resource in part.child("resource"):
        yield resource
        yield from _inside(resource)
    for deeper in part.child("part"):
        yield from _parts(deeper)
