"""Resources of the hospital group: organizations, locations, services, practitioners and their roles.

https://hl7.org/fhir/R4/administration-module.html
"""

from collections.abc import Iterator

from larkmere.hospital import DEPARTMENTS, GROUP, HOSPITAL, PHARMACIES, PLACES, PRACTITIONERS, Place, Practitioner
from larkmere.shapes import (
    LANGUAGES,
    TERMINOLOGY,
    Resource,
    address,
    coding,
    concept,
    email,
    hl7,
    identifier,
    period,
    phone,
    present,
    reference,
    snomed,
)

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
LANGUAGE_NAMES = {
    "ar": "Arabic",
    "de": "German",
    "el": "Greek",
    "en-GB": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "ja": "Japanese",
    "pa": "Punjabi",
    "pl": "Polish",
    "ru": "Russian",
    "sv": "Swedish",
    "ta": "Tamil",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
DEGREES = {
    "MD": "Doctor of Medicine",
    "RN": "Registered Nurse",
    "CNM": "Certified Nurse Midwife",
    "RPH": "Registered Pharmacist",
}
KINDS = {
    "HOSP": "Hospital",
    "ER": "Emergency room",
    "CCU": "Coronary care unit",
    "HU": "Hospital unit",
    "PEDU": "Pediatric unit",
    "PC": "Primary care clinic",
    "OPH": "Opthalmology clinic",
    "PSYCHF": "Psychatric Care Facility",
    "PHARM": "Pharmacy",
}
PHYSICAL = {"bu": "Building", "wi": "Wing", "wa": "Ward"}


def _organization(logical_id: str, name: str, kind: tuple[str, str], part_of: str | None, mail: str) -> Resource:
    return {
        "resourceType": "Organization",
        "id": logical_id,
        **present(
            identifier=[identifier("organization", logical_id.upper())],
            active=True,
            type=[hl7("organization-type", *kind)],
            name=name,
            telecom=[email(mail)],
            partOf=reference(f"Organization/{part_of}") if part_of else None,
        ),
    }


def organizations() -> Iterator[Resource]:
    provider, department = ("prov", "Healthcare Provider"), ("dept", "Hospital Department")
    yield _organization(GROUP, "Larkmere Health", provider, None, "hello")
    yield _organization(HOSPITAL, "Larkmere General Hospital", provider, GROUP, "hospital")
    for logical_id, each in DEPARTMENTS.items():
        kind = provider if each.parent == GROUP else department
        yield _organization(logical_id, each.name, kind, each.parent, logical_id)
    for logical_id, name in PHARMACIES.items():
        yield _organization(logical_id, name, provider, GROUP, logical_id)


def _hours(place: Place) -> list[Resource]:
    if not place.hours:
        return []
    opening, closing = place.hours
    times = [{"daysOfWeek": WEEKDAYS, "openingTime": opening, "closingTime": closing}]
    if place.weekend:
        times.append({"daysOfWeek": ["sat", "sun"], "openingTime": "10:00:00", "closingTime": "16:00:00"})
    return times


def locations() -> Iterator[Resource]:
    for logical_id, place in PLACES.items():
        position = place.position and {"longitude": place.position[1], "latitude": place.position[0]}
        yield {
            "resourceType": "Location",
            "id": logical_id,
            **present(
                status="active",
                name=place.name,
                mode="instance",
                type=[hl7("v3-RoleCode", place.kind, KINDS[place.kind])],
                telecom=[phone(place.phone)] if place.phone else None,
                address=address(place.street, place.postal_code, use="work") if place.street else None,
                physicalType=hl7("location-physical-type", place.physical, PHYSICAL[place.physical]),
                position=position,
                managingOrganization=reference(f"Organization/{place.managed_by}"),
                partOf=reference(f"Location/{place.part_of}") if place.part_of else None,
                hoursOfOperation=_hours(place),
            ),
        }


def _practitioner(number: int, logical_id: str, person: Practitioner) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": logical_id,
        "identifier": [identifier("staff", f"S{number:04d}", "EI", "Employee number")],
        "active": True,
        "name": [
            present(
                use="official",
                family=person.family,
                given=[person.given],
                prefix=["Dr"] if person.degree == "MD" else None,
            )
        ],
        "telecom": [phone(f"+44 20 7946 04{number:02d}"), email(logical_id)],
        "gender": person.gender,
        "qualification": [
            {
                "code": concept(coding(f"{TERMINOLOGY}/v2-0360", person.degree, DEGREES[person.degree])),
                "period": period(person.since),
            }
        ],
        "communication": [
            concept(coding(LANGUAGES, language, LANGUAGE_NAMES[language])) for language in person.languages
        ],
    }


def _role(logical_id: str, person: Practitioner) -> Resource:
    department = DEPARTMENTS.get(person.department)
    return {
        "resourceType": "PractitionerRole",
        "id": f"{logical_id}-{person.department}"[:64],
        **present(
            active=True,
            period=period(person.since),
            practitioner=reference(f"Practitioner/{logical_id}", person.display),
            organization=reference(f"Organization/{person.department}"),
            code=[hl7("practitioner-role", person.role, person.role.capitalize())],
            specialty=[snomed(*department.specialty)] if department else None,
            location=[reference(f"Location/{person.location}")],
            healthcareService=[reference(f"HealthcareService/{person.department}")] if department else None,
            availableTime=[{"daysOfWeek": WEEKDAYS, "availableStartTime": "09:00:00", "availableEndTime": "17:00:00"}],
        ),
    }


def services() -> Iterator[Resource]:
    for logical_id, each in DEPARTMENTS.items():
        yield {
            "resourceType": "HealthcareService",
            "id": logical_id,
            "active": True,
            "providedBy": reference(f"Organization/{logical_id}"),
            "specialty": [snomed(*each.specialty)],
            "location": [reference(f"Location/{each.location}")],
            "name": each.name,
            "appointmentRequired": logical_id != "emergency",
        }


def resources() -> Iterator[Resource]:
    yield from organizations()
    yield from locations()
    yield from services()
    for number, (logical_id, person) in enumerate(PRACTITIONERS.items(), start=1):
        yield _practitioner(number, logical_id, person)
        yield _role(logical_id, person)
