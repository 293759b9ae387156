"""Conditions of a search as statements that yield the resources for which they hold.

http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from fhir_server.search.query import (
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
    Prose,
    Reference,
    Together,
)
from fhir_server.storage.sql import distinct, near, prose
from fhir_server.storage.sql.arms import Arm, arms, arms_of_all, disjoint, union
from fhir_server.storage.sql.compare import Alternative, Comparison, condition, on_table, packed
from fhir_server.storage.sql.contained import Local, number, within
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.distinct import SAMPLE, SHARED
from fhir_server.storage.sql.layout import REFERENCE, TOKEN, Table, kind_of
from fhir_server.storage.sql.text import FALSE, Sql, all_of, join
from fhir_server.storage.sql.tree import MANY, Tree, as_json, by_shape, conjuncts, differing, is_one_of, shared, updated

MOST_PARTS = 400  # databases limit the SELECTs of one UNION
MOST_ARMS = 32  # stretches that are merged in the order of their resources

LOOK = 30  # rows of an index that are passed in the time that it takes to look at a resource
FETCHED = (
    12  # and, each with a look into an index, in the time that it takes to find the resource that another one refers to
)
PASSED = 4  # rows of quantities to one in a unit that is asked for

Part = tuple[Node, Access]  # a condition, and what its chains may see


@dataclass(frozen=True, slots=True)
class Lead:
    """A condition that yields resources: `rids` is a statement of them all, `arms` its stretches where it has some.

    `once`: none comes twice. `whole`: the condition holds for all of them; else it must be looked at all the same. `part`: which
    condition of the search it is. `cost`: what it takes to gather one, `look`: to look whether one resource is of them; in rows
    of an index that are passed.
    """

    rids: Sql
    arms: tuple[Arm, ...] = ()
    once: bool = False
    whole: bool = True
    part: int = -1
    cost: float = 1
    look: float = LOOK

    @property
    def keyed(self) -> bool:
        """It comes in few stretches, each in descending order of rid."""
        return 0 < len(self.arms) <= MOST_ARMS and all(arm.keyed for arm in self.arms)


NEVER = Lead(FALSE)


class Sets(Protocol):
    """Statements of all rids, in no order; FALSE where there are none."""

    def count(self, rows: Sql) -> int:
        """How many rows there are now."""
        ...

    def rids(self, type_: str, node: Node, access: Access) -> Sql:
        """Of the resources that `node` holds for and `access` shows."""
        ...

    def rids_of(self, type_: str, parts: list[Part]) -> Sql:
        """Of the resources that all parts hold for."""
        ...

    def ids(self, rids: Sql) -> list[str] | None:
        """The logical ids of these resources; None where there are more than a few."""
        ...

    def of_type(self, number: int) -> float:
        """About how many resources of the type there are."""
        ...

    def single(self, type_: str, entries: Iterable[int]) -> bool:
        """No resource of the type has one of these entries twice."""
        ...

    def lacking(self, type_: str, entries: Iterable[int]) -> list[int]:
        """The outlines of those resources that have none of the entries."""
        ...


class Leads:
    """Writes leads for one statement."""

    def __init__(self, tree: Tree, sets: Sets) -> None:
        self.tree = tree
        self.dialect = tree.dialect
        self.sets = sets

    def lead(self, node: Node, type_: str, access: Access) -> Lead | None:
        """The node as a set of resources; None where it only tells what is absent, FALSE where nothing can match."""
        match node:
            case Match():
                return self._match(node, type_)
            case Near():
                alias = self.tree.alias("e")
                where = near.on_table(self.dialect, self.tree.names, node, type_, alias)
                return Lead(
                    where if where == FALSE else Sql(f"SELECT {alias}.rid AS rid FROM point {alias} WHERE ") + where
                )
            case Ids(anyof):
                return self._rows(is_one_of(self.dialect, "id", anyof), type_)
            case LastUpdated(tests):
                where = all_of([updated("v.updated", op, value) for op, value in tests])
                return NEVER if where == FALSE else self._updated(where, type_)
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
            case Missing(param, kinds):
                entries = (self.tree.names.of_entry(type_, param, kind) for kind in kinds)
                return self._without(type_, [entry for entry in entries if entry is not None])
            case Not(Match() as of):
                return self._unlike(of, type_)
            case _:
                return None

    def wider(self, node: Node, type_: str) -> list[Lead] | None:
        """Leads that yield all for which the node holds and more besides; None where there are none of that kind."""
        match node:
            case Together(of):
                return [replace(lead, whole=False) for part in of if (lead := self._match(part, type_)) is not None]
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
            return [NEVER]
        found: list[Lead | None] = []
        inside = within(type_, inner)
        for part in conjuncts(where):
            match part:
                case Match():
                    found.append(self._match(part, inside))
                case Together(of):
                    found += [self._match(each, inside) for each in of]
                case Ids(anyof):
                    tests = [(Comparison("code", Op.EQ, id_),) for id_ in anyof]
                    found.append(self._alternatives([Alternative(TOKEN, place, test) for test in tests], inside))
        leads = [lead for lead in found if lead is not None]
        every = self._alternatives([Alternative(TOKEN, place, ())], inside)
        return [replace(lead, whole=False) if lead.rids != FALSE else NEVER for lead in leads or [every or NEVER]]

    def _match(self, node: Match, type_: str) -> Lead | None:
        if node.anyof and node.anyof[0][0].kind is Prose:
            return self._prose(node, type_)
        return self._alternatives(self.tree.alternatives(node, type_), type_)

    def _prose(self, node: Match, type_: str) -> Lead | None:
        parts, exact = prose.rids(self.tree, node, type_)
        if len(parts) > MOST_PARTS:
            return None
        return Lead(join(" UNION ALL ", parts), whole=exact) if parts else NEVER

    def _alternatives(self, found: list[Alternative], type_: str) -> Lead | None:
        if not found:
            return NEVER
        shapes = by_shape(found)
        if len(found) > MANY and len(shapes) <= MANY and all(each[0].keyed for each in shapes):
            return Lead(join(" UNION ALL ", [self._one_shape(each) for each in shapes]))
        if len(found) > MOST_PARTS:
            return None
        apart, once = disjoint(found)
        alone = len(found) == 1 and found[0].keyed and found[0].narrow
        once = alone or (once and self.sets.single(type_, {each.entry for each in found}))
        if any(self._shared(each) for each in found):
            return Lead(join(" UNION ALL ", [self._rows_like(each) for each in apart]), once=once)
        stretches = tuple(arms_of_all(self.dialect, apart))
        passed = PASSED if any(test.column == "unit" for each in found for test in each.tests) else 1
        return Lead(union(self.dialect, stretches, self.tree.alias), stretches, once, cost=passed)

    def _one_shape(self, found: list[Alternative]) -> Sql:
        """The rids of many alternatives of one shape."""
        first, alias, given = found[0], self.tree.alias("e"), self.tree.alias("v")
        tests = " AND ".join(
            self._alike(first.table, test.column, alias, f"{given}.value", index)
            for index, test in enumerate(differing(first))
        )
        return Sql(
            f"SELECT {alias}.rid AS rid FROM {self.dialect.given(given)}"
            f" CROSS JOIN {first.table.name} {alias} WHERE {tests} AND ",
            (as_json(found),),
        ) + on_table(self.dialect, shared(first), alias)

    def _alike(self, table: Table, column: str, alias: str, given: str, index: int) -> str:
        value = self.dialect.item(given, index, kind_of(table, column))
        first = column == table.columns[0] and kind_of(table, column) == "text"
        return self.dialect.same(f"{alias}.{column}", value) if first else f"{alias}.{column} = {value}"

    def _shared(self, found: Alternative) -> bool:
        """Whether it looks inside texts that many resources share."""
        return (
            self.dialect.skips
            and distinct.looks_inside(found)
            and self.sets.count(distinct.texts(found)) * SHARED <= SAMPLE
        )

    def _rows_like(self, found: Alternative) -> Sql:
        alias = self.tree.alias("e")
        if self._shared(found):
            return distinct.rids(self.dialect, found, alias)
        return Sql(f"SELECT {alias}.rid AS rid FROM {found.table.name} {alias} WHERE ") + on_table(
            self.dialect, found, alias
        )

    def _unlike(self, node: Match, type_: str) -> Lead | None:
        """For a condition that must not hold: resources with an entry for which one alternative does not, or with no such entry."""
        if node.anyof and node.anyof[0][0].kind is Prose:
            return None
        found = next((each for each in self.tree.alternatives(node, type_) if each.keyed), None)
        if found is None:
            return None
        first = found.table.columns[0]
        value = next(test.value for test in found.tests if test.column == first and test.op is Op.EQ)
        others = [test for test in found.tests if (test.column, test.op) != (first, Op.EQ)]
        stretches = [
            arm
            for op in (Op.LT, Op.GT)
            for arm in arms(self.dialect, Alternative(found.table, found.entry, (Comparison(first, op, value),)))
        ]
        if others:
            stretches.append(Arm(found.table.name, lambda alias: _all_but(self.dialect, found, others, alias)))
        without = self._without(type_, [found.entry])
        rids = union(self.dialect, stretches, self.tree.alias)
        return Lead(rids if without.rids == FALSE else join(" UNION ALL ", [rids, without.rids]), whole=False)

    def _without(self, type_: str, entries: list[int]) -> Lead:
        """The resources that have none of the entries."""
        outlines = self.sets.lacking(type_, entries)
        stretches = tuple(
            Arm(
                "resource",
                lambda alias, outline=outline: Sql(  # type: ignore[misc]
                    f"{alias}.outline = ? AND {alias}.body IS NOT NULL", (outline,)
                ),
                by="resource_outline",
                keyed=True,
            )
            for outline in outlines
        )
        if len(outlines) <= MOST_ARMS:
            return Lead(union(self.dialect, stretches, self.tree.alias), stretches, once=True) if stretches else NEVER
        given = msgspec.json.encode(outlines).decode()
        return Lead(
            Sql(
                f"SELECT rid FROM resource{self.dialect.by('resource_outline')}"
                f" WHERE outline IN ({self.dialect.values('whole')}) AND body IS NOT NULL",
                (given,),
            ),
            once=True,
        )

    def _rows(self, where: Sql, type_: str) -> Lead:
        if where == FALSE:
            return NEVER
        return Lead(
            Sql("SELECT rid FROM resource WHERE type = ? AND body IS NOT NULL AND ", (self.tree.names.of_type(type_),))
            + where,
            once=True,
        )

    def _updated(self, where: Sql, type_: str) -> Lead:
        return Lead(
            Sql(
                f"SELECT v.rid AS rid FROM version v{self.dialect.join}resource w ON w.rid = v.rid AND w.changed = v.sequence"
                " WHERE v.type = ? AND w.body IS NOT NULL AND ",
                (self.tree.names.of_type(type_),),
            )
            + where,
            once=True,
        )

    def _chain(self, node: Chain, type_: str, access: Access) -> Lead:
        outside = self._outside(node, type_, access)
        if number(self.tree.names, type_, node.target) is None:
            return outside
        inside = self.sets.rids_of(type_, [(Local(node.param, node.target, node.where), access)])
        return Lead(_union([rids for rids in (outside.rids, inside) if rids != FALSE]))

    def _outside(self, node: Chain, type_: str, access: Access) -> Lead:
        """For those that refer to a resource of the target type, not to one that they contain."""
        names = self.tree.names
        entry, target_type = names.of_entry(type_, node.param, Reference), names.of_type(node.target)
        targets = self.sets.rids(node.target, node.where, access)
        if entry is None or target_type is None or targets == FALSE:
            return NEVER
        ids = self.sets.ids(targets)
        if ids is not None:
            return self._referring(entry, type_, target_type, ids)
        row, alias, found = self.tree.alias("r"), self.tree.alias("e"), self.tree.alias("t")
        return Lead(
            Sql(f"SELECT {alias}.rid AS rid FROM (")
            + targets
            + Sql(
                f") {found}{self.dialect.join}resource {row} ON {row}.rid = {found}.rid"
                f"{self.dialect.join}reference {alias} ON {alias}.entry = ? AND {self.dialect.same(f'{alias}.id', f'{row}.id')} AND {alias}.type = ?",
                (entry, target_type),
            )
        )

    def _referring(self, entry: int, type_: str, target_type: int, ids: list[str]) -> Lead:
        """The resources that refer to one of a few."""
        stretches = tuple(
            Arm(
                "reference",
                lambda alias, id_=id_: (  # type: ignore[misc]
                    Sql(f"{alias}.entry = ? AND ", (entry,))
                    + self.dialect.equal(f"{alias}.id", id_)
                    + Sql(f" AND {alias}.type = ?", (target_type,))
                ),
                keyed=True,
            )
            for id_ in ids
        )
        if not stretches:
            return NEVER
        return Lead(union(self.dialect, stretches, self.tree.alias), stretches, self.sets.single(type_, [entry]))

    def _has(self, node: Has, type_: str, access: Access) -> Lead:
        names = self.tree.names
        entry, own_type = names.of_entry(node.source, node.param, Reference), names.of_type(type_)
        sources = self.sets.rids(node.source, node.where, access)
        if entry is None or own_type is None or sources == FALSE:
            return NEVER
        source, alias, row, found = (self.tree.alias(letter) for letter in "rejt")
        return Lead(
            Sql(f"SELECT {row}.rid AS rid FROM (")
            + sources
            + Sql(
                f") {found}{self.dialect.join}resource {source} ON {source}.rid = {found}.rid"
                f" CROSS JOIN {self.dialect.rows(f'{source}.entries', alias)}"
                f"{self.dialect.join}resource {row} ON {row}.type = ?"
                f" AND {row}.id = {packed(self.dialect, REFERENCE, 'id', f'{alias}.value')}"
                f" WHERE {packed(self.dialect, REFERENCE, 'type', f'{alias}.value')} = ? AND {row}.body IS NOT NULL",
                (self.dialect.place(entry), own_type, own_type),
            ),
            cost=FETCHED,
            look=self.sets.of_type(names.of_type(node.source) or 0) / max(1.0, 2 * self.sets.of_type(own_type)),
        )

    def _or(self, of: tuple[Node, ...], type_: str, access: Access) -> Lead | None:
        parts: list[Lead] = []
        for each in of:
            lead = self.lead(each, type_, access)
            if lead is None or len(parts) > MOST_PARTS:
                return None
            if lead.rids != FALSE:
                parts.append(lead)
        if not parts:
            return NEVER
        stretches = tuple(arm for lead in parts for arm in lead.arms) if all(lead.arms for lead in parts) else ()
        return Lead(_union([lead.rids for lead in parts]), stretches, whole=all(lead.whole for lead in parts))


def _union(parts: list[Sql]) -> Sql:
    """The rids of all; FALSE where there are none."""
    return join(" UNION ALL ", [Sql("SELECT rid FROM (") + part + ") q" for part in parts]) if parts else FALSE


def _all_but(dialect: Dialect, found: Alternative, others: Sequence[Comparison], alias: str) -> Sql:
    """Rows with the key of the alternative for which its other tests do not all hold."""
    tests = all_of([condition(dialect, f"{alias}.{test.column}", test.op, test.value) for test in others])
    key = found._replace(tests=tuple(test for test in found.tests if test not in others))
    return on_table(dialect, key, alias) + " AND NOT (" + tests + ")"
