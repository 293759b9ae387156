"""When care took place: the search parameters that tell it, by resource type, and the tree of what falls into a period.

http://hl7.org/fhir/R4/operation-patient-everything.html: "the date range relates to care dates, not record currency dates".
"""

from collections.abc import Mapping
from typing import Final

from fhir_server.search.parameters import parameters
from fhir_server.search.query import EVERYTHING, And, Compare, DateRange, Match, Missing, Node, Op, Or

NOT_OF_CARE: Final = frozenset(
    {"_lastUpdated", "birthdate", "death-date", "entered-date", "recorded-date", "value-date"}
)
"""Dates of a person, of a record, or of what was said, not of care."""

PREFERRED: Final[Mapping[str, tuple[str, ...]]] = {
    "CarePlan": ("date",),
    "CommunicationRequest": ("occurrence", "authored"),
    "Condition": ("onset-date", "abatement-date"),
    "DiagnosticReport": ("date",),
    "DocumentReference": ("period", "date"),
    "Encounter": ("date",),
    "Goal": ("start-date",),
    "Immunization": ("date",),
    "Provenance": ("when", "recorded"),
    "ServiceRequest": ("occurrence", "authored"),
}
"""Where a type has several, those that count; any other type has all that are not in NOT_OF_CARE."""


def codes(type_: str) -> tuple[str, ...]:
    """The codes under which the care dates of a type are kept; none for what is not care itself (Patient, Coverage)."""
    known = parameters(type_)
    asked = PREFERRED.get(type_) or sorted(c for c, p in known.items() if p.type == "date" and c not in NOT_OF_CARE)
    return tuple(dict.fromkeys(stored for code in asked if code in known for stored in known[code].stored))


def within(type_: str, low: int | None, high: int | None) -> Node:
    """What was going on at some moment from `low` to `high` (microseconds, None: open), and what has no date of care."""
    dates = codes(type_)
    tests = []
    if high is not None:
        tests.append(Compare(DateRange, "low", Op.LT, high))
    if low is not None:
        tests.append(Compare(DateRange, "high", Op.GT, low))
    if not dates or not tests:
        return EVERYTHING
    undated = And(tuple(Missing(code, (DateRange,)) for code in dates))
    return Or((*(Match(code, (tuple(tests),)) for code in dates), undated))
