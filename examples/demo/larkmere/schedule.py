"""What is booked for the weeks after the demo's present, 16 November 2026.

https://hl7.org/fhir/R4/appointment.html
"""

from collections.abc import Iterator

from larkmere.hospital import DEPARTMENTS, PRACTITIONERS
from larkmere.people import PEOPLE
from larkmere.shapes import Resource, hl7, instant, present, reference, snomed

BOOKED = [
    ("2026-11-17T09:20", "asha-verma", "linh-pham", "Yearly eye screening", 20, "booked"),
    ("2026-11-17T10:40", "chidi-okafor", "meera-iyer", "Blood pressure", 20, "booked"),
    ("2026-11-18T14:00", "omar-al-hassan", "fatima-al-rashid", "Therapy by video", 50, "booked"),
    ("2026-11-19T11:00", "li-na-wang", "olena-petrenko", "Midwife, ten days after birth", 30, "booked"),
    ("2026-11-20T15:30", "rohan-verma", "ravi-menon", "Asthma and allergy review", 30, "booked"),
    ("2026-11-24T10:00", "gurpreet-gill", "sara-lindqvist", "Heart clinic", 30, "booked"),
    ("2026-11-25T10:30", "kamla-verma", "ruth-campbell", "Memory clinic", 60, "pending"),
    ("2026-11-26T16:00", "mehmet-yildiz", "henrik-dahl", "Sleep clinic", 20, "cancelled"),
    ("2026-12-01T09:30", "harleen-gill", "olena-petrenko", "Antenatal visit, 31 weeks", 20, "booked"),
    ("2026-12-03T10:40", "yusuf-al-hassan", "ioannis-kostas", "Ears", 20, "booked"),
    ("2026-12-08T13:30", "wei-chen", "henrik-dahl", "Respiratory clinic, with interpreter", 40, "booked"),
]


def appointment(when: str, patient: str, practitioner: str, what: str, minutes: int, status: str) -> Resource:
    doctor = PRACTITIONERS[practitioner]
    answer = {"booked": "accepted", "pending": "needs-action", "cancelled": "declined"}[status]
    who = [
        reference(f"Patient/{patient}", PEOPLE[patient].display),
        reference(f"Practitioner/{practitioner}", doctor.display),
        reference(f"Location/{doctor.location}"),
    ]
    return {
        "resourceType": "Appointment",
        "id": f"{patient}-{when[:10]}",
        **present(
            status=status,
            cancelationReason=hl7("appointment-cancellation-reason", "pat", "Patient")
            if status == "cancelled"
            else None,
            specialty=[snomed(*DEPARTMENTS[doctor.department].specialty)],
            description=what,
            start=instant(when),
            end=instant(when, minutes),
            minutesDuration=minutes,
            created="2026-11-02",
            participant=[
                {"actor": actor, "required": "required", "status": answer if number == 0 else "accepted"}
                for number, actor in enumerate(who)
            ],
        ),
    }


def resources() -> Iterator[Resource]:
    for booking in BOOKED:
        yield appointment(*booking)
