"""Packages that tests make up.

http://hl7.org/fhir/R4/packages.html
"""

import io
import json
import tarfile
from typing import Any

ABOUT = {"name": "org.example.guide", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "colours",
    "url": "http://example.org/ValueSet/colours",
    "status": "active",
}
PARAMETER = {
    "resourceType": "SearchParameter",
    "id": "speech",
    "url": "http://example.org/SearchParameter/speech",
    "name": "Speech",
    "status": "active",
    "description": "What the patient speaks",
    "code": "speech",
    "base": ["Patient"],
    "type": "token",
    "expression": "Patient.communication.language",
}
PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "known",
    "url": "http://example.org/StructureDefinition/known",
    "name": "Known",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}


def package(*resources: dict[str, Any], **about: object) -> bytes:
    """A .tgz of these resources."""
    files = {"package/package.json": {**ABOUT, **about}}
    files |= {f"package/{r['resourceType']}-{r.get('id')}.json": r for r in resources}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return out.getvalue()
