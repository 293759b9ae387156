"""Profiles by canonical, compiled when they are first asked for.

http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fhir_server.definitions import definitions
from fhir_server.definitions.canonicals import newest
from fhir_server.fhirpath import types
from fhir_server.outcome import FhirError
from fhir_server.validation.profiles.rule import Profile
from fhir_server.validation.profiles.snapshot import CORE, compiled, core, elements

Json = Mapping[str, Any]


class Profiles:
    """R4's own profiles and extensions, and those that `find` knows (by canonical, with or without |version)."""

    def __init__(self, find: Callable[[str], Json | None] = lambda _: None) -> None:
        self._find = find
        self._compiled: dict[str, Profile | None] = {}
        self.faults: dict[str, str] = {}
        """Canonical → why its definition cannot be used."""
        self.revision = 0
        """Counts up with all that is forgotten: what others have made of profiles holds no longer."""

    def definition(self, canonical: str) -> Json | None:
        """The StructureDefinition of a canonical; None where it is not known."""
        url, _, version = canonical.partition("|")
        own = definitions().profiles.get(url)
        if own is not None and newest({str(own.get("version", "")): own}, version) is not None:
            return own
        return self._find(canonical)

    def find(self, canonical: str) -> Profile | None:
        """The compiled profile; None where it is unknown or cannot be used (see `faults`)."""
        if canonical not in self._compiled:
            self._compiled[canonical] = self._made(canonical)
        return self._compiled[canonical]

    def forget(self) -> None:
        """Everything is compiled again when it is next asked for."""
        self._compiled.clear()
        self.faults.clear()
        self.revision += 1

    def forget_unknown(self) -> None:
        """What was not known may be known now, and so may what others lacked."""
        self._compiled = {canonical: profile for canonical, profile in self._compiled.items() if profile is not None}
        self.faults.clear()
        self.revision += 1

    def _made(self, canonical: str) -> Profile | None:
        if "#" in canonical:
            return self._part(*canonical.split("#", 1))
        name = canonical.removeprefix(CORE)
        if name != canonical and types.known(name):
            return Profile(canonical, "", name, name, core(name), {})
        definition = self.definition(canonical)
        try:
            return None if definition is None else compiled(definition, self.definition)
        except FhirError as error:
            self.faults[canonical] = str(error)
            return None

    def _part(self, canonical: str, id_: str) -> Profile | None:
        """One element of a profile, as a profile of its own."""
        whole = self.find(canonical)
        rule = None if whole is None else next((r for r in elements(whole.root) if r.id == id_), None)
        if whole is None or rule is None:
            return None
        return replace(whole, url=f"{whole.url}#{id_}", type=rule.path, root=rule)
