"""The formats that are known, in the order in which files are looked at.

http://hl7.org/fhir/R4/terminologies-systems.html
"""

from typing import Final

from fhir_server.outcome import Invalid
from fhir_server.releases import icd10, icd10cm, loinc, rxnorm, snomed, table
from fhir_server.releases.files import Files
from fhir_server.releases.release import Format

FORMATS: Final = (
    Format("LOINC", loinc.known, loinc.read),
    Format("SNOMED CT (RF2)", snomed.known, snomed.read),
    Format("RxNorm (RRF)", rxnorm.known, rxnorm.read),
    Format("ICD-10-CM", icd10cm.known, icd10cm.read),
    Format("ICD-10 (ClaML)", icd10.known, icd10.read),
    Format("CSV", table.known, table.read),
)


def format_of(files: Files) -> Format:
    """The format of some files. Raises Invalid where it is none that is known."""
    found = next((each for each in FORMATS if each.known(files)), None)
    if found is None:
        shown = ", ".join(str(path) for path in files.paths)
        raise Invalid(
            f"{shown}: no release that is known here: {', '.join(each.name for each in FORMATS)} are expected"
        )
    return found
