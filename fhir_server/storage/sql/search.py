"""Searches and totals on one connection.

http://hl7.org/fhir/R4/http.html#search
"""

from typing import Any, NamedTuple

import msgspec

from fhir_server.model import Version
from fhir_server.search.query import Access, Page, SearchQuery, Total
from fhir_server.storage.sql.contained import asked, matched
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.hits import hits
from fhir_server.storage.sql.page import END, Cursor, Stretch, behind, course, cursor, signature, total, touched
from fhir_server.storage.sql.plan import Plan, Planner
from fhir_server.storage.sql.prose import Ranked
from fhir_server.storage.sql.ranking import ranked
from fhir_server.storage.sql.reads import Reads
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.rows import version_of
from fhir_server.storage.sql.text import FALSE, Sql
from fhir_server.storage.sql.tree import Tree

REMEMBERED = 1000  # statements, of each connection
MOST_ARGUMENTS = 50

Rows = list[tuple[Any, ...]]


class Remembered(NamedTuple):
    """The statement of a search's first page. It is right as long as no name is given beyond `names` (None: always), and as good as
    any while not much is written beyond `newest`.
    """

    statement: Sql
    newest: int
    names: int | None
    whole: bool  # no other statement has more of the search's matches


def search(reads: Reads, access: Access, query: SearchQuery) -> Page:
    """See Reader.search."""
    place = cursor(query.after, query.sort) if query.after is not None else None
    with reads.snapshot():
        query = ranked(reads, query, place.weights if place else "")
        newest = reads.newest()
        position = reads.known(place.position) if place else reads.position(newest)
        same = _same(reads, access, query)
        if same is not None and (rows := _again(reads, query, same, newest)) is not None:
            return _page(reads, access, query, rows, None, position)
        misses = reads.names.misses
        planner = planner_of(reads, newest)
        plans = plans_of(planner, access, query)
        wanted = query.total is not Total.NONE or query.count == 0
        if not plans:
            return Page((), total=0 if wanted else None)
        matches = _total(reads, plans, position) if wanted else None
        if query.count == 0:
            return Page((), total=matches)
        stretches = course(query, plans, place, position)
        rows, statement = follow(reads, stretches, query.count + 1)
        if same is not None and statement is not None and not planner.fleeting and reads.names.misses == misses:
            names = reads.names.newest() if planner.outlined else None
            _remember(reads, same, Remembered(statement, newest, names, len(stretches) == 1))
        found = _page(reads, access, query, rows, place, position)
        missed = 0
        if query.sort and place is not None and found.next is None:
            missed = run(reads, touched(plans, position))[0][0]
    return Page(found.hits, found.next, found.previous, matches, missed, found.last)


def planner_of(reads: Reads, newest: int) -> Planner:
    return Planner(
        Tree(reads.names, reads.dialect), lambda statement: run(reads, statement), newest, reads.memory.amounts
    )


def plans_of(planner: Planner, access: Access, query: SearchQuery) -> list[Plan]:
    """The plans of those types of which something may match."""
    plans = [planner.plan(type_, node, access) for type_, node in query.where.items()]
    return [plan for plan in plans if not plan.empty]


def follow(reads: Reads, stretches: list[Stretch], most: int) -> tuple[Rows, Sql | None]:
    """The first rows that the stretches yield, and the statement if one sufficed."""
    rows: Rows = []
    statement = None
    for number, stretch in enumerate(stretches):
        if len(rows) >= most:
            break
        written = stretch.statement()
        found = tried(reads, written, stretch)
        if found is None:
            assert stretch.instead is not None
            return follow(reads, stretch.instead(), most)
        statement = written if number == 0 else None
        rows += found
    return rows[:most], statement


def tried(reads: Reads, statement: Sql, stretch: Stretch) -> Rows | None:
    """The rows; None where they take more steps than they may, now or when it was last tried."""
    if not stretch.steps or stretch.instead is None:
        return run(reads, statement)
    if statement in reads.memory.amounts:
        return None
    rows = reads.attempt(statement, stretch.steps)
    if rows is None:
        reads.memory.amounts[statement] = (0.0, 0)
    return rows


