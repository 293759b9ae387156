"""The frame of a chart: whose it is, its visits (Encounters), and the ids of what is in it.

https://hl7.org/fhir/R4/encounter.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from larkmere import codes
from larkmere.hospital import PRACTITIONERS
from larkmere.people import PEOPLE
from larkmere.shapes import TERMINOLOGY, Resource, coding, hl7, instant, period, present, reference, snomed

DISPOSITIONS = {"home": "Home", "rehab": "Rehabilitation", "exp": "Expired"}


@dataclass
class Visit:
    """What is known while a chart is written inside a visit."""

    when: str
    by: str
    encounter: Resource

    @property
    def day(self) -> str:
        return self.when[:10]


def slug(name: str) -> str:
    """The name as part of a logical id: lower case, words joined by hyphens, only what FHIR allows in an id."""
    return "".join(c for c in name.lower().replace(" ", "-") if c.isascii() and (c.isalnum() or c in "-."))


class Frame:
    """The resources of one patient, in the order in which they were written."""

    def __init__(self, patient: str) -> None:
        if patient not in PEOPLE:
            raise LookupError(f"nobody is called {patient}")
        self.patient = patient
        self.subject = reference(f"Patient/{patient}")
        self.resources: list[Resource] = []
        self._ids: set[str] = set()
        self._visit: Visit | None = None

    def add(self, resource_type: str, what: str, **elements: Any) -> str:
        """A resource is in the chart; its reference is returned. A second one of the same name gets a number."""
        logical_id = f"{self.patient}-{slug(what)}"
        number = 2
        while f"{resource_type}/{logical_id}" in self._ids:
            logical_id = f"{self.patient}-{slug(what)}-{number}"
            number += 1
        url = f"{resource_type}/{logical_id}"
        self._ids.add(url)
        self.resources.append({"resourceType": resource_type, "id": logical_id, **present(**elements)})
        return url

    @property
    def now(self) -> Visit:
        if self._visit is None:
            raise LookupError(f"{self.patient}: this belongs inside a visit")
        return self._visit

    def practitioner(self, short_name: str | None = None) -> Resource:
        """The practitioner named, or the one whom the patient is seeing."""
        who = short_name or self.now.by
        return reference(f"Practitioner/{who}", PRACTITIONERS[who].display)

    @property
    def encounter(self) -> Resource | None:
        return reference(f"Encounter/{self._visit.encounter['id']}") if self._visit else None

    @contextmanager
    def visit(
        self,
        when: str,
        by: str,
        why: str,
        *,
        kind: str = "check-up",
        at: str | None = None,
        minutes: int = 20,
        class_: Literal["AMB", "EMER", "IMP", "VR", "HH"] = "AMB",
        status: str = "finished",
        discharged: str | None = None,
        disposition: str = "home",
    ) -> Iterator[Visit]:
        """An Encounter from `when` (local time) for some minutes or until `discharged`; it lists what was diagnosed in it."""
        home = PRACTITIONERS[by]
        end = None if status != "finished" else instant(discharged) if discharged else instant(when, minutes)
        stay = (
            {"dischargeDisposition": hl7("discharge-disposition", disposition, DISPOSITIONS[disposition])}
            if class_ == "IMP" and end
            else None
        )
        self.add(
            "Encounter",
            f"visit-{when[:10]}",
            status=status,
            class_=coding(f"{TERMINOLOGY}/v3-ActCode", class_),
            type=[snomed(*codes.VISIT_TYPES[kind])],
            subject=self.subject,
            participant=[{"individual": self.practitioner(by)}],
            period=period(instant(when), end),
            reasonCode=[{"text": why}],
            hospitalization=stay,
            location=None if class_ == "VR" else [{"location": reference(f"Location/{at or home.location}")}],
            serviceProvider=reference(f"Organization/{home.department}"),
        )
        self._visit = Visit(when, by, self.resources[-1])
        yield self._visit
        self._visit = None
