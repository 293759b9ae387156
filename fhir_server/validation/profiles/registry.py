"""Profiles by canonical, compiled when they are first asked for.

http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.outcome import FhirError
from fhir_server.validation.profiles.rule import Profile
from fhir_server.validation.profiles.snapshot import CORE, compiled, core, elements

Json = Mapping[str, Any]


class Profiles:
    """R4's own profiles and extensions, and those that are `added` (StructureDefinitions); of versions the newest wins."""

    def __init__(self, added: Iterable[Json] = ()) -> None:
        self._added: dict[str, dict[str, Json]] = {}
        for definition in added:
            url, version = definition.get("url"), definition.get("version", "")
            if isinstance(url, str) and isinstance(version, str):
                self._added.setdefault(url, {})[version] = definition
        self._compiled: dict[str, Profile | None] = {}
        self.faults: dict[str, str] = {}
        """Canonical → why its definition cannot be used."""

    def definition(self, canonical: str) -> Json | None:
        """The StructureDefinition of a canonical, with or without |version; None where it is not known."""
        url, _, version = canonical.partition("|")
        versions = self._added.get(url)
        if versions is not None:
            if not version:
                return versions[max(versions, key=_order)]
            matching = [v for v in versions if v == version or v.startswith(f"{version}.")]
            return versions[max(matching, key=_order)] if matching else None
        own = definitions().profiles.get(url)
        return own if own is not None and version in ("", own.get("version"), "4.0") else None

    def find(self, canonical: str) -> Profile | None:
        """The compiled profile; None where it is unknown or cannot be used (see `faults`)."""
        if canonical not in self._compiled and "#" in canonical:
            self._compiled[canonical] = self._part(*canonical.split("#", 1))
        if canonical not in self._compiled:
            definition = self.definition(canonical)
            if definition is None and types.known(name := canonical.removeprefix(CORE)) and name != canonical:
                self._compiled[canonical] = Profile(canonical, "", name, name, core(name), {})
                return self._compiled[canonical]
            try:
                self._compiled[canonical] = compiled(definition, self.definition) if definition is not None else None
            except FhirError as error:
                self._compiled[canonical], self.faults[canonical] = None, str(error)
        return self._compiled[canonical]

    def _part(self, canonical: str, id_: str) -> Profile | None:
        """One element of a profile, as a profile of its own."""
        whole = self.find(canonical)
        rule = None if whole is None else next((r for r in elements(whole.root) if r.id == id_), None)
        if whole is None or rule is None:
            return None
        return replace(whole, url=f"{whole.url}#{id_}", type=rule.path, root=rule)


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Versions in their order: numbers as numbers."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part) for part in version.replace("-", ".").split(".")
    )
