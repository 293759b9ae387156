"""FHIR datatypes as the demo data writes them: short functions that return the JSON of one datatype each.

https://hl7.org/fhir/R4/datatypes.html
"""

from datetime import date, datetime, timedelta
from typing import Any

Resource = dict[str, Any]

BASE = "https://larkmere.example/fhir"
IDENTIFIERS = "https://larkmere.example/identifiers"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ATC = "http://www.whocc.no/atc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
CVX = "http://hl7.org/fhir/sid/cvx"
LANGUAGES = "urn:ietf:bcp:47"


def present(**elements: Any) -> Resource:
    """The elements that have a value: None and empty lists are left out, as FHIR's JSON wants it. `class_` is `class`."""
    return {name.rstrip("_"): value for name, value in elements.items() if value is not None and value != []}


def coding(system: str, code: str, display: str | None = None) -> Resource:
    return present(system=system, code=code, display=display)


def concept(*codings: Resource, text: str | None = None) -> Resource:
    return present(coding=list(codings), text=text)


def hl7(code_system: str, code: str, display: str | None = None) -> Resource:
    """A CodeableConcept from one of HL7's own code systems."""
    return {"coding": [coding(f"{TERMINOLOGY}/{code_system}", code, display)]}


def snomed(code: str, display: str) -> Resource:
    return concept(coding(SNOMED, code, display))


def reference(target: str, display: str | None = None) -> Resource:
    return present(reference=target, display=display)


def quantity(value: float, unit: str, code: str | None = None) -> Resource:
    """A quantity in UCUM; `code` only where it differs from the unit that people read."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def identifier(kind: str, value: str, type_code: str | None = None, type_display: str | None = None) -> Resource:
    return present(
        use="official",
        type=hl7("v2-0203", type_code, type_display) if type_code else None,
        system=f"{IDENTIFIERS}/{kind}",
        value=value,
    )


def period(start: str, end: str | None = None) -> Resource:
    return present(start=start, end=end)


def phone(number: str, use: str = "work") -> Resource:
    return {"system": "phone", "value": number, "use": use}


def email(name: str, use: str = "work") -> Resource:
    return {"system": "email", "value": f"{name}@larkmere.example", "use": use}


def address(line: str, postal_code: str, *, use: str = "home") -> Resource:
    return {
        "use": use,
        "type": "physical",
        "line": [line],
        "city": "Larkmere",
        "postalCode": postal_code,
        "country": "GB",
    }


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def instant(when: str, minutes: int = 0) -> str:
    """The local time `when` ("2024-03-04T09:20"), `minutes` later, as a FHIR dateTime with London's offset of that day."""
    moment = datetime.fromisoformat(when) + timedelta(minutes=minutes)  # wall-clock time; the offset is added below
    summer = _last_sunday(moment.year, 3) <= moment.date() < _last_sunday(moment.year, 10)
    return f"{moment.isoformat(timespec='seconds')}{'+01:00' if summer else '+00:00'}"
