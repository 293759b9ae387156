"""A patient's chart: visits, and what is found, done, planned and written in them, as FHIR resources.

https://hl7.org/fhir/R4/clinicalsummary-module.html

A chart is written as it happened. Inside `with chart.visit(...)` the date, the Encounter and the practitioner are known, so
a line only says what is new: `chart.lab(hba1c=8.9)`. Ids are made of the patient's id, what it is and the day.
"""

import base64

from larkmere.shapes import LOINC, SNOMED, Resource, coding, concept, hl7, instant, period, reference
from larkmere.treatment import Treatment


class Chart(Treatment):
    """A whole chart: also plans, goals, teams, referrals, letters and messages."""

    def goal(self, text: str, due: str, *, status: str = "active") -> str:
        return self.add(
            "Goal",
            f"goal-{' '.join(text.split()[:3])}",
            lifecycleStatus=status,
            description={"text": text},
            subject=self.subject,
            startDate=self.now.day,
            target=[{"dueDate": due}],
        )

    def care_plan(self, title: str, *activities: str, for_: list[str], goals: list[str] | None = None) -> str:
        return self.add(
            "CarePlan",
            "care-plan",
            status="active",
            intent="plan",
            title=title,
            subject=self.subject,
            encounter=self.encounter,
            period=period(self.now.day),
            created=self.now.day,
            author=self.practitioner(),
            addresses=[reference(url) for url in for_],
            goal=[reference(url) for url in goals or []],
            activity=[
                {"detail": {"kind": "ServiceRequest", "status": "in-progress", "description": activity}}
                for activity in activities
            ],
        )

    def care_team(self, name: str, **members: str) -> str:
        """A CareTeam; each member is a practitioner with the role that the keyword says."""
        return self.add(
            "CareTeam",
            "care-team",
            status="active",
            name=name,
            subject=self.subject,
            period=period(self.now.day),
            participant=[
                {"role": [{"text": role.replace("_", " ").capitalize()}], "member": self.practitioner(member)}
                for role, member in members.items()
            ],
        )

    def refer(self, to: str, what: str, *, because: str, status: str = "completed", priority: str = "routine") -> str:
        return self.add(
            "ServiceRequest",
            f"referral-{self.now.day}",
            status=status,
            intent="order",
            priority=priority,
            code=concept(coding(SNOMED, "3457005", "Patient referral"), text=what),
            subject=self.subject,
            encounter=self.encounter,
            authoredOn=instant(self.now.when),
            requester=self.practitioner(),
            performer=[self.practitioner(to)],
            reasonReference=[reference(because)],
        )

    def letter(self, title: str, text: str, *, kind: tuple[str, str] = ("11506-3", "Progress note")) -> str:
        """A DocumentReference that holds its plain text."""
        return self.add(
            "DocumentReference",
            f"letter-{self.now.day}",
            status="current",
            docStatus="final",
            type=concept(coding(LOINC, *kind)),
            subject=self.subject,
            date=instant(self.now.when, 60),
            author=[self.practitioner()],
            description=title,
            content=[
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "language": "en-GB",
                        "data": base64.b64encode(text.encode()).decode(),
                        "title": title,
                    }
                }
            ],
            context={"encounter": [self.encounter]},
        )

    def message(self, when: str, sender: Resource, recipient: Resource, text: str) -> str:
        return self.add(
            "Communication",
            f"message-{when[:10]}",
            status="completed",
            category=[hl7("communication-category", "notification", "Notification")],
            subject=self.subject,
            recipient=[recipient],
            sender=sender,
            sent=instant(when),
            payload=[{"contentString": text}],
        )
