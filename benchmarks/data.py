"""What is sent: the Synthea set where the conformance data is at hand, else patients made here."""

import io
import json
import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


def bundles() -> Iterator[bytes]:
    """Transaction and batch Bundles in the order to send them; names what they are by yielding them only."""
    folder = Path(os.environ.get("FHIR_CONFORMANCE_DATA") or CHECKOUT.parent / "shared" / "data")
    archive = folder / "synthea" / "blaze-120.tar.xz"
    if archive.exists():
        with tarfile.open(archive, "r:xz") as opened:
            members = sorted(
                (m for m in opened.getmembers() if m.name.endswith(".json")), key=lambda m: Path(m.name).name
            )
            for member in members:
                file = opened.extractfile(member)
                yield (file or io.BytesIO()).read()
    else:
        for number in range(200):
            yield made(number)


def made(seed: int, observations: int = 300) -> bytes:
    """A transaction Bundle of a Patient with observations, for machines without the Synthea set."""
    entries: list[dict[str, Any]] = [_entry("urn:uuid:00000000-0000-4000-8000-000000000000", patient(seed))]
    for number in range(observations):
        body = observation("x", seed * 1000 + number) | {"subject": {"reference": entries[0]["fullUrl"]}}
        entries.append(_entry(f"urn:uuid:00000000-0000-4000-8000-{number + 1:012}", body))
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def _entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


FAMILIES = ["Haddad", "Okafor", "Lindqvist", "Sharma", "Gill", "Moreau", "Tanaka", "Petrov", "Silva", "Nguyen"]
CODES = ["8302-2", "29463-7", "8867-4", "9279-1", "2339-0", "6299-2", "38483-4", "2947-0", "6298-4", "2069-3"]


def patient(seed: int) -> dict[str, Any]:
    """A Patient of some 2 kB: two names, identifiers, address, telecom, communication."""
    pick = random.Random(seed)
    family = f"{pick.choice(FAMILIES)}{seed % 997}"
    return {
        "resourceType": "Patient",
        "identifier": [
            {"system": "http://hospital.example.org/mrn", "value": f"MRN-{seed}", "use": "usual"},
            {
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "DL"}]},
                "system": "urn:oid:2.16.840.1.113883.4.3.25",
                "value": f"S{seed:08}",
            },
        ],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": ["Noor", f"Ann{seed % 89}"], "prefix": ["Ms."]},
            {"use": "maiden", "family": f"{family}sen", "given": ["Noor"]},
        ],
        "telecom": [
            {"system": "phone", "value": f"555-{seed % 10000:04}", "use": "home"},
            {"system": "email", "value": f"noor{seed}@example.org"},
        ],
        "gender": pick.choice(["female", "male"]),
        "birthDate": f"{pick.randint(1930, 2025)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}",
        "address": [
            {
                "line": [f"{seed % 400} Mill Lane"],
                "city": "Norwood",
                "state": "MA",
                "postalCode": "02062",
                "country": "US",
            }
        ],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]
        },
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US", "display": "English"}]}}
        ],
    }


def observation(subject: str, seed: int) -> dict[str, Any]:
    """An Observation of a body measure, some 0.8 kB."""
    pick = random.Random(seed)
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": pick.choice(CODES)}], "text": "A measure"},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": f"20{pick.randint(10, 25)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}T08:15:00Z",
        "issued": "2025-06-01T08:20:00.000Z",
        "valueQuantity": {
            "value": round(pick.uniform(1, 200), 1),
            "unit": "cm",
            "system": "http://unitsofmeasure.org",
            "code": "cm",
        },
    }
