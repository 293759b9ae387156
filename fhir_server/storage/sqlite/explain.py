"""How a search is executed: which condition leads and why, the statements, and what they cost.

https://www.sqlite.org/c3ref/c_stmtstatus_counter.html
"""

from time import perf_counter
from typing import Any

import apsw

from fhir_server.search.query import Access, Executed, Explanation, SearchQuery
from fhir_server.search.spoken import spoken
from fhir_server.storage.sql.explain import LONGEST, planned
from fhir_server.storage.sql.search import planner_of, plans_of, search
from fhir_server.storage.sqlite.reads import Reads

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
        lines = planned(plans)
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
