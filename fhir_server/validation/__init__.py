"""Validation of resources against R4: structure first; invariants and profiles build on it.

http://hl7.org/fhir/R4/validation.html
"""

from fhir_server.validation.structure import check

__all__ = ["check"]
