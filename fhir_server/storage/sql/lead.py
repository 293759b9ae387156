"""Conditions of a search as statements that yield the resources for which they hold.

http://hl7.org/fhir/R4/search.html
"""

from dataclasses import dataclass
from typing import Protocol

from fhir_server.search.query import (
    Access,
    And,
    Chain,
    Contains,
    Has,
    Ids,
    LastUpdated,
    Match,
    Near,
    Node,
    Op,
    Or,
    Prose,
    Reference,
    Together,
)
from fhir_server.storage.sql import distinct, near, prose
from fhir_server.storage.sql.compare import Alternative, Comparison, on_table
from fhir_server.storage.sql.contained import Local, number, within
from fhir_server.storage.sql.distinct import SAMPLE, SHARED
from fhir_server.storage.sql.layout import TOKEN, path
from fhir_server.storage.sql.text import FALSE, Sql, all_of, join
from fhir_server.storage.sql.tree import MANY, Tree, alike, as_json, conjuncts, is_one_of, updated

MOST_PARTS = 400  # databases limit the SELECTs of one UNION

Part = tuple[Node, Access]  # a condition, and what its chains may see


@dataclass(frozen=True, slots=True)
class Lead:
    """A condition that yields resources. `keyed`: in descending order of rid, from one stretch of a table; otherwise `rids`
    is a statement that yields them in no order, perhaps twice. Not `exact`: some for which the condition does not hold, too.
    """

    rids: Sql
    keyed: Alternative | None = None
    part: int = -1
    exact: bool = True


class Sets(Protocol):
    """Statements of all rids, in no order; FALSE where there are none."""

    def count(self, rids: Sql) -> tuple[int, int | None]:
        """How many rows there are now."""
        ...

    def rids(self, type_: str, node: Node, access: Access) -> Sql:
        """Of the resources that `node` holds for and `access` shows."""
        ...

    def rids_of(self, type_: str, parts: list[Part]) -> Sql:
        """Of the resources that all parts hold for."""
        ...


