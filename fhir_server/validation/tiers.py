"""All tiers of validation together: structure first, then what only makes sense of a sound structure.

http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fhir_server.fhirpath.node import Node, root
from fhir_server.outcome import Issue
from fhir_server.validation import attachments, bundles, extensions, invariants, structure
from fhir_server.validation.codes import Codes
from fhir_server.validation.profiles.check import Checker
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.questionnaires import response

Json = Mapping[str, Any]
Find = Callable[[str, str], Json | None]
"""(resource type, canonical) → the resource; None where it is not known."""

MOST: Final = 200
_RANK: Final = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


class Validator:
    """Validates resources with the profiles, codes and other conformance resources that are known in this process."""

    def __init__(self, profiles: Profiles, codes: Codes, find: Find) -> None:
        self.profiles, self.codes, self.find = profiles, codes, find

    def issues(
        self,
        resource: Json,
        profiles: Sequence[str] = (),
        *,
        resolve: Callable[[str], Json | None] | None = None,
        best_practice: bool = False,
    ) -> tuple[Issue, ...]:
        """All issues, errors first: of the structure alone where that is unsound; else also those that `further` finds."""
        found = structure.check(resource)
        if any(issue.severity in ("error", "fatal") for issue in found):
            return found
        return _sorted((*found, *self.further(resource, profiles, resolve=resolve, best_practice=best_practice)))

    def further(
        self,
        resource: Json,
        profiles: Sequence[str] | None = (),
        *,
        resolve: Callable[[str], Json | None] | None = None,
        best_practice: bool = False,
    ) -> tuple[Issue, ...]:
        """The issues of a resource of sound structure, errors first: of R4's invariants, of extensions, of the profiles
        that it claims in meta.profile and of those asked for (None: of no profile).
        """
        node = root(resource)
        checker = Checker(self.profiles.find, self.codes, resolve)
        return _sorted(self._tiers(checker, node, profiles, best_practice=best_practice))

    def _tiers(
        self, checker: Checker, node: Node, profiles: Sequence[str] | None, *, best_practice: bool
    ) -> Iterator[Issue]:
        visits: dict[str, invariants.Visit] = {
            "Extension": partial(extensions.check, checker),
            "Attachment": attachments.check,
        }
        yield from invariants.check(node, checker.environment, best_practice=best_practice, visits=visits)
        if profiles is not None:
            yield from self._claimed(checker, node, profiles)
            for entry in _inside(node):
                yield from self._claimed(checker, entry, ())
        if node.type == "Bundle":
            yield from bundles.check(node)
        if node.type == "QuestionnaireResponse":
            yield from self._response(node)

    def _claimed(self, checker: Checker, node: Node, asked: Sequence[str]) -> Iterator[Issue]:
        meta = node.value.get("meta") if isinstance(node.value, Mapping) else None
        claimed = [p for p in (meta or {}).get("profile", ()) if isinstance(p, str)]
        for canonical in dict.fromkeys((*claimed, *asked)):
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

    def _response(self, node: Node) -> Iterator[Issue]:
        canonical = node.value.get("questionnaire")
        if not isinstance(canonical, str):
            return
        questionnaire = self.find("Questionnaire", canonical)
        if questionnaire is None:
            text = f"the questionnaire {canonical} is not known here: the answers were not looked at"
            yield Issue("not-found", text, ("QuestionnaireResponse.questionnaire",), "warning")
            return
        yield from response.check(node.value, questionnaire, self.codes)


def _sorted(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Each once, the gravest first, at most MOST."""
    found = dict.fromkeys(issues)
    return tuple(sorted(found, key=lambda issue: _RANK[issue.severity]))[:MOST] if found else ()


def _inside(node: Node) -> Iterator[Node]:
    """The resources in a resource: contained, entries of a Bundle, Parameters."""
    for name in {"Bundle": ("entry",), "Parameters": ("parameter",)}.get(node.type, ()):
        for part in node.child(name):
            yield from _parts(part)
    yield from node.child("contained")


def _parts(part: Node) -> Iterator[Node]:
    for resource in part.child("resource"):
        yield resource
        yield from _inside(resource)
    for deeper in part.child("part"):
        yield from _parts(deeper)