def _total(reads: Reads, plans: list[Plan], position: Position) -> int:
    """The number of matches; connections that only read remember it until something is written."""
    statement = total(plans, position)
    if not reads.remembers:
        return int(run(reads, statement)[0][0])
    totals, place = reads.memory.totals, (reads.state(), statement)
    known = totals.get(place)
    if known is None:
        if len(totals) >= REMEMBERED:
            totals.clear()
        known = totals[place] = int(run(reads, statement)[0][0])
    return known


def _same(reads: Reads, access: Access, query: SearchQuery) -> object | None:
    """What two first pages have in common that one statement answers; None where the statement may not be kept."""
    plain = query.after is None and query.total is Total.NONE and query.count > 0
    if not (plain and access.everything and not access.where and reads.remembers and len(query.where) == 1):
        return None
    return (*query.where.items(), query.sort, query.count)


def _again(reads: Reads, query: SearchQuery, same: object, newest: int) -> Rows | None:
    """The rows of the first page by the statement that served before; None where it may not serve any more."""
    known = reads.statements.get(same)
    if known is None or newest > known.newest + max(1000, known.newest // 10):
        return None
    if known.names is not None and reads.names.newest() > known.names:
        del reads.statements[same]
        return None
    rows = run(reads, known.statement)
    return rows if known.whole or len(rows) > query.count else None


def _remember(reads: Reads, same: object, found: Remembered) -> None:
    """The statement serves again: no name that may yet come had a part in it."""
    if len(found.statement.args) > MOST_ARGUMENTS:
        return
    if len(reads.statements) >= REMEMBERED:
        del reads.statements[next(iter(reads.statements))]
    reads.statements[same] = found


def after(reads: Reads, access: Access, query: SearchQuery, rid: int) -> tuple[list[Version], int]:
    """The next `query.count` matches in the order of creation behind the resource `rid`, and the last one's rid."""
    with reads.snapshot():
        plans = plans_of(planner_of(reads, reads.newest()), access, query)
        rows = run(reads, behind(plans, rid, query.count)) if plans else []
    text = reads.names.text
    return [version_of(text(row[0]), row[1], row[2:6]) for row in rows], rows[-1][-1] if rows else rid


def run(reads: Reads, statement: Sql) -> Rows:
    rows: Rows = reads.db.execute(statement.text, statement.args).fetchall()
    return rows


def _contained(reads: Reads, access: Access, query: SearchQuery, rows: Rows) -> dict[int, list[str]]:
    """The ids of the contained resources that make the rows matches, by rid."""
    ids: dict[int, list[str]] = {}
    for type_, node in query.where.items():
        if not asked(node):
            continue
        number = reads.names.of_type(type_)
        rids = msgspec.json.encode([row[-1] for row in rows if row[0] == number]).decode()
        given = Sql(reads.dialect.values("whole"), (rids,))
        statement = matched(
            Tree(reads.names, reads.dialect), node, type_, Resource("r.rid", "r", image=True), access, given
        )
        for rid, id_ in run(reads, statement) if statement != FALSE else ():
            ids.setdefault(rid, []).append(id_)
    return ids


def _page(
    reads: Reads, access: Access, query: SearchQuery, rows: Rows, place: Cursor | None, position: Position
) -> Page:
    """The page of these rows, of which there is one too many when the search goes on in its direction."""
    forward = place is None or place.forward
    more = len(rows) > query.count
    rows = rows[: query.count]
    if not forward:
        rows.reverse()
    if not rows:
        return Page(())
    sorts, weights = signature(query.sort), next((rule.weights for rule in query.sort if isinstance(rule, Ranked)), "")
    later = more if forward else place is not None and place.rid != END
    earlier = place is not None if forward else more
    return Page(
        hits(reads, query, rows, _contained(reads, access, query, rows)),
        Cursor(sorts, True, position, rows[-1][6:-1], rows[-1][-1], weights).text() if later else None,
        Cursor(sorts, False, position, rows[0][6:-1], rows[0][-1], weights).text() if earlier else None,
        last=Cursor(sorts, False, position, (None,) * len(query.sort), END, weights).text() if later else None,
    )
