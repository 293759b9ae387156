"""What can go wrong with a FHIRPath expression, as members of the FhirError family.

http://hl7.org/fhirpath/N1/
"""

from fhir_server.outcome import BadRequest


class FhirPathError(BadRequest):
    """400: an expression that is not FHIRPath, or cannot be evaluated on this resource; the text names the place in it."""

    code = "invalid"


class TooCostly(FhirPathError):
    """400: evaluating the expression went past one of the limits of budget.py."""

    code = "too-costly"
