"""Where the R4 core package disagrees with R4's own text: what it says, what is used instead, and why.

http://hl7.org/fhir/R4/
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """`field` of the definition called `of` reads `given` in the package; `used` stands in its place."""

    of: str
    field: str
    given: object
    used: object
    reason: str


ELEMENTS = (
    Correction(
        "Resource.id", "type", "string", "id", "resource.html#id: the logical id is of type id; the package says string"
    ),
)

SEARCH_PARAMETERS: tuple[Correction, ...] = ()
