"""What is found in a patient: Observations, DiagnosticReports, Conditions, AllergyIntolerances, Flags.

https://hl7.org/fhir/R4/observation.html
"""

from typing import Literal

from larkmere import codes
from larkmere.frame import Frame
from larkmere.measures import MEASURES, PANELS, Measure
from larkmere.people import PEOPLE
from larkmere.shapes import (
    LOINC,
    SNOMED,
    Resource,
    coding,
    concept,
    hl7,
    instant,
    period,
    present,
    quantity,
    reference,
    snomed,
)


def _plain(display: str) -> str:
    return display.removesuffix(" (disorder)").removesuffix(" (finding)").removesuffix(" (situation)")


class Findings(Frame):
    """A chart in which findings can be written down."""

    def _value(self, name: str, value: float) -> tuple[Measure, Resource]:
        measure = MEASURES[name]
        return measure, quantity(value, measure.unit, measure.ucum)

    def observe(self, name: str, value: float, *, when: str | None = None, note: str | None = None) -> str:
        """A final Observation of one quantity, flagged when it is outside the reference range."""
        measure, amount = self._value(name, value)
        moment = when or self.now.when
        low, high = measure.low, measure.high
        flag = "L" if low is not None and value < low else "H" if high is not None and value > high else None
        bounds = present(
            low=None if low is None else {"value": low, "unit": measure.unit},
            high=None if high is None else {"value": high, "unit": measure.unit},
        )
        return self.add(
            "Observation",
            f"{name}-{moment[:10]}",
            status="final",
            category=[hl7("observation-category", measure.category)],
            code=measure.code,
            subject=self.subject,
            encounter=self.encounter,
            effectiveDateTime=instant(moment),
            performer=None if self._visit else [self.subject],
            valueQuantity=amount,
            interpretation=[hl7("v3-ObservationInterpretation", flag)] if flag else None,
            note=[{"text": note}] if note else None,
            referenceRange=[bounds] if bounds else None,
        )

    def blood_pressure(self, systolic: float, diastolic: float, *, when: str | None = None) -> str:
        moment = when or self.now.when
        components = []
        for name, value in (("systolic", systolic), ("diastolic", diastolic)):
            measure, amount = self._value(name, value)
            components.append({"code": measure.code, "valueQuantity": amount})
        return self.add(
            "Observation",
            f"blood-pressure-{moment[:10]}",
            status="final",
            category=[hl7("observation-category", "vital-signs")],
            code=concept(coding(LOINC, "85354-9"), text="Blood pressure"),
            subject=self.subject,
            encounter=self.encounter,
            effectiveDateTime=instant(moment),
            performer=None if self._visit else [self.subject],
            component=components,
        )

    def vitals(self, *, bp: tuple[int, int] | None = None, **values: float) -> None:
        """Vital signs of this visit; an adult's weight (kg) and height (cm) give a body mass index."""
        if bp:
            self.blood_pressure(*bp)
        for name, value in values.items():
            self.observe(name, value)
        adult = int(self.now.day[:4]) - int(PEOPLE[self.patient].born[:4]) > 18
        if adult and {"weight", "height"} <= values.keys():
            self.observe("bmi", round(values["weight"] / (values["height"] / 100) ** 2, 1))

    def lab(self, **values: float) -> list[str]:
        """Single laboratory or other measurements; an underscore stands for the hyphen of the measure's name."""
        return [self.observe(name.replace("_", "-"), value) for name, value in values.items()]

    def report(
        self,
        panel: str,
        conclusion: str | None = None,
        *,
        by: str | None = None,
        **values: float,
    ) -> str:
        """A final DiagnosticReport, with an Observation for each of its values."""
        results = self.lab(**values)
        code, text = PANELS[panel]
        section = "LAB" if panel in {"lipids", "blood-count", "kidney"} else "SP" if panel == "pathology" else "RAD"
        names = {"LAB": "Laboratory", "SP": "Surgical Pathology", "RAD": "Radiology"}
        if panel in {"ecg", "echo", "spirometry", "colonoscopy"}:
            section, names["OTH"] = "OTH", "Other"
        return self.add(
            "DiagnosticReport",
            f"{panel}-{self.now.day}",
            status="final",
            category=[hl7("v2-0074", section, names[section])],
            code=concept(coding(LOINC, code), text=text),
            subject=self.subject,
            encounter=self.encounter,
            effectiveDateTime=instant(self.now.when),
            issued=instant(self.now.when, 15),
            performer=[self.practitioner(by)],
            result=[reference(result) for result in results],
            conclusion=conclusion,
        )

    def smoking(self, code: str, display: str) -> str:
        return self.add(
            "Observation",
            f"smoking-{self.now.day}",
            status="final",
            category=[hl7("observation-category", "social-history")],
            code=concept(coding(LOINC, "72166-2", "Tobacco smoking status NHIS"), text="Tobacco smoking status"),
            subject=self.subject,
            encounter=self.encounter,
            effectiveDateTime=instant(self.now.when),
            performer=[self.practitioner()],
            valueCodeableConcept=snomed(code, display),
        )

    def condition(
        self,
        name: str,
        *,
        since: str | None = None,
        until: str | None = None,
        severity: Literal["mild", "moderate", "severe"] | None = None,
        note: str | None = None,
        status: Literal["active", "inactive", "remission", "recurrence"] = "active",
    ) -> str:
        """A confirmed Condition. One that has ended (`until`) is resolved; one of this visit is its diagnosis too."""
        clinical = "resolved" if until and status == "active" else status
        severities = {
            "mild": ("255604002", "Mild"),
            "moderate": ("6736007", "Moderate"),
            "severe": ("24484000", "Severe"),
        }
        category = (
            ("encounter-diagnosis", "Encounter Diagnosis") if until else ("problem-list-item", "Problem List Item")
        )
        url = self.add(
            "Condition",
            name,
            clinicalStatus=hl7("condition-clinical", clinical),
            verificationStatus=hl7("condition-ver-status", "confirmed"),
            category=[hl7("condition-category", *category)],
            severity=snomed(*severities[severity]) if severity else None,
            code=codes.condition_code(name),
            subject=self.subject,
            encounter=self.encounter,
            onsetDateTime=since or self.now.day,
            abatementDateTime=until,
            recordedDate=self.now.day,
            recorder=self.practitioner(),
            note=[{"text": note}] if note else None,
        )
        self.now.encounter.setdefault("diagnosis", []).append({"condition": reference(url)})
        return url

    def allergy(
        self,
        name: str,
        *reactions: str,
        severity: Literal["mild", "moderate", "severe"] = "mild",
        high: bool = False,
        since: str | None = None,
        status: Literal["active", "inactive", "resolved"] = "active",
    ) -> str:
        code, display, category = codes.ALLERGIES[name]
        return self.add(
            "AllergyIntolerance",
            f"{name}-allergy",
            clinicalStatus=hl7("allergyintolerance-clinical", status),
            verificationStatus=hl7("allergyintolerance-verification", "confirmed"),
            type="allergy",
            category=[category],
            criticality="high" if high else "low",
            code=concept(coding(SNOMED, code, display), text=_plain(display)),
            patient=self.subject,
            encounter=self.encounter,
            onsetDateTime=since,
            recordedDate=self.now.day,
            recorder=self.practitioner(),
            reaction=[
                {"manifestation": [snomed(*codes.REACTIONS[reaction]) for reaction in reactions], "severity": severity}
            ],
        )

    def no_known_allergy(self) -> str:
        return self.add(
            "AllergyIntolerance",
            "no-known-allergy",
            clinicalStatus=hl7("allergyintolerance-clinical", "active", "Active"),
            verificationStatus=hl7("allergyintolerance-verification", "confirmed"),
            code=concept(codes.NO_KNOWN_ALLERGY, text="No known allergy"),
            patient=self.subject,
            recordedDate=self.now.day,
            recorder=self.practitioner(),
        )

    def flag(self, text: str, *, since: str, category: str = "safety") -> str:
        return self.add(
            "Flag",
            f"flag-{' '.join(text.split()[:2])}",
            status="active",
            category=[hl7("flag-category", category)],
            code={"text": text},
            subject=self.subject,
            period=period(since),
        )
