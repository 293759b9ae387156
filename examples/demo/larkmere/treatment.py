"""What is done for a patient: MedicationRequests and -Statements, Procedures, Immunizations.

https://hl7.org/fhir/R4/medications-module.html
"""

from typing import Literal

from larkmere import codes
from larkmere.findings import Findings
from larkmere.medicines import MEDICINES
from larkmere.shapes import SNOMED, coding, concept, instant, period, present, quantity, reference, snomed

OFTEN = {1: "once a day", 2: "twice a day", 3: "three times a day", 4: "four times a day"}


class Treatment(Findings):
    """A chart in which treatment can be written down."""

    def prescribe(
        self,
        medicine: str,
        dose: float,
        *,
        daily: int | None = None,
        weekly: int | None = None,
        as_needed: str | None = None,
        days: int = 28,
        repeats: int = 0,
        because: str | None = None,
        status: Literal["active", "completed", "stopped", "on-hold"] = "active",
        stopped_because: str | None = None,
    ) -> str:
        """A MedicationRequest from the formulary: `dose` units `daily` (or `weekly`) times, or as needed for something."""
        product = MEDICINES[medicine]
        often = OFTEN[daily] if daily else "once a week" if weekly else "when needed"
        plural = "" if dose == 1 or product.unit in {"mL", "unit"} else "s"
        unit = "units" if product.unit == "unit" else product.unit + plural
        text = f"{dose:g} {unit} {often}" + (f", for {as_needed}" if as_needed else "")
        timing = {"frequency": daily or weekly, "period": 1, "periodUnit": "d" if daily else "wk"}
        dosage = present(
            text=text,
            timing={"repeat": timing} if daily or weekly else None,
            asNeededCodeableConcept={"text": as_needed} if as_needed else None,
            route=snomed(*product.route_code),
            doseAndRate=[{"doseQuantity": {"value": dose, "unit": product.unit}}],
        )
        amount = dose * (days * (daily or 1) if not weekly else days // 7)
        return self.add(
            "MedicationRequest",
            f"{medicine}-{self.now.day}",
            status=status,
            statusReason={"text": stopped_because} if stopped_because else None,
            intent="order",
            medicationReference=reference(f"Medication/{medicine}", product.display),
            subject=self.subject,
            encounter=self.encounter,
            authoredOn=instant(self.now.when),
            requester=self.practitioner(),
            reasonReference=[reference(because)] if because else None,
            dosageInstruction=[dosage],
            dispenseRequest=present(
                numberOfRepeatsAllowed=repeats,
                quantity={"value": amount, "unit": product.unit},
                expectedSupplyDuration=None if as_needed else quantity(days, "days", "d"),
            ),
        )

    def takes(self, medicine: str, how: str, *, since: str, until: str | None = None, note: str | None = None) -> str:
        """A MedicationStatement: what the patient says about a medicine, prescribed or bought."""
        return self.add(
            "MedicationStatement",
            f"takes-{medicine}",
            status="completed" if until else "active",
            medicationReference=reference(f"Medication/{medicine}", MEDICINES[medicine].display),
            subject=self.subject,
            context=self.encounter,
            effectivePeriod=period(since, until),
            dateAsserted=self.now.day,
            informationSource=self.subject,
            note=[{"text": note}] if note else None,
            dosage=[{"text": how}],
        )

    def procedure(
        self, name: str, *, because: str | None = None, outcome: str | None = None, by: str | None = None
    ) -> str:
        return self.add(
            "Procedure",
            f"{name}-{self.now.day}",
            status="completed",
            code=concept(coding(SNOMED, *codes.PROCEDURES[name]), text=name.capitalize()),
            subject=self.subject,
            encounter=self.encounter,
            performedDateTime=instant(self.now.when, 30),
            performer=[{"actor": self.practitioner(by)}],
            reasonReference=[reference(because)] if because else None,
            outcome={"text": outcome} if outcome else None,
        )

    def vaccinate(self, *names: str, dose: int | None = None) -> None:
        for name in names:
            self.add(
                "Immunization",
                f"{name}-{self.now.day}",
                status="completed",
                vaccineCode=codes.vaccine_code(name),
                patient=self.subject,
                encounter=self.encounter,
                occurrenceDateTime=self.now.day,
                primarySource=True,
                performer=[{"actor": self.practitioner()}],
                protocolApplied=[{"doseNumberPositiveInt": dose}] if dose else None,
            )
