"""Which condition of a search leads, and which are looked up for each resource that it yields.

Conditions are tried in the order of their rarity, told by counts that stop early: a count of 200 rows costs 14 µs, a search that
is led by the wrong one of three tokens sixteen times the right one.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    DateRange,
    Match,
    Node,
    Number,
    Quantity,
    Sort,
)
from fhir_server.storage.sql.arms import Arm
from fhir_server.storage.sql.branch import (
    Branch,
    all_of_type,
    along,
    among,
    by_id,
    by_time,
)
from fhir_server.storage.sql.compare import packed
from fhir_server.storage.sql.layout import NO_COLUMN, SORTED_BY, Table, table_of
from fhir_server.storage.sql.lead import NEVER, Lead, Leads, Part
from fhir_server.storage.sql.sorting import sorting
from fhir_server.storage.sql.text import FALSE, Sql, all_of
from fhir_server.storage.sql.tree import Tree, conjuncts

FEW = 200  # a count up to here is exact and cheap
COUNTED = 5_000  # a count up to here is remembered
MANY_ROWS = 20_000  # sets from here on are gathered only when visiting resources in order leads to no end
MOST_COUNTED = 100_000  # counts of sets go no further
MANY_GATHERED = 500  # sets up to here are gathered whatever share of the type they are
PASSING = 1  # gatherings of the set that passing all may seem to cost to be tried
MANY_SORTED = 2_000  # sets up to here are gathered and sorted, whatever index there is
LOOKED_UP = 4  # resources gathered into a set in the time that it takes to look one up and into it
FEW_TARGETS = 32  # targets of a chain up to here are looked up first
MOST_AMOUNTS = 5_000  # remembered

Run = Callable[[Sql], list[tuple[int, ...]]]
Amounts = dict[Sql, tuple[float, int]]  # about how many rows, and the newest sequence number when they were counted
INTERVALS: tuple[type, ...] = (DateRange, Number, Quantity)


class Plan:
    """How the resources of one type for which a tree holds are found.

    `lead` is the condition to begin with (None: none, all of the type is visited); `instead` the set to gather where visiting
    comes to no end.
    """

    def __init__(self, planner: "Planner", type_: str, parts: list[Part], access: Access) -> None:
        self.planner, self.tree, self.type, self.access = planner, planner.tree, type_, access
        self.parts = planner.merged(type_, parts)
        self.number = self.tree.names.of_type(type_)
        self.leads = [] if self.number is None else self._leads()
        self.lead, self.instead = planner.choose(self.leads or [])
        self.empty = self.number is None or self.leads is None or self.lead is NEVER
        if not self.empty:
            self.empty = self._rest(self.scan(), None) == FALSE

    def also(self, node: Node) -> "Plan":
        """The plan for those of its resources for which one more condition holds."""
        return Plan(self.planner, self.type, [*self.parts, (node, UNRESTRICTED)], self.access)

    # ---- ways

    def scan(self) -> Branch:
        """All resources of the type, by their creation."""
        assert self.number is not None
        return self._filtered(all_of_type(self.tree, self.type, self.number), None)

    def gather(self, order: str = "") -> Branch:
        """All of them. With `order`, in that of their creation (DESC or ASC) where the lead alone does not tell which they are."""
        lead = self.instead or self.lead
        if lead is None:
            return self.scan()
        if order and (len(self.parts) > 1 or not lead.whole):
            branch = among(self.tree, self.type, lead.rids, once=lead.once, order=order)
        elif len(lead.arms) == 1:
            branch = along(self.tree, self.type, lead.arms[0], once=lead.once)
        else:
            branch = among(self.tree, self.type, lead.rids, once=lead.once)
        branch.where = self._rest(branch, lead, self.sets(lead))
        return branch

    def sets(self, lead: Lead) -> dict[int, Lead]:
        """The other conditions, by part, that are sooner gathered as sets than looked up in every resource that the lead yields."""
        least = self.planner.amount(lead)
        if least < MANY_SORTED:
            return {}
        return {
            other.part: other
            for other in self.leads or []
            if other.part not in (-1, lead.part)
            and other.whole
            and not other.keyed
            and self.planner.amount(other) < min(MOST_COUNTED, LOOKED_UP * least)
        }

    def stream(self, order: str = "", *, passing: bool = False) -> list[Branch]:
        """Branches that each yield resources in the order of creation, or few of them; some may be in two.

        `passing`: the set that leads is not gathered; see worth_passing.
        """
        lead = self._in_order() if passing else self.lead
        if lead is None:
            return [self.scan()]
        if lead.keyed and (passing or len(lead.arms) == 1 or self.planner.amount(lead) >= FEW):
            return [self._along(arm, lead) for arm in lead.arms]
        return [self.gather(order)]

    def worth_passing(self, count: int) -> bool:
        """Whether a page is sooner full by passing all that come in order, than by gathering the set that leads: where so many
        of them are in the set that few need be looked at.
        """
        lead = self.lead
        if lead is None or lead.keyed or self.planner.amount(lead) < MANY_GATHERED:
            return False
        way = self._in_order()
        passed = self.planner.of_type(self.number or 0) if way is None else self.planner.amount(way)
        return (count + 1) * passed * lead.look < PASSING * lead.cost * self.planner.amount(lead) ** 2

    def _in_order(self) -> Lead | None:
        """The rarest condition that yields resources in order; None: all of the type are."""
        return min((lead for lead in self.leads or [] if lead.keyed), key=self.planner.amount, default=None)

    @property
    def amount(self) -> float:
        """About how many resources there are at most; infinite where no condition tells."""
        lead = self.instead or self.lead
        return float("inf") if lead is None else self.planner.amount(lead)

    @property
    def cost(self) -> float:
        """What it takes to gather one of them, in rows of an index."""
        lead = self.instead or self.lead
        return 1 if lead is None else lead.cost

    def worth_visiting(self, sort: Sort, count: int) -> bool:
        """Whether a page is sooner full by visiting resources in the order of an index than by sorting all matches."""
        amount = self.amount
        if amount <= MANY_SORTED or (
            amount < float("inf") and count * self.planner.of_type(self.number or 0) > amount**2
        ):
            return False
        return self.visit(sort) is not None

    def visit(self, sort: Sort) -> Branch | None:
        """Resources in the order of an index: those that have an entry to be sorted by. None where no index has that order."""
        if sort.chain or sort.origin is not None or self.number is None:
            return None
        if sort.param == "_id":
            return self._filtered(by_id(self.tree, self.type, self.number), None)
        if sort.param == "_lastUpdated":
            return self._filtered(by_time(self.tree, self.type, self.number), None)
        return self._visit_entries(sort)

    def only(self, branch: Branch) -> Branch:
        """The branch, cut down to those for which the tree holds."""
        return self._filtered(branch, None)

    def sorted_by(self, sort: Sort) -> tuple[Table, int, str] | None:
        """The table, entry number and column of a rule; None where no resource has such an entry."""
        entry = self.tree.names.of_entry(self.type, sort.param, sort.kind) if sort.kind else None
        if entry is None or sort.kind is None:
            return None
        return table_of(sort.kind, sort.param), entry, SORTED_BY.get(sort.kind, NO_COLUMN)[sort.descending]

    def _visit_entries(self, sort: Sort) -> Branch | None:
        place = self.sorted_by(sort)
        if place is None or place[2] != place[0].columns[0]:
            return None
        table, entry, column = place
        branch = Branch(
            self.tree,
            self.type,
            lambda self: Sql(
                f" FROM {table.name} {self.alias}{self.joined()} WHERE {self.alias}.entry = ? AND ", (entry,)
            ),
        )
        self._filtered(branch, None)
        if not self.planner.single(self.type, [entry]):
            branch.distinct = True
            choose, alias, dialect = "max" if sort.descending else "min", self.tree.alias("x"), self.tree.dialect
            element = f"{alias}.value"
            first = Sql(
                f"{branch.alias}.{column} = (SELECT {choose}({packed(dialect, table, column, element)})"
                f" FROM {dialect.rows(branch.resource.column('entries'), alias)} WHERE {sorting(dialect, sort.kind, element)})",
                (dialect.place(entry),),
            )
            branch.where = all_of([branch.where, first])
        return branch

    def _along(self, arm: Arm, lead: Lead) -> Branch:
        return self._filtered(along(self.tree, self.type, arm, once=lead.once), lead)

    def _filtered(self, branch: Branch, lead: Lead | None) -> Branch:
        branch.where = self._rest(branch, lead)
        return branch

    def _leads(self) -> list[Lead] | None:
        """What could lead; None where a condition holds for nothing."""
        leads: list[Lead] = []
        for index, (node, access) in enumerate(self.parts):
            wider = self.planner.leads.wider(node, self.type)
            if wider is not None:
                if any(lead.rids == FALSE for lead in wider):
                    return None
                leads += wider
                continue
            lead = self.planner.leads.lead(node, self.type, access)
            if lead is None:
                continue
            if lead.rids == FALSE:
                return None
            leads.append(replace(lead, part=index))
        return leads

    def _rest(self, branch: Branch, lead: Lead | None, sets: dict[int, Lead] | None = None) -> Sql:
        """All conditions but the leading one; those of `sets` without a look at the resource."""
        led, sets = lead.part if lead is not None and lead.whole else -1, sets or {}
        return all_of(
            [
                Sql(f"{branch.resource.rid} IN (") + sets[index].rids + ")"
                if index in sets
                else self.tree.holds(node, self.type, branch.resource, access)
                for index, (node, access) in enumerate(self.parts)
                if index != led
            ]
        )


class Planner:
    """Plans for one search; `run` answers statements of whole numbers.

    `counted`: something was counted for them, so that another plan may be better tomorrow. `fleeting`: they are right for what
    is there now alone. `outlined`: they are right as long as no resource has an outline that is new.
    """

    def __init__(self, tree: Tree, run: Run, newest: int, amounts: Amounts | None = None) -> None:
        """`amounts` are kept from one search to the next: large ones alone, which decide about speed and nothing else."""
        self.tree = tree
        self.leads = Leads(tree, self)
        self.newest = newest
        self.counted = self.fleeting = self.outlined = False
        self._amounts = {} if amounts is None else amounts
        self._run = run

    def plan(self, type_: str, node: Node, access: Access) -> Plan:
        """The plan for the resources that `node` holds for and `access` shows."""
        policy = [(part, UNRESTRICTED) for part in conjuncts(access.of(type_))]
        return Plan(self, type_, policy + [(part, access) for part in conjuncts(node)], access)

    # ---- what leads need to know

    def rids(self, type_: str, node: Node, access: Access) -> Sql:
        """See Sets."""
        return _rids(self.plan(type_, node, access))

    def rids_of(self, type_: str, parts: list[Part]) -> Sql:
        """See Sets."""
        return _rids(Plan(self, type_, parts, UNRESTRICTED))

    def ids(self, rids: Sql) -> list[str] | None:
        """See Sets."""
        self.fleeting = True
        found = self._run(
            Sql("SELECT r.id FROM (")
            + rids
            + Sql(f") f{self.tree.dialect.join}resource r ON r.rid = f.rid LIMIT ?", (FEW_TARGETS + 1,))
        )
        return None if len(found) > FEW_TARGETS else sorted({str(id_) for (id_,) in found})

    def count(self, rows: Sql) -> int:
        """See Sets."""
        self.counted = True
        return self._run(Sql("SELECT count(*) FROM (") + rows + ") q")[0][0]

    def single(self, type_: str, entries: Iterable[int]) -> bool:
        """See Sets."""
        self.outlined = True
        outlines = self.tree.names.outlines(type_)
        known = frozenset[int]().union(*(outline.entries for outline in outlines))
        return known.issuperset(entries) and not any(outline.several.intersection(entries) for outline in outlines)

    def lacking(self, type_: str, entries: Iterable[int]) -> list[int]:
        """See Sets."""
        self.outlined = True
        return [outline.number for outline in self.tree.names.outlines(type_) if outline.entries.isdisjoint(entries)]

    def merged(self, type_: str, parts: list[Part]) -> list[Part]:
        """The parts, two comparisons of an interval that no resource has twice as one."""
        merged: list[Part] = []
        places: dict[tuple[str, type], int] = {}
        for node, access in parts:
            key = self._interval(type_, node)
            if key is not None and key in places:
                other = merged[places[key]][0]
                assert isinstance(other, Match)
                assert isinstance(node, Match)
                anyof = tuple(one + two for one in other.anyof for two in node.anyof)
                merged[places[key]] = (Match(node.param, anyof), access)
                continue
            if key is not None:
                places[key] = len(merged)
            merged.append((node, access))
        return merged

    def _interval(self, type_: str, node: Node) -> tuple[str, type] | None:
        if not isinstance(node, Match) or len(node.anyof) > 2:
            return None
        kind = node.anyof[0][0].kind if node.anyof and node.anyof[0] else None
        compares = [compare for tests in node.anyof for compare in tests]
        if kind not in INTERVALS or any(each.kind is not kind or isinstance(each.value, str) for each in compares):
            return None
        entry = self.tree.names.of_entry(type_, node.param, kind)
        return (node.param, kind) if entry is not None and self.single(type_, [entry]) else None

    # ---- which one leads

    def choose(self, leads: list[Lead]) -> tuple[Lead | None, Lead | None]:
        """The rarest lead; where that is a large set, what is in order, if anything is, and the set to gather instead."""
        if len(leads) == 1 and leads[0].keyed and len(leads[0].arms) == 1:
            return leads[0], None
        best, fewest = None, float("inf")
        for lead in leads:
            amount = self.amount(lead)
            if amount == 0:
                self.fleeting = True
                return NEVER, None
            if amount < fewest:
                best, fewest = lead, amount
        if best is None or best.keyed or fewest < MANY_ROWS:
            return best, None
        return min((lead for lead in leads if lead.keyed), key=self.amount, default=None), best

    def amount(self, lead: Lead) -> float:
        """About how many resources it yields: exact up to FEW; beyond, judged by how far apart the newest ones are."""
        known = self._known(lead.rids)
        if known is not None:
            return known
        self.counted = True
        found, _ = self._count(lead, FEW)
        if found < FEW:
            return found
        one = len(lead.arms) == 1 and lead.arms[0].keyed
        most = COUNTED if one else MOST_COUNTED
        found, lowest = self._count(lead, most)
        if found == most and one:
            return self._keep(lead.rids, max(most, most * self.newest / max(1, self.newest - lowest)))
        return self._keep(lead.rids, found)

    def of_type(self, number: int) -> float:
        """About how many resources of the type there are."""
        arm = Arm(
            "resource",
            lambda alias: Sql(f"{alias}.type = ? AND {alias}.body IS NOT NULL", (number,)),
            by="resource_type",
            keyed=True,
        )
        return self.amount(Lead(arm.rids(self.tree.dialect, "e"), (arm,)))

    def _count(self, lead: Lead, most: int) -> tuple[int, int]:
        """How many rows there are up to `most`, and the lowest rid of these where they come in its order."""
        order = " ORDER BY rid DESC" if len(lead.arms) == 1 and lead.arms[0].keyed else ""
        rows = self._run(
            Sql("SELECT count(*), coalesce(min(rid), 0) FROM (") + lead.rids + Sql(f"{order} LIMIT ?) q", (most,))
        )
        return rows[0][0], rows[0][1]

    def _known(self, rids: Sql) -> float | None:
        """An amount found earlier, unless much has been written since."""
        amount, newest = self._amounts.get(rids, (None, 0))
        if amount is None or self.newest > newest + max(1000, newest // 10):
            return None
        self.counted = True
        return amount

    def _keep(self, rids: Sql, amount: float) -> float:
        if len(self._amounts) >= MOST_AMOUNTS:
            self._amounts.clear()
        self._amounts[rids] = (amount, self.newest)
        return amount


def _rids(plan: Plan) -> Sql:
    if plan.empty:
        return FALSE
    branch = plan.gather()
    return branch.statement(Sql(f"{branch.resource.rid} AS rid"))
