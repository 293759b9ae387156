"""How a search is executed: which condition leads and why, the statements, and what they cost.

https://www.sqlite.org/c3ref/c_stmtstatus_counter.html
"""

from time import perf_counter
from typing import Any

import apsw

from fhir_server.search.query import Access, Executed, Explanation, SearchQuery
from fhir_server.search.spoken import one_line, spoken
from fhir_server.storage.sql.lead import Lead
from fhir_server.storage.sql.plan import Plan
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.search import planner_of, plans_of, search

LONGEST = 4_000  # characters of a statement that are shown
BEGUN, ENDED = apsw.SQLITE_TRACE_STMT, apsw.SQLITE_TRACE_PROFILE


def explain(reads: Reads, access: Access, query: SearchQuery) -> Explanation:
    """See Reader.explain. The search takes place: what it takes is what it cost here and now."""
    executed: list[Executed] = []

    def ended(event: dict[str, Any]) -> None:
        if event["code"] == ENDED and event["sql"].lstrip().startswith("SELECT"):
            steps = event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]
            executed.append(Executed(event["sql"][:LONGEST], steps, event["nanoseconds"] / 1e9))

    with reads.snapshot():
        plans = plans_of(planner_of(reads, reads.newest()), access, query)
        lines = [line for plan in plans for line in _plan(plan)] or ["nothing can match"]
        reads.db.trace_v2(BEGUN | ENDED, ended, id=ended)
        start = perf_counter()
        try:
            page = search(reads, access, query)
        finally:
            seconds = perf_counter() - start
            reads.db.trace_v2(0, None, id=ended)
    return Explanation(
        tuple(spoken(query)),
        tuple(lines),
        tuple(executed),
        sum(each.steps for each in executed),
        len(page.hits),
        page.total,
        seconds,
    )


def _plan(plan: Plan) -> list[str]:
    """The conditions that could lead, with their amounts, and the one that does."""
    lines = [f"{plan.type}: {_lead(plan, plan.lead) if plan.lead else 'visits all of the type'}"]
    if plan.instead is not None:
        lines.append(f"  or, where that leads to no end, gathers {_lead(plan, plan.instead)}")
    return lines + [f"  {_lead(plan, lead)}: about {plan.planner.amount(lead):,.0f}" for lead in plan.leads or []]


def _lead(plan: Plan, lead: Lead) -> str:
    what = one_line(plan.parts[lead.part][0]) if lead.part >= 0 else "part of a condition"
    way = "in order" if lead.keyed else "as a set"
    return f"{what} ({way}{'' if lead.whole else ', and more besides'})"
