"""Conditions on the resources that a resource contains: `_contained`, and chains into `#id`.

http://hl7.org/fhir/R4/references.html#contained, http://hl7.org/fhir/R4/search.html#containment

The packed entries of a resource hold one row for each that it contains: (id, 0, packed entries). These have entry numbers of
their own, of "MedicationRequest#Medication" say; in the tables of entries they lead to the container.
"""

from functools import lru_cache

from fhir_server.search.query import Access, And, Chain, Contained, Contains, Node, Or, Reference
from fhir_server.storage.sql.compare import packed
from fhir_server.storage.sql.layout import ELSEWHERE, REFERENCE, Names
from fhir_server.storage.sql.resource import Conditions, Resource
from fhir_server.storage.sql.text import FALSE, Sql, any_of, join

CONTAINED = "_contained"


class Local(Chain, frozen=True):
    """A Chain as far as it leads to what is contained (or, from there, to the container)."""


def within(container: str, type_: str) -> str:
    """What stands for the type of a resource that `container` contains; `container` may itself be such a text."""
    return f"{container_of(container)}#{type_}"


def container_of(type_: str) -> str:
    return type_.partition("#")[0]


def number(names: Names, container: str, type_: str) -> int | None:
    """The entry number of the contained resources; None where there never was one."""
    return names.of_entry(within(container, type_), CONTAINED, Contained)


def contains(tree: Conditions, node: Contains, type_: str, resource: Resource, access: Access) -> Sql:
    """The condition that the resource contains one like this."""
    rows = _rows(tree, node, type_, resource, access)
    return FALSE if rows is None else Sql("EXISTS (SELECT 1 FROM ") + rows[0] + ")"


def _rows(tree: Conditions, node: Contains, type_: str, resource: Resource, access: Access) -> tuple[Sql, str] | None:
    """`FROM` what is contained `WHERE` it is like this, and its alias."""
    place = number(tree.names, type_, node.type)
    if place is None:
        return None
    alias = tree.alias("c")
    where = tree.holds(node.where, within(type_, node.type), resource.inside(alias), access)
    if where == FALSE:
        return None
    rows = tree.dialect.rows(resource.column("entries"), alias)
    return Sql(f"{rows} WHERE ", (tree.dialect.place(place),)) + where, alias


def local(tree: Conditions, node: Chain, type_: str, resource: Resource, access: Access) -> Sql:
    """The condition that the resource refers to one within the same container for which `where` holds."""
    refers = tree.names.of_entry(type_, node.param, Reference)
    if refers is None:
        return FALSE
    return any_of(
        [
            _to_contained(tree, node, type_, resource, access, refers),
            _to_container(tree, node, type_, resource, access, refers),
        ]
    )


def _to_contained(tree: Conditions, node: Chain, type_: str, resource: Resource, access: Access, refers: int) -> Sql:
    place = number(tree.names, type_, node.target)
    if place is None:
        return FALSE
    link, alias = tree.alias("e"), tree.alias("c")
    where = tree.holds(node.where, within(type_, node.target), resource.inside(alias), access)
    if where == FALSE:
        return FALSE
    around, dialect = resource.container or resource, tree.dialect
    return Sql(
        f"EXISTS (SELECT 1 FROM {dialect.rows(around.column('entries'), alias)}"
        f" CROSS JOIN {dialect.rows(resource.column('entries'), link)}"
        f" WHERE {_referred(tree, link)} = '#' || {dialect.item(f'{alias}.value', 0, 'text')}"
        f" AND {_referred(tree, link, 'type')} = ? AND {where.text})",
        (dialect.place(place), dialect.place(refers), ELSEWHERE, *where.args),
    )


def _referred(tree: Conditions, link: str, column: str = "id") -> str:
    return packed(tree.dialect, REFERENCE, column, f"{link}.value")


def _to_container(tree: Conditions, node: Chain, type_: str, resource: Resource, access: Access, refers: int) -> Sql:
    around = resource.container
    if around is None or node.target != container_of(type_):
        return FALSE
    where = tree.holds(node.where, node.target, around, access)
    if where == FALSE:
        return FALSE
    link = tree.alias("e")
    return Sql(
        f"(EXISTS (SELECT 1 FROM {tree.dialect.rows(resource.column('entries'), link)}"
        f" WHERE {_referred(tree, link)} = '#' AND {_referred(tree, link, 'type')} = ?) AND {where.text})",
        (tree.dialect.place(refers), ELSEWHERE, *where.args),
    )


def matched(tree: Conditions, node: Node, type_: str, resource: Resource, access: Access, rids: Sql) -> Sql:
    """The statement of (rid, id) of the contained resources for whose sake `node` holds, of the resources among `rids`."""
    found = (_rows(tree, each, type_, resource, access) for each in asked(node))
    parts = [
        Sql(
            f"SELECT {resource.rid} AS rid, {tree.dialect.item(f'{alias}.value', 0, 'text')} AS id"
            f" FROM resource {resource.row} CROSS JOIN "
        )
        + rows
        + Sql(f" AND {resource.rid} IN (")
        + rids
        + ")"
        for rows, alias in filter(None, found)
    ]
    return join(" UNION ", parts) + " ORDER BY 1, 2" if parts else FALSE


@lru_cache(maxsize=1000)
def asked(node: Node) -> tuple[Contains, ...]:
    """The Contains of a tree that may be why it holds."""
    match node:
        case Contains():
            return (node,)
        case And(of) | Or(of):
            return tuple(found for each in of for found in asked(each))
        case _:
            return ()
