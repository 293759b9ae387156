"""Current resource lists: what stands on a patient's list of problems, medications or allergies, by the list's function.

http://hl7.org/fhir/R4/lifecycle.html#lists

R4 finds what is current by the List that refers to it, not by its own status. That List is one that is current, is kept up
(mode `working`), and has a code that says its function: R4's own codes for the use of lists, or those of LOINC beside the function.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_server.outcome import BadRequest
from fhir_server.search.query import And, Compare, Has, Match, Node, Op, Token

MODE = "_mode"
"""List.mode in the index: R4 has no search parameter for it."""

USES = "http://terminology.hl7.org/CodeSystem/list-example-use-codes"
LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Function:
    """What a current list is for: the resource types on it, the codes of Lists that are such; `category`: of those on it, which."""

    types: tuple[str, ...]
    codes: tuple[tuple[str, str], ...]
    category: str = ""


_ALLERGIES = ((USES, "allergies"), (LOINC, "18716-1"), (LOINC, "52472-8"), (LOINC, "48765-2"))

FUNCTIONS: Mapping[str, Function] = {
    "$current-problems": Function(("Condition",), ((USES, "problems"), (LOINC, "46105-3"))),
    "$current-medications": Function(
        ("MedicationStatement", "MedicationRequest"), ((USES, "medications"), (LOINC, "57828-6"), (LOINC, "10160-0"))
    ),
    "$current-allergies": Function(("AllergyIntolerance",), _ALLERGIES),
    "$current-drug-allergies": Function(("AllergyIntolerance",), _ALLERGIES, "medication"),
}


def current(type_: str, function: str) -> Node:
    """What of this type stands on a current list. Raises BadRequest for a function that is not known or not of this type."""
    found = FUNCTIONS.get(function)
    if found is None:
        known = ", ".join(FUNCTIONS)
        raise _wrong(f"{function[:64]} is no function of a list; there are {known}, and lists by their id")
    if type_ not in found.types:
        raise _wrong(f"{function} is a list of {' and '.join(found.types)}, not of {type_}")
    kept = And((_token("status", ("", "current")), _token(MODE, ("", "working")), _token("code", *found.codes)))
    listed = Has("List", "item", kept)
    return And((listed, _token("category", ("", found.category)))) if found.category else listed


def _token(param: str, *codes: tuple[str, str]) -> Match:
    """One of the concepts; of a code without a system its code alone."""
    return Match(
        param,
        tuple(
            (*((Compare(Token, "system", Op.EQ, system),) if system else ()), Compare(Token, "code", Op.EQ, code))
            for system, code in codes
        ),
    )


def _wrong(text: str) -> BadRequest:
    return BadRequest(f"_list: {text}", code="not-supported", expression="http._list")
