"""Faults of several entries of a Bundle, told at once.

http://hl7.org/fhir/R4/operationoutcome.html
"""

from typing import Final

from fhir_server.interactions.entries import located
from fhir_server.outcome import FhirError, Issue

MOST: Final = 100
"""Issues that one outcome lists."""


class Faults:
    """Collects what is wrong with several entries, to be told at once."""

    def __init__(self) -> None:
        self._errors: list[FhirError] = []
        self._number: int | None = None

    def of(self, number: int) -> "Faults":
        """For `with`: what is wrong inside is wrong with this entry. Without it errors say themselves where."""
        self._number = number
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, FhirError):
            self._number = None
            return False
        self._errors.append(error if self._number is None else located(error, self._number))
        self._number = None
        return True

    def raise_(self) -> None:
        """Raises the collected errors as one, of the first one's kind; does nothing without any."""
        if self._errors:
            issues = [issue for error in self._errors for issue in error.issues]
            rest = len(issues) - MOST
            if rest > 0:
                issues[MOST:] = [Issue("too-costly", f"{rest} more issues are not listed", ("Bundle",), "information")]
            first = self._errors[0]
            raise type(first)(issues=issues, headers=first.headers)
