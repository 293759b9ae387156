"""What is returned of a write: the Prefer header's `return`, one rule for HTTP and for the entries of Bundles.

http://hl7.org/fhir/R4/http.html#ops and http://hl7.org/fhir/R4/http.html#transaction-response
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.context import Response
from fhir_server.formats import json
from fhir_server.outcome import ALL_OK, outcome

WRITES = frozenset({"POST", "PUT", "PATCH"})


def content(method: str, representation: str, response: Response) -> bytes | None:
    """The JSON that goes out with this response; None for no body.

    Only a write that stored (or found) a version leaves it to `representation`: minimal returns nothing, OperationOutcome
    the issues ("All OK" without any), everything else the resource. Reads and what was made for the answer go out as is.
    """
    if response.body is not None:
        return response.body
    if response.resource is not None:
        return json.dumps(response.resource)
    version = response.version
    if version is None:
        return json.dumps(outcome(response.issues)) if response.issues else None
    if method in WRITES:
        if representation == "minimal":
            return None
        if representation == "OperationOutcome":
            return json.dumps(report(response))
    return version.body


def report(response: Response) -> Mapping[str, Any]:
    """An OperationOutcome of a success."""
    return outcome(response.issues or (ALL_OK,))
