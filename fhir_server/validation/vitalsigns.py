"""Vital signs by their LOINC codes: R4 asks of implementations that such Observations follow its profiles.

http://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
LOINC: Final = "http://loinc.org"
PROFILES: Final = {
    "85353-1": "vitalspanel",
    "9279-1": "resprate",
    "8867-4": "heartrate",
    "2708-6": "oxygensat",
    "8310-5": "bodytemp",
    "8302-2": "bodyheight",
    "9843-4": "headcircum",
    "29463-7": "bodyweight",
    "39156-5": "bmi",
    "85354-9": "bp",
}
"""LOINC code of a vital sign → id of R4's profile for it."""


def profiles(observation: Mapping[str, Any]) -> Iterator[str]:
    """The canonicals of the profiles that the codes of an Observation call for."""
    for coding in (observation.get("code") or {}).get("coding") or ():
        if coding.get("system") == LOINC and coding.get("code") in PROFILES:
            yield CORE + PROFILES[coding["code"]]
