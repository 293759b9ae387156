"""Which condition of a search leads, and which are looked up for each resource that it yields.

Conditions are tried in the order of their rarity, told by counts that stop early: a count of 200 rows costs 14 µs, a search that
is led by the wrong one of three tokens sixteen times the right one.
"""

from collections.abc import Callable

from fhir_server.search.query import UNRESTRICTED, Access, Node
from fhir_server.storage.sql.compare import on_table
from fhir_server.storage.sql.lead import Lead, Leads, Part
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of
from fhir_server.storage.sql.tree import Resource, Tree, conjuncts

FEW = 200  # a count up to here is exact and cheap
MANY_ROWS = 10_000  # sets up to here are gathered and sorted; beyond, resources are visited one by one

MOST_AMOUNTS = 5_000  # remembered
MANY_SORTED = 2_000  # beyond, a sort that an index gives is worth visiting what does not match

NOTHING_MORE = Sql("")

Count = Callable[[Sql], tuple[int, int | None]]
Amounts = dict[Sql, tuple[float, int]]  # about how many rows, and the newest sequence number when they were counted


class Plan:
    """How the resources of one type for which a tree holds are found: `FROM … WHERE …` round a Resource."""

    def __init__(self, planner: "Planner", type_: str, parts: list[Part]) -> None:
        self.tree, self.type = planner.tree, type_
        self.parts = parts
        self.alias = self.tree.alias("d")
        self.resource = Resource(f"{self.alias}.rid", self.tree.alias("r"))
        number = self.tree.names.of_type(type_)
        leads = [] if number is None else self._leads(planner)
        self.empty = number is None or leads is None
        self.lead = planner.choose(leads) if leads else None
        if self.lead is None:
            self.resource.rid, self.resource.used = f"{self.resource.row}.rid", True
        elif self.lead.rids == FALSE:
            self.empty = True
        self.where = FALSE if self.empty else self._rest()
        self.empty = self.where == FALSE
        self.number = number
        self.by_time = False

    def visit_by_time(self, planner: "Planner") -> None:
        """Where many would have to be sorted by lastUpdated: visits all of the type in that order instead."""
        if self.lead is not None and (self.lead.keyed is None or planner.amount(self.lead) < MANY_SORTED):
            return
        self.lead, self.by_time = None, True
        self.resource.rid, self.resource.used = f"{self.resource.row}.rid", True
        self.where = self._rest()

    @property
    def updated(self) -> str:
        """The expression for the time of the resource's current version."""
        return f"{self.alias}.updated" if self.by_time else self.resource.column("updated")

    def statement(self, columns: Sql, more: Sql = TRUE, end: Sql = NOTHING_MORE) -> Sql:
        """The SELECT of `columns` (of this plan's Resource) under one more condition; `end` is ORDER BY and LIMIT."""
        where = all_of([self.where, more])
        distinct = "DISTINCT " if self.lead and self.lead.keyed and not self.lead.keyed.narrow else ""
        return Sql(f"SELECT {distinct}") + columns + self._from(where) + end

    def _from(self, where: Sql) -> Sql:
        row = self.resource.row
        if self.by_time:
            head = Sql(
                f" FROM version {self.alias} CROSS JOIN resource {row} ON {row}.rid = {self.alias}.rid"
                f" AND {row}.changed = {self.alias}.sequence WHERE {self.alias}.type = ? AND {row}.body IS NOT NULL AND ",
                (self.number,),
            )
            return head + where
        if self.lead is None:
            head = Sql(
                f" FROM resource {row} INDEXED BY resource_type WHERE {row}.type = ? AND {row}.body IS NOT NULL AND ",
                (self.number,),
            )
            return head + where
        joined = f" CROSS JOIN resource {row} ON {row}.rid = {self.alias}.rid" if self.resource.used else ""
        if self.lead.keyed:
            own = on_table(self.lead.keyed, self.alias)
            return Sql(f" FROM {self.lead.keyed.table.name} {self.alias}{joined} WHERE ") + own + " AND " + where
        return Sql(" FROM (SELECT DISTINCT rid FROM (") + self.lead.rids + f")) {self.alias}{joined} WHERE " + where

    def _leads(self, planner: "Planner") -> list[Lead] | None:
        """What could lead; None where a condition holds for nothing."""
        leads: list[Lead] = []
        for index, (node, access) in enumerate(self.parts):
            wider = planner.leads.wider(node, self.type)
            if wider is not None:
                if any(lead.rids == FALSE for lead in wider):
                    return None
                leads += wider
                continue
            lead = planner.leads.lead(node, self.type, access)
            if lead is None:
                continue
            if lead.rids == FALSE:
                return None
            leads.append(Lead(lead.rids, lead.keyed, index if lead.exact else -1))
        return leads

    def _rest(self) -> Sql:
        """All conditions but the leading one."""
        led = self.lead.part if self.lead else -1
        return all_of(
            [
                self.tree.holds(node, self.type, self.resource, access)
                for index, (node, access) in enumerate(self.parts)
                if index != led
            ]
        )


