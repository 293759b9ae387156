"""OperationOutcome: every failure, its issue code and its HTTP status, in one table.

http://hl7.org/fhir/R4/operationoutcome.html and http://hl7.org/fhir/R4/http.html#Status-Codes

    FhirError
    ├── 400  Invalid (structure, value, required, invalid) · BadRequest (processing)
    ├── 401  Unauthenticated (login)
    ├── 403  Forbidden (forbidden)
    ├── 404  NotFound (not-found)
    ├── 405  MethodNotAllowed (not-supported)
    ├── 406  NotAcceptable (not-supported)
    ├── 408  TimedOut (timeout)
    ├── 409  Conflict (conflict)
    ├── 410  Gone (deleted)
    ├── 412  PreconditionFailed (conflict) · MultipleMatches (multiple-matches)
    ├── 413  TooLarge (too-long)
    ├── 414  UriTooLong (too-long)
    ├── 415  UnsupportedMediaType (not-supported)
    ├── 416  RangeNotSatisfiable (value)
    ├── 422  Unprocessable (business-rule, invariant …)
    ├── 428  PreconditionRequired (required)
    ├── 429  TooManyRequests (throttled)
    ├── 431  HeadersTooLarge (too-long)
    ├── 501  NotSupported (not-supported)
    ├── 503  Unavailable (transient)
    └── 500  Fault (exception)
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

_ISSUE: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue"
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue.

    `code` is from http://hl7.org/fhir/R4/valueset-issue-type.html; `text` tells a person what is wrong and what would be
    right (details.text); `expression` holds FHIRPaths into the submitted resource, or `http.<header or parameter>`.
    """

    code: str
    text: str
    expression: tuple[str, ...] = ()
    severity: str = "error"
    diagnostics: str | None = None
    line: int | None = None
    column: int | None = None
    """Where in the text that was sent, from 1; None where it was no text, or the place is not known."""

    def to_json(self) -> dict[str, Any]:
        """The element; control characters that a text repeats from the request become U+FFFD, as no FHIR string holds any."""
        issue: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "details": {"text": _printable(self.text)},
        }
        if self.diagnostics:
            issue["diagnostics"] = _printable(self.diagnostics)
        if self.expression:
            issue["expression"] = list(self.expression)
        if self.line is not None and self.column is not None:
            places = (("line", self.line), ("col", self.column))
            issue["extension"] = [{"url": f"{_ISSUE}-{name}", "valueInteger": n} for name, n in places]
        return issue

    def under(self, path: str) -> "Issue":
        """The same issue, its expressions moved below `path` (an entry of a Bundle, say)."""
        moved = tuple(
            e if e.startswith("http.") else f"{path}.{_below(e)}" if _below(e) else path for e in self.expression
        )
        return replace(self, expression=moved or (path,))


def _printable(text: str) -> str:
    return text if text.isprintable() else _UNPRINTABLE.sub("\ufffd", text)


def _below(expression: str) -> str:
    """`Patient.name[0]` → `name[0]`: what stays when the resource becomes an element of another."""
    head, _, rest = expression.partition(".")
    return rest if head[:1].isupper() else expression


class FhirError(Exception):
    """A request that cannot be met; says so as an OperationOutcome with an HTTP status."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(
        self,
        text: str = "",
        *,
        expression: str | Iterable[str] = (),
        code: str | None = None,
        diagnostics: str | None = None,
        issues: Sequence[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Either `text` (one issue) or `issues` (all at once); `headers` go out with the response (Retry-After, Allow)."""
        expressions = (expression,) if isinstance(expression, str) else tuple(expression)
        self.issues = tuple(issues) or (Issue(code or self.code, text, expressions, diagnostics=diagnostics),)
        self.headers = dict(headers or {})
        super().__init__("; ".join(issue.text for issue in self.issues))

    def outcome(self) -> dict[str, Any]:
        return outcome(self.issues)

    def under(self, path: str) -> "FhirError":
        """The same error with its issues' expressions below `path`."""
        return type(self)(issues=[issue.under(path) for issue in self.issues], headers=self.headers)


class BadRequest(FhirError):
    """400: the request itself (URL, header, parameter) is not understood."""

    status = 400
    code = "processing"


class Invalid(BadRequest):
    """400: the resource's structure is not FHIR R4."""

    code = "structure"


class Unauthenticated(FhirError):
    status = 401
    code = "login"


class Forbidden(FhirError):
    status = 403
    code = "forbidden"


class NotFound(FhirError):
    status = 404
    code = "not-found"


class MethodNotAllowed(FhirError):
    status = 405
    code = "not-supported"


class NotAcceptable(FhirError):
    status = 406
    code = "not-supported"


class TimedOut(FhirError):
    status = 408
    code = "timeout"


class Conflict(FhirError):
    """409: the edit disagrees with the stored state (referential integrity, a write that lost a race)."""

    status = 409
    code = "conflict"


class Gone(FhirError):
    status = 410
    code = "deleted"


class PreconditionFailed(FhirError):
    """412: If-Match, If-None-Match: * or If-None-Exist did not hold."""

    status = 412
    code = "conflict"


class MultipleMatches(PreconditionFailed):
    """412: the criteria of a conditional interaction match more than one resource."""

    code = "multiple-matches"


class TooLarge(FhirError):
    status = 413
    code = "too-long"


class UriTooLong(FhirError):
    status = 414
    code = "too-long"


class UnsupportedMediaType(FhirError):
    status = 415
    code = "not-supported"


class RangeNotSatisfiable(FhirError):
    """416: no such bytes in the content of a Binary."""

    status = 416
    code = "value"


class Unprocessable(FhirError):
    """422: well formed, but against a profile or a business rule."""

    status = 422
    code = "business-rule"


class PreconditionRequired(FhirError):
    status = 428
    code = "required"


class TooManyRequests(FhirError):
    status = 429
    code = "throttled"


class HeadersTooLarge(FhirError):
    status = 431
    code = "too-long"


class NotSupported(FhirError):
    """501: R4 knows it, this server does not do it; the text gives the reason."""

    status = 501
    code = "not-supported"


class Unavailable(FhirError):
    """503: the store cannot answer now; nothing was written; try again."""

    status = 503
    code = "transient"


class Fault(FhirError):
    """500: a defect of this server; the text names no internals."""


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome resource of these issues."""
    return {"resourceType": "OperationOutcome", "issue": [issue.to_json() for issue in issues]}


ALL_OK = Issue("informational", "All OK", severity="information")
