"""What a search is sorted by, of one resource: an expression over its packed entries, or over those of what it refers to.

http://hl7.org/fhir/R4/search.html#sort
"""

import msgspec

from fhir_server.search.query import Reference, Sort
from fhir_server.storage.sql.branch import Branch
from fhir_server.storage.sql.layout import NO_COLUMN, PROFILE, SORTED_BY, path, sorting, table_of
from fhir_server.storage.sql.near import distance
from fhir_server.storage.sql.plan import Plan
from fhir_server.storage.sql.prose import Ranked
from fhir_server.storage.sql.resource import Resource
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
        return Sql(f"-score({resource.column('body')}, ?)", (dict(sort.of).get(type_, "{}"),))
    entry = plan.tree.names.of_entry(type_, sort.param, sort.kind) if sort.kind else None
    if entry is None or sort.kind is None:
        return Sql("NULL")
    choose, alias = _choose(sort), plan.tree.alias("s")
    rows = Sql(f" FROM json_each({resource.column('entries')}, ?) {alias}", (path(entry),))
    if sort.origin is not None:
        far = distance(f"{alias}.value", sort.origin)
        return Sql(f"(SELECT {choose}({far.text})", far.args) + rows + ")"
    table, column = table_of(sort.kind, sort.param), SORTED_BY.get(sort.kind, NO_COLUMN)[sort.descending]
    if table is PROFILE:
        uri = "substr(text, 1, instr(text, char(10)) - 1)"
        return Sql(f"(SELECT {choose}({uri})") + rows + f" CROSS JOIN name ON number = {alias}.value ->> 0)"
    only = f" WHERE {sorting(sort.kind, f'{alias}.value')})"
    return Sql(f"(SELECT {choose}({alias}.value ->> {table.columns.index(column)})") + rows + only


def _chained(sort: Sort, resource: Resource, type_: str, plan: Plan) -> Sql:
    """The key of those resources that this one refers to and the caller may see."""
    (param, target), *rest = sort.chain
    names, alias, row = plan.tree.names, plan.tree.alias("s"), plan.tree.alias("t")
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
            f") FROM json_each({resource.column('entries')}, ?) {alias}"
            f" CROSS JOIN resource {row} ON {row}.type = ? AND {row}.id = {alias}.value ->> 0"
            f" WHERE {alias}.value ->> 1 = ? AND {row}.body IS NOT NULL AND ",
            (path(entry), number, number),
        )
        + seen
        + ")"
    )


def _choose(sort: Sort) -> str:
    return "max" if sort.descending else "min"
