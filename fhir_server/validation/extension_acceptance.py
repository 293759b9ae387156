"""Extensions at a glance: where one stands and what it holds, seen in the JSON.

http://hl7.org/fhir/R4/extensibility.html

`extensions` decides, and says what is wrong; accepted is only what it finds no error in.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.scope import Environment
from fhir_server.validation import extensions
from fhir_server.validation.acceptance import Place
from fhir_server.validation.profiles.acceptance import Acceptance
from fhir_server.validation.profiles.rule import Profile

_Kept = tuple[int, dict[tuple[str, Place], frozenset[str] | None], dict[str, frozenset[str]]]
"""The revision of the profiles; what `_holders` says; the urls of an extension's parts."""


class Extensions:
    """Accepts by the definitions that are known in this process; one that is not known, of an absolute url, is accepted."""

    def __init__(self, acceptance: Acceptance) -> None:
        self.acceptance, self.profiles = acceptance, acceptance.profiles
        self._kept: _Kept = (-1, {}, {})

    def accepts(self, place: Place, holder: Mapping[str, Any], extension: Mapping[str, Any]) -> bool:
        """True only if the walk would find no error in an extension of a sound structure."""
        url = extension.get("url")
        if type(url) is not str or not url:
            return False
        if ":" not in url:
            return place.holder == "Extension" and self._is_part(holder.get("url"), url)
        profile = self.profiles.find(url)
        if profile is None or profile.type != "Extension":
            return True
        return self._may_stand(profile, place, holder) and self.acceptance.accepts(profile, "Extension", extension)

    def _is_part(self, whole: Any, url: str) -> bool:
        profile = self.profiles.find(whole) if isinstance(whole, str) else None
        if profile is None:
            return True
        parts = self._fresh()[2]
        known = parts.get(profile.canonical)
        if known is None:
            known = parts[profile.canonical] = frozenset(extensions.parts_of(profile.root))
        return url in known

    def _may_stand(self, profile: Profile, place: Place, holder: Mapping[str, Any]) -> bool:
        places = self._fresh()[1]
        key = profile.canonical, place
        if key not in places:
            places[key] = _holders(profile, place)
        holders = places[key]
        return holders is None or holder.get("url") in holders

    def _fresh(self) -> _Kept:
        kept = self._kept
        if kept[0] != self.profiles.revision:
            self._kept = kept = self.profiles.revision, {}, {}
        return kept


def _holders(profile: Profile, place: Place) -> frozenset[str] | None:
    """The urls of the extensions within which it may stand there; None: whatever holds it. Contexts of other types than
    element and extension, and what it asks of its holder, take a closer look.
    """
    contexts = extensions.contexts_of(profile)
    modifying = place.name == "modifierExtension"
    if profile.definition.get("contextInvariant") or extensions.modifies(profile) is not modifying:
        return frozenset()
    node = Node({}, place.holder, Node({}, place.parent) if place.parent else None, place.key)
    of_elements = [context for context in contexts if context.get("type") == "element"]
    if not contexts or any(extensions.fits(context, node, Environment()) for context in of_elements):
        return None
    of_extensions = (context for context in contexts if context.get("type") == "extension")
    return frozenset(str(c.get("expression")) for c in of_extensions if place.holder == "Extension")
