"""Compartments: the resources that belong to one patient, encounter, practitioner, related person or device.

http://hl7.org/fhir/R4/compartmentdefinition.html and http://hl7.org/fhir/R4/http.html#vsearch
"""

from collections.abc import Mapping

from fhir_server.definitions import definitions
from fhir_server.model import Key
from fhir_server.outcome import NotFound
from fhir_server.search.parameters import parameters
from fhir_server.search.query import And, Compare, Ids, Match, Node, Op, Or, Reference
from fhir_server.search.registry import remembered


def types(focus: str, asked: str) -> tuple[str, ...]:
    """The types to search in a compartment of type `focus`: the one asked for, or ("*") all that can be in it.

    Raises NotFound where there is no such compartment, or that type is never in it.
    """
    if focus not in definitions().compartments:
        known = ", ".join(definitions().compartments)
        raise NotFound(f"There is no {focus} compartment in R4; there are {known}")
    known_types = members(focus)
    if asked == "*":
        return tuple(known_types)
    if asked not in known_types:
        raise NotFound(f"{asked} is never in a {focus} compartment; see {definitions().compartments[focus].url}")
    return (asked,)


def within(where: Mapping[str, Node], focus: Key, base: str) -> dict[str, Node]:
    """The trees of a search, each limited to the compartment of `focus`, which is in it itself; without those of types that
    are never in it (of what contains others, where `_contained` asks for these).
    """
    reference = (
        (Compare(Reference, "type", Op.EQ, focus.type), Compare(Reference, "id", Op.EQ, focus.id)),
        (Compare(Reference, "url", Op.EQ, f"{base}/{focus}"),),
    )
    limited: dict[str, Node] = {}
    for type_, tree in where.items():
        if type_ not in members(focus.type):
            continue
        belongs: list[Node] = [Match(code, reference) for code in members(focus.type)[type_]]
        if type_ == focus.type:
            belongs.append(Ids((focus.id,)))
        limited[type_] = And((tree, Or(tuple(belongs))))
    return limited


def of_any(where: Mapping[str, Node], focus: str) -> dict[str, Node]:
    """The trees of a search, each limited to what lies in the compartment of any resource of type `focus`."""
    reference = ((Compare(Reference, "type", Op.EQ, focus),),)
    return {
        type_: tree
        if type_ == focus
        else And((tree, Or(tuple(Match(code, reference) for code in members(focus)[type_]))))
        for type_, tree in where.items()
    }


@remembered
def members(focus: str) -> Mapping[str, tuple[str, ...]]:
    """Type → the codes under which its membership is kept; types that are never in the compartment are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for type_, codes in definitions().compartments[focus].resources.items():
        known = parameters(type_)
        stored = {code for name in codes if name in known for code in known[name].stored}
        if stored or type_ == focus:
            found[type_] = tuple(sorted(stored))
    return found
