"""Names in a language: which of a concept's designations is its display to people who speak it.

http://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.concept.designation, https://www.rfc-editor.org/rfc/rfc4647
"""

from collections.abc import Iterable

from fhir_server.concepts import Designation


def alike(language: str | None, wanted: str) -> int:
    """2: the same language. 1: the same, spoken elsewhere. 0: another one, or not said."""
    one, other = (language or "").lower(), wanted.lower()
    if one == other:
        return 2
    return 1 if one and one.partition("-")[0] == other.partition("-")[0] else 0


def named(display: str | None, own: str | None, designations: Iterable[Designation], wanted: str | None) -> str | None:
    """The name in the wanted language; `display`, in the language `own`, where it is as good, or where there is none better."""
    if not wanted:
        return display
    best, found = alike(own, wanted) if display else 0, display
    for each in designations:
        worth = alike(each.language, wanted)
        if worth > best:
            best, found = worth, each.value
    return found


def names(
    display: str | None, own: str | None, designations: Iterable[Designation], wanted: str | None
) -> list[str | None]:
    """All names that are good in the wanted language: those of which nobody says the language too; without one, all."""
    pairs = [(display, own), *((each.value, each.language) for each in designations)]
    if not wanted:
        return [name for name, _ in pairs]
    return [name for name, language in pairs if language is None or alike(language, wanted)]
