"""Business versions in their order: which version a canonical without |version means.

http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterable


def newest(versions: Iterable[str], wanted: str = "") -> str | None:
    """The newest of some business versions, or of those that are `wanted` or begin with it (4.0 means 4.0.1 too)."""
    fitting = [v for v in versions if not wanted or v == wanted or v.startswith(f"{wanted}.")]
    return max(fitting, key=order, default=None)


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """What versions are sorted by: numbers as numbers."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part) for part in version.replace("-", ".").split(".")
    )
