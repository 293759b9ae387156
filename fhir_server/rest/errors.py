"""Every failure as an OperationOutcome: what went wrong, and only what the caller may know.

http://hl7.org/fhir/R4/http.html#Status-Codes; the statuses and issue codes are outcome.py's.
"""

import logging
from typing import Final

from fhir_server.context import Response
from fhir_server.outcome import Fault, FhirError, TooManyRequests, Unavailable

log: Final = logging.getLogger("fhir.errors")

RETRY_AFTER: Final = "1"
"""Seconds that a client is asked to wait after 429 and 503."""


def response(error: FhirError) -> Response:
    """The answer to a request that failed so."""
    headers = error.headers
    if isinstance(error, TooManyRequests | Unavailable):
        headers = {"Retry-After": RETRY_AFTER, **headers}
    return Response(error.status, issues=error.issues, headers=headers)


def fault(error: BaseException, request_id: str, interaction: str) -> Response:
    """The answer to a defect of this server: the request id alone; where it happened goes to the log."""
    log.error("request failed", exc_info=error, extra={"request_id": request_id, "interaction": interaction})
    return response(
        Fault(f"The server failed on this request. Its operator finds the reason under request id {request_id}")
    )