class Planner:
    """Plans for one statement; `count` tells how many rows a statement of rids yields (up to a limit) and the lowest rid.

    `counted`: something was counted for them, so that they may be others tomorrow.
    """

    def __init__(self, tree: Tree, count: Count, newest: int, amounts: Amounts | None = None) -> None:
        """`amounts` are kept from one statement to the next: large ones alone, which decide about speed and nothing else."""
        self.tree = tree
        self.leads = Leads(tree, self)
        self._amounts = {} if amounts is None else amounts
        self.newest = newest
        self.counted = False
        self._count = count

    def count(self, rids: Sql) -> tuple[int, int | None]:
        """How many rows there are now: from here on the plan hangs on the data."""
        self.counted = True
        return self._count(rids)

    def plan(self, type_: str, node: Node, access: Access) -> Plan:
        """The plan for the resources that `node` holds for and `access` shows."""
        policy = [(part, UNRESTRICTED) for part in conjuncts(access.of(type_))]
        return Plan(self, type_, policy + [(part, access) for part in conjuncts(node)])

    def rids(self, type_: str, node: Node, access: Access) -> Sql:
        """See Sets."""
        return _rids(self.plan(type_, node, access))

    def rids_of(self, type_: str, parts: list[Part]) -> Sql:
        """See Sets."""
        return _rids(Plan(self, type_, parts))

    def choose(self, leads: list[Lead]) -> Lead | None:
        """The rarest lead; None where visiting all resources of the type is better."""
        if len(leads) == 1 and leads[0].keyed:
            return leads[0]
        best, fewest = None, float("inf")
        for lead in leads:
            amount = self.amount(lead)
            if amount == 0:
                return Lead(FALSE)
            if amount < fewest:
                best, fewest = lead, amount
        if best is None or best.keyed or fewest < FEW:
            return best
        if not self._too_many(best):
            return best
        return min((lead for lead in leads if lead.keyed), key=self.amount, default=None)

    def amount(self, lead: Lead) -> float:
        """About how many resources it yields: exact up to FEW; beyond, judged by how far apart the newest ones are."""
        known = self._known(lead.rids)
        if known is not None:
            return known
        order = " ORDER BY rid DESC" if lead.keyed else ""
        found, lowest = self.count(lead.rids + Sql(f"{order} LIMIT ?", (FEW,)))
        if found < FEW:
            return found
        if not lead.keyed or lowest is None:
            return self._keep(lead.rids, MANY_ROWS)
        return self._keep(lead.rids, max(FEW, FEW * self.newest / max(1, self.newest - lowest)))

    def _too_many(self, lead: Lead) -> bool:
        """Whether there are more than should be gathered and sorted."""
        rids = lead.rids + Sql(" LIMIT ?", (MANY_ROWS,))
        if self._known(rids) is not None:
            return True
        found, _ = self.count(rids)
        return found == MANY_ROWS and bool(self._keep(rids, MANY_ROWS))

    def _known(self, rids: Sql) -> float | None:
        """An amount found earlier, unless much has been written since."""
        amount, newest = self._amounts.get(rids, (None, 0))
        if amount is None or self.newest > newest + max(1000, newest // 10):
            return None
        self.counted = True
        return amount

    def _keep(self, rids: Sql, amount: float) -> float:
        if len(self._amounts) >= MOST_AMOUNTS:
            del self._amounts[next(iter(self._amounts))]
        self._amounts[rids] = (amount, self.newest)
        return amount


def _rids(plan: Plan) -> Sql:
    return FALSE if plan.empty else plan.statement(Sql(f"{plan.resource.rid} AS rid"))
