"""The functions of FHIRPath and those that FHIR adds, one file per chapter of the language.

http://hl7.org/fhirpath/N1/#functions
"""

from fhir_server.fhirpath.functions import (
    boundaries,
    combining,
    conversion,
    existence,
    fhir,
    filtering,
    math,
    strings,
    subsetting,
    terminology,
    text_forms,
    tree,
    types,
    utility,
)
from fhir_server.fhirpath.functions.registry import TABLE

__all__ = [
    "TABLE",
    "boundaries",
    "combining",
    "conversion",
    "existence",
    "fhir",
    "filtering",
    "math",
    "strings",
    "subsetting",
    "terminology",
    "text_forms",
    "tree",
    "types",
    "utility",
]
