"""Compartments as search trees: what belongs to one Patient, Encounter, Practitioner, RelatedPerson or Device.

http://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Mapping

from fhir_server.definitions import definitions
from fhir_server.outcome import NotFound
from fhir_server.search.parameters import parameters
from fhir_server.search.query import Compare, Ids, Match, Node, Op, Or, Reference
from fhir_server.search.tree import simple


def within(compartment: str, id_: str) -> Mapping[str, Node]:
    """Resource type → the tree that holds for what lies in the compartment of `compartment`/`id_`; types that are never
    in it are left out. Raises NotFound where R4 has no such compartment.
    """
    definition = definitions().compartments.get(compartment)
    if definition is None:
        raise NotFound(f"R4 has no {compartment[:64]} compartment", code="not-supported")
    anyof = ((Compare(Reference, "type", Op.EQ, compartment), Compare(Reference, "id", Op.EQ, id_)),)
    trees: dict[str, Node] = {}
    for type_, codes in definition.resources.items():
        nodes: list[Node] = [Match(stored, anyof) for code in codes for stored in _stored(type_, code)]
        if type_ == compartment:
            nodes.append(Ids((id_,)))
        if nodes:
            trees[type_] = simple(Or(tuple(nodes)))
    return trees


def _stored(type_: str, code: str) -> tuple[str, ...]:
    """The codes that the parameter's entries are kept under; a link that says "{def}" is the resource itself."""
    parameter = parameters(type_).get(code)
    return parameter.stored if parameter is not None else ()
