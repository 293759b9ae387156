"""Entries of one base element that fulfil several conditions: composite search parameters.

http://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Sequence

from fhir_server.search.query import Together
from fhir_server.storage.sql.compare import Alternative, on_packed
from fhir_server.storage.sql.resource import Conditions, Resource
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of, any_of, join


def together(tree: Conditions, node: Together, type_: str, resource: Resource) -> Sql:
    """The condition that packed entries of one group fulfil all parts."""
    parts = [tree.alternatives(match, type_) for match in node.of]
    if not parts:
        return TRUE
    if not all(parts):
        return FALSE
    first, *others = [_groups(tree, found, resource) for found in parts]
    alias = tree.alias("g")
    where = all_of([Sql(f"{alias}.part IN (") + other + ")" for other in others])
    return Sql("EXISTS (SELECT 1 FROM (") + first + f") {alias} WHERE " + where + ")"


def _groups(tree: Conditions, found: Sequence[Alternative], resource: Resource) -> Sql:
    """The statement of the groups in which one of the alternatives holds."""
    entries: dict[int, list[Alternative]] = {}
    for each in found:
        entries.setdefault(each.entry, []).append(each)
    parts = []
    for entry, alike in entries.items():
        alias = tree.alias("e")
        where = any_of([on_packed(tree.dialect, each, f"{alias}.value") for each in alike])
        group = tree.dialect.item(f"{alias}.value", len(alike[0].table.columns), "whole")
        parts.append(
            Sql(
                f"SELECT coalesce({group}, 0) AS part FROM {tree.dialect.rows(resource.column('entries'), alias)} WHERE ",
                (tree.dialect.place(entry),),
            )
            + where
        )
    return join(" UNION ALL ", parts)