class Leads:
    """Writes leads for one statement."""

    def __init__(self, tree: Tree, sets: Sets) -> None:
        self.tree = tree
        self.sets = sets

    def lead(self, node: Node, type_: str, access: Access) -> Lead | None:
        """The node as a set of resources; None where it only tells what is absent, FALSE where nothing can match."""
        match node:
            case Match():
                return self._match(node, type_)
            case Near():
                alias = self.tree.alias("e")
                where = near.on_table(self.tree.names, node, type_, alias)
                return Lead(
                    where if where == FALSE else Sql(f"SELECT {alias}.rid AS rid FROM point {alias} WHERE ") + where
                )
            case Ids(anyof):
                return self._rows(is_one_of("id", anyof), type_)
            case LastUpdated(tests):
                where = all_of([updated("v.updated", op, value) for op, value in tests])
                return Lead(FALSE) if where == FALSE else self._updated(where, type_)
            case Together() | Contains() | Local():
                return Lead(self.sets.rids_of(type_, [(node, access)]))
            case Chain():
                return self._chain(node, type_, access)
            case Has():
                return self._has(node, type_, access)
            case And(of) if of:
                return Lead(self.sets.rids_of(type_, [(part, access) for part in conjuncts(node)]))
            case Or(of):
                return self._or(of, type_, access)
            case _:
                return None

    def wider(self, node: Node, type_: str) -> list[Lead] | None:
        """Leads that yield all for which the node holds and more besides; None where there are none of that kind."""
        match node:
            case Together(of):
                return [lead for part in of if (lead := self._match(part, type_)) is not None]
            case Contains(inner, where):
                return self._containers(inner, where, type_)
            case Local(_, target, where):
                return self._containers(target, where, type_)
            case _:
                return None

    def _containers(self, inner: str, where: Node, type_: str) -> list[Lead]:
        """Those of resources that contain some of the type `inner`, as narrow as the tables make them."""
        place = number(self.tree.names, type_, inner)
        if place is None:
            return [Lead(FALSE)]
        found = []
        for part in conjuncts(where):
            match part:
                case Match():
                    found.append(self._match(part, within(type_, inner)))
                case Together(of):
                    found += [self._match(each, within(type_, inner)) for each in of]
                case Ids(anyof):
                    tests = [(Comparison("code", Op.EQ, id_),) for id_ in anyof]
                    found.append(self._alternatives([Alternative(TOKEN, place, test) for test in tests]))
        leads = [lead for lead in found if lead is not None]
        every = self._alternatives([Alternative(TOKEN, place, ())])
        return leads or [every or Lead(FALSE)]

    def _match(self, node: Match, type_: str) -> Lead | None:
        if node.anyof and node.anyof[0][0].kind is Prose:
            return self._prose(node, type_)
        return self._alternatives(self.tree.alternatives(node, type_))

    def _alternatives(self, found: list[Alternative]) -> Lead | None:
        if not found:
            return Lead(FALSE)
        if len(found) == 1:
            return Lead(self._rows_like(found[0]), found[0] if found[0].keyed else None)
        if len(found) > MANY and alike(found) and found[0].keyed:
            first, alias, given = found[0], self.tree.alias("e"), self.tree.alias("v")
            tests = " AND ".join(
                f"{alias}.{test.column} = {given}.value ->> {index}" for index, test in enumerate(first.tests)
            )
            return Lead(
                Sql(
                    f"SELECT {alias}.rid AS rid FROM json_each(?) {given} CROSS JOIN {first.table.name} {alias}"
                    f" WHERE {alias}.entry = ? AND {tests}",
                    (as_json(found), first.entry),
                )
            )
        if len(found) > MOST_PARTS:
            return None
        return Lead(join(" UNION ALL ", [self._rows_like(each) for each in found]))

    def _rows_like(self, found: Alternative) -> Sql:
        alias = self.tree.alias("e")
        if distinct.looks_inside(found) and self.sets.count(distinct.texts(found))[0] * SHARED <= SAMPLE:
            return distinct.rids(found, alias)
        return Sql(f"SELECT {alias}.rid AS rid FROM {found.table.name} {alias} WHERE ") + on_table(found, alias)

    def _prose(self, node: Match, type_: str) -> Lead | None:
        parts, exact = prose.rids(self.tree.names, node, type_)
        if len(parts) > MOST_PARTS:
            return None
        return Lead(join(" UNION ALL ", parts), exact=exact) if parts else Lead(FALSE)

    def _rows(self, where: Sql, type_: str) -> Lead:
        if where == FALSE:
            return Lead(FALSE)
        return Lead(
            Sql("SELECT rid FROM resource WHERE type = ? AND body IS NOT NULL AND ", (self.tree.names.of_type(type_),))
            + where
        )

    def _updated(self, where: Sql, type_: str) -> Lead:
        return Lead(
            Sql(
                "SELECT v.rid AS rid FROM version v CROSS JOIN resource w ON w.rid = v.rid AND w.changed = v.sequence"
                " WHERE v.type = ? AND w.body IS NOT NULL AND ",
                (self.tree.names.of_type(type_),),
            )
            + where
        )

    def _chain(self, node: Chain, type_: str, access: Access) -> Lead:
        outside = self._referring(node, type_, access)
        if number(self.tree.names, type_, node.target) is None:
            return outside
        inside = self.sets.rids_of(type_, [(Local(node.param, node.target, node.where), access)])
        return Lead(_union([rids for rids in (outside.rids, inside) if rids != FALSE]))

    def _referring(self, node: Chain, type_: str, access: Access) -> Lead:
        names = self.tree.names
        entry, target_type = names.of_entry(type_, node.param, Reference), names.of_type(node.target)
        targets = self.sets.rids(node.target, node.where, access)
        if entry is None or target_type is None or targets == FALSE:
            return Lead(FALSE)
        row, alias, found = self.tree.alias("r"), self.tree.alias("e"), self.tree.alias("t")
        return Lead(
            Sql(f"SELECT {alias}.rid AS rid FROM (")
            + targets
            + Sql(
                f") {found} CROSS JOIN resource {row} ON {row}.rid = {found}.rid"
                f" CROSS JOIN reference {alias} ON {alias}.entry = ? AND {alias}.id = {row}.id AND {alias}.type = ?",
                (entry, target_type),
            )
        )

    def _has(self, node: Has, type_: str, access: Access) -> Lead:
        names = self.tree.names
        entry, own_type = names.of_entry(node.source, node.param, Reference), names.of_type(type_)
        sources = self.sets.rids(node.source, node.where, access)
        if entry is None or own_type is None or sources == FALSE:
            return Lead(FALSE)
        source, alias, row, found = (self.tree.alias(letter) for letter in "rejt")
        return Lead(
            Sql(f"SELECT {row}.rid AS rid FROM (")
            + sources
            + Sql(
                f") {found} CROSS JOIN resource {source} ON {source}.rid = {found}.rid"
                f" CROSS JOIN json_each({source}.entries, ?) {alias}"
                f" CROSS JOIN resource {row} ON {row}.type = ? AND {row}.id = {alias}.value ->> 0"
                f" WHERE {alias}.value ->> 1 = ? AND {row}.body IS NOT NULL",
                (path(entry), own_type, own_type),
            )
        )

    def _or(self, of: tuple[Node, ...], type_: str, access: Access) -> Lead | None:
        parts: list[Sql] = []
        exact = True
        for each in of:
            lead = self.lead(each, type_, access)
            if lead is None or len(parts) > MOST_PARTS:
                return None
            if lead.rids != FALSE:
                parts.append(lead.rids)
                exact = exact and lead.exact
        return Lead(_union(parts), exact=exact)


def _union(parts: list[Sql]) -> Sql:
    """The rids of all; FALSE where there are none."""
    return join(" UNION ALL ", [Sql("SELECT rid FROM (") + part + ")" for part in parts]) if parts else FALSE
