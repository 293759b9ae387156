"""The search tree as a condition on a resource, and as the set of resources that it holds for.

http://hl7.org/fhir/R4/search.html

Every alias of the table `resource` gets its Access: the main row, the target of a chain, the source of `_has`. A policy's own
tree looks at its links without one: it is what decides.
"""

from collections.abc import Sequence

import msgspec

from fhir_server.outcome import BadRequest
from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    And,
    Chain,
    Contains,
    Has,
    Ids,
    LastUpdated,
    Match,
    Missing,
    Near,
    Node,
    Not,
    Op,
    Or,
    Point,
    Prose,
    Reference,
    Together,
)
from fhir_server.storage.sql import near, prose
from fhir_server.storage.sql.compare import Alternative, Comparison, alternatives, on_packed, on_table, packed
from fhir_server.storage.sql.contained import Local, contains, local
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import REFERENCE, Names, kind_of
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.text import FALSE, Sql, all_of, any_of, negated
from fhir_server.storage.sql.together import together

MANY = 8  # alternatives of one shape beyond this number travel as one JSON argument


class Tree:
    """Writes conditions for one statement: its aliases are distinct."""

    def __init__(self, names: Names, dialect: Dialect) -> None:
        self.names = names
        self.dialect = dialect
        self._aliases = 0

    def alias(self, letter: str) -> str:
        self._aliases += 1
        return f"{letter}{self._aliases}"

    def sees(self, access: Access, type_: str, resource: Resource) -> Sql:
        """The condition that the caller may see this resource."""
        return self.holds(access.of(type_), type_, resource, UNRESTRICTED)

    def holds(self, node: Node, type_: str, resource: Resource, access: Access) -> Sql:
        """The condition that `node` holds, as far as `access` sees, for this resource: current, not deleted, of this type."""
        if resource.container is not None and isinstance(node, (LastUpdated, Has, Contains)):
            return FALSE
        match node:
            case And(of):
                return all_of([self.holds(each, type_, resource, access) for each in of])
            case Or(of):
                return any_of([self.holds(each, type_, resource, access) for each in of])
            case Not(of):
                return negated(self.holds(of, type_, resource, access))
            case Match():
                return self._match(node, type_, resource)
            case Near():
                return self._near(node, type_, resource)
            case Ids(anyof):
                return is_one_of(self.dialect, resource.column("id"), anyof)
            case LastUpdated(tests):
                return all_of([updated(resource.column("updated"), op, value) for op, value in tests])
            case Missing():
                return self._missing(node, type_, resource)
            case Together():
                return together(self, node, type_, resource)
            case Contains():
                return contains(self, node, type_, resource, access)
            case Local():
                return local(self, node, type_, resource, access)
            case Chain():
                return any_of([self._chain(node, type_, resource, access), local(self, node, type_, resource, access)])
            case Has():
                return self._has(node, type_, resource, access)
            case _:
                raise BadRequest(f"{type(node).__name__} cannot be searched by yet", code="not-supported")

    def _visible(self, where: Node, type_: str, resource: Resource, access: Access) -> Sql:
        return all_of([self.sees(access, type_, resource), self.holds(where, type_, resource, access)])

    def alternatives(self, node: Match, type_: str) -> list[Alternative]:
        return [found for compares in node.anyof for found in alternatives(self.names, type_, node.param, compares)]

    def _match(self, node: Match, type_: str, resource: Resource) -> Sql:
        if node.anyof and node.anyof[0][0].kind is Prose:
            return prose.holds(self, node, type_, resource)
        return any_of(
            [
                self._match_many(found, resource)
                if many(found)
                else any_of([self._match_one(each, resource) for each in found])
                for found in by_shape(self.alternatives(node, type_))
            ]
        )

    def _match_one(self, found: Alternative, resource: Resource) -> Sql:
        alias = self.alias("e")
        if found.keyed and not resource.image:
            where = on_table(self.dialect, found, alias)
            return Sql(f"EXISTS (SELECT 1 FROM {found.table.name} {alias} WHERE {where.text}", where.args) + (
                f" AND {alias}.rid = {resource.rid})"
            )
        where = on_packed(self.dialect, found, f"{alias}.value")
        return Sql(
            f"EXISTS (SELECT 1 FROM {self.dialect.rows(resource.column('entries'), alias)} WHERE {where.text})",
            (self.dialect.place(found.entry), *where.args),
        )

    def _match_many(self, found: Sequence[Alternative], resource: Resource) -> Sql:
        first, alias, given = found[0], self.alias("e"), self.alias("v")
        dialect, table = self.dialect, first.table
        tests = " AND ".join(
            f"{packed(dialect, table, test.column, f'{alias}.value')}"
            f" = {dialect.item(f'{given}.value', index, kind_of(table, test.column))}"
            for index, test in enumerate(differing(first))
        )
        where = on_packed(dialect, shared(first), f"{alias}.value")
        return Sql(
            f"EXISTS (SELECT 1 FROM {dialect.rows(resource.column('entries'), alias)}"
            f" CROSS JOIN {dialect.given(given)} WHERE {tests} AND {where.text})",
            (dialect.place(first.entry), as_json(found), *where.args),
        )

    def _near(self, node: Near, type_: str, resource: Resource) -> Sql:
        entry, alias = self.names.of_entry(type_, node.param, Point), self.alias("e")
        where = near.on_packed(self.dialect, node, f"{alias}.value")
        if entry is None or where == FALSE:
            return FALSE
        return Sql(
            f"EXISTS (SELECT 1 FROM {self.dialect.rows(resource.column('entries'), alias)} WHERE {where.text})",
            (self.dialect.place(entry), *where.args),
        )

    def _missing(self, node: Missing, type_: str, resource: Resource) -> Sql:
        numbers = [self.names.of_entry(type_, node.param, kind) for kind in node.kinds]
        there = self.dialect.has(resource.column("entries"))
        return all_of(
            [Sql(f"NOT ({there})", (self.dialect.place(number),)) for number in numbers if number is not None]
        )

    def _chain(self, node: Chain, type_: str, resource: Resource, access: Access) -> Sql:
        entry, target_type = self.names.of_entry(type_, node.param, Reference), self.names.of_type(node.target)
        if entry is None or target_type is None:
            return FALSE
        alias, row, dialect = self.alias("e"), self.alias("r"), self.dialect
        target = Resource(f"{row}.rid", row)
        where = self._visible(node.where, node.target, target, access)
        if where == FALSE:
            return FALSE
        return Sql(
            f"EXISTS (SELECT 1 FROM {dialect.rows(resource.column('entries'), alias)}"
            f"{dialect.join}resource {row} ON {row}.type = ? AND {row}.id = {packed(dialect, REFERENCE, 'id', f'{alias}.value')}"
            f" WHERE {packed(dialect, REFERENCE, 'type', f'{alias}.value')} = ? AND {row}.body IS NOT NULL AND {where.text})",
            (dialect.place(entry), target_type, target_type, *where.args),
        )

    def _has(self, node: Has, type_: str, resource: Resource, access: Access) -> Sql:
        entry, own_type = self.names.of_entry(node.source, node.param, Reference), self.names.of_type(type_)
        if entry is None or own_type is None:
            return FALSE
        alias, row = self.alias("e"), self.alias("r")
        source = Resource(f"{alias}.rid", row)
        where = self._visible(node.where, node.source, source, access)
        if where == FALSE:
            return FALSE
        joined = f"{self.dialect.join}resource {row} ON {row}.rid = {alias}.rid" if source.used else ""
        return Sql(
            f"EXISTS (SELECT 1 FROM reference {alias}{joined}"
            f" WHERE {alias}.entry = ? AND {self.dialect.same(f'{alias}.id', resource.column('id'))}"
            f" AND {alias}.type = ? AND {where.text})",
            (entry, own_type, *where.args),
        )


