"""Business versions in their order: which version a canonical without |version means.

http://hl7.org/fhir/R4/references.html#canonical
"""

import re
from collections.abc import Iterable
from typing import Final

_AMERICAN: Final = re.compile(r"((?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))((?:19|20)\d\d)")


def newest(versions: Iterable[str], wanted: str = "") -> str | None:
    """The newest of some business versions, or of those that are `wanted` or begin with it (4.0 means 4.0.1 too)."""
    fitting = [v for v in versions if not wanted or v == wanted or v.startswith(f"{wanted}.")]
    return max(fitting, key=order, default=None)


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """What versions are sorted by: numbers as numbers, MMDDYYYY (http://hl7.org/fhir/R4/rxnorm.html) as a date."""
    date = _AMERICAN.fullmatch(version)
    if date is not None:
        version = date[2] + date[1]
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part) for part in version.replace("-", ".").split(".")
    )
