"""What a search is sorted by, of one resource: an expression over its packed entries, or over those of what it refers to.

http://hl7.org/fhir/R4/search.html#sort
"""

import msgspec

from fhir_server.search.query import Reference, Sort
from fhir_server.storage.sql.branch import Branch
from fhir_server.storage.sql.compare import packed
from fhir_server.storage.sql.layout import NO_COLUMN, PROFILE, REFERENCE, SORTED_BY, table_of
from fhir_server.storage.sql.near import distance
from fhir_server.storage.sql.plan import Plan
from fhir_server.storage.sql.prose import Ranked
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.sorting import sorting
from fhir_server.storage.sql.text import Sql


def key(sort: Sort, branch: Branch, plan: Plan) -> Sql:
    """The expression for one key of the branch's resource."""
    if sort.param == "_lastUpdated" and not sort.chain and branch.updated:
        return Sql(branch.updated)
    return _key(sort, branch.resource, plan.type, plan)


def _key(sort: Sort, resource: Resource, type_: str, plan: Plan) -> Sql:
    if sort.chain:
        return _chained(sort, resource, type_, plan)
    if sort.param == "_id":
        return Sql(resource.column("id"))
    if sort.param == "_lastUpdated":
        return Sql(resource.column("updated"))
    if isinstance(sort, Ranked):
        return Sql("-") + plan.tree.dialect.score(resource, dict(sort.of).get(type_, "{}"))
    entry = plan.tree.names.of_entry(type_, sort.param, sort.kind) if sort.kind else None
    if entry is None or sort.kind is None:
        return Sql("NULL")
    choose, alias, dialect = _choose(sort), plan.tree.alias("s"), plan.tree.dialect
    element = f"{alias}.value"
    rows = Sql(f" FROM {dialect.rows(resource.column('entries'), alias)}", (dialect.place(entry),))
    if sort.origin is not None:
        far = distance(dialect, element, sort.origin)
        return Sql(f"(SELECT {choose}({far.text})", far.args) + rows + ")"
    table, column = table_of(sort.kind, sort.param), SORTED_BY.get(sort.kind, NO_COLUMN)[sort.descending]
    if table is PROFILE:
        number = packed(dialect, PROFILE, "canonical", element)
        return Sql(f"(SELECT {choose}({dialect.line('text')})") + rows + f"{dialect.join}name ON number = {number})"
    only = f" WHERE {sorting(dialect, sort.kind, element)})"
    return Sql(f"(SELECT {choose}({packed(dialect, table, column, element)})") + rows + only


def _chained(sort: Sort, resource: Resource, type_: str, plan: Plan) -> Sql:
    """The key of those resources that this one refers to and the caller may see."""
    (param, target), *rest = sort.chain
    names, alias, row, dialect = plan.tree.names, plan.tree.alias("s"), plan.tree.alias("t"), plan.tree.dialect
    entry, number = names.of_entry(type_, param, Reference), names.of_type(target)
    if entry is None or number is None:
        return Sql("NULL")
    referred = Resource(f"{row}.rid", row)
    inner = _key(msgspec.structs.replace(sort, chain=tuple(rest)), referred, target, plan)
    seen = plan.tree.sees(plan.access, target, referred)
    return (
        Sql(f"(SELECT {_choose(sort)}(")
        + inner
        + Sql(
            f") FROM {dialect.rows(resource.column('entries'), alias)}"
            f"{dialect.join}resource {row} ON {row}.type = ? AND {row}.id = {packed(dialect, REFERENCE, 'id', f'{alias}.value')}"
            f" WHERE {packed(dialect, REFERENCE, 'type', f'{alias}.value')} = ? AND {row}.body IS NOT NULL AND ",
            (dialect.place(entry), number, number),
        )
        + seen
        + ")"
    )


def _choose(sort: Sort) -> str:
    return "max" if sort.descending else "min"