def conjuncts(node: Node) -> list[Node]:
    """The parts that must all hold."""
    if isinstance(node, And):
        return [part for each in node.of for part in conjuncts(each)]
    return [node]


def by_shape(found: Sequence[Alternative]) -> list[list[Alternative]]:
    """Groups that differ in the values of equalities alone; others stay together as they are."""
    shapes: dict[object, list[Alternative]] = {}
    for each in found:
        shape = (each.entry, *((t.column, t.op, None if t.op is Op.EQ else t.value) for t in each.tests))
        shapes.setdefault(shape, []).append(each)
    return list(shapes.values())


def many(alike: Sequence[Alternative]) -> bool:
    """Whether those of one shape travel as one argument."""
    return len(alike) > MANY and bool(differing(alike[0]))


def differing(found: Alternative) -> tuple[Comparison, ...]:
    """The equalities: what may differ within a shape."""
    return tuple(test for test in found.tests if test.op is Op.EQ)


def shared(found: Alternative) -> Alternative:
    """What is the same within its shape."""
    return found._replace(tests=tuple(test for test in found.tests if test.op is not Op.EQ))


def as_json(found: Sequence[Alternative]) -> str:
    """The values of equalities of alternatives of one shape: [[value of the first, …], …]."""
    return msgspec.json.encode([[test.value for test in differing(each)] for each in found]).decode()


def is_one_of(dialect: Dialect, column: str, values: Sequence[str]) -> Sql:
    if not values:
        return FALSE
    if len(values) == 1:
        return Sql(f"{column} = ?", (values[0],))
    return Sql(f"{column} IN ({dialect.values('text')})", (msgspec.json.encode(values).decode(),))


def updated(column: str, op: Op, microseconds: int) -> Sql:
    """A comparison of a column of milliseconds with microseconds."""
    whole, rest = divmod(microseconds, 1000)
    if op is Op.EQ:
        return FALSE if rest else Sql(f"{column} = ?", (whole,))
    if op in (Op.GE, Op.LT):
        whole += 1 if rest else 0
    sign = {Op.GE: ">=", Op.GT: ">", Op.LE: "<=", Op.LT: "<"}[op]
    return Sql(f"{column} {sign} ?", (whole,))
