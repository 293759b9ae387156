"""How a search is executed: which condition leads and why, the statements, and what they cost.

https://www.postgresql.org/docs/current/sql-explain.html
"""

import json
from time import perf_counter
from typing import Any

from fhir_server.search.query import Access, Executed, Explanation, SearchQuery
from fhir_server.search.spoken import spoken
from fhir_server.storage.postgres.connection import Connection, Rows
from fhir_server.storage.postgres.reads import Reads
from fhir_server.storage.sql.explain import LONGEST, planned
from fhir_server.storage.sql.search import planner_of, plans_of, search


class _Observed(Connection):
    """A connection that notes each statement: its steps are the pages of 8 kB that it touched, and one for itself."""

    def __init__(self, observed: Connection, limit: float) -> None:
        super().__init__(observed.raw, limit)
        self.begin = observed.begin
        self.executed: list[Executed] = []

    def execute(self, statements: str, bindings: Any = (), /) -> Rows:
        start = perf_counter()
        rows = super().execute(statements, bindings)
        seconds = perf_counter() - start
        (plan,) = json.loads(super().execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statements}", bindings).get)
        pages = sum(plan["Plan"][f"Shared {kind} Blocks"] for kind in ("Hit", "Read"))
        self.executed.append(Executed(statements[:LONGEST], 1 + pages, seconds))
        return rows


def explain(reads: Reads, access: Access, query: SearchQuery) -> Explanation:
    """See Reader.explain. Each statement runs twice: what the second time costs is what is told of it."""
    with reads.snapshot():
        plans = plans_of(planner_of(reads, reads.newest()), access, query)
        lines = planned(plans)
        plain, observed = reads.db, _Observed(reads.db, reads.db.limit)
        reads.db = observed
        start = perf_counter()
        try:
            page = search(reads, access, query)
        finally:
            seconds = perf_counter() - start
            reads.db = plain
    return Explanation(
        tuple(spoken(query)),
        tuple(lines),
        tuple(observed.executed),
        sum(each.steps for each in observed.executed),
        len(page.hits),
        page.total,
        seconds,
    )
