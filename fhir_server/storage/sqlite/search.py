"""Searches and totals on one connection.

http://hl7.org/fhir/R4/http.html#search
"""

from typing import Any

import msgspec

from fhir_server.model import Version
from fhir_server.search.query import Access, Page, SearchQuery, Total
from fhir_server.storage.sql.contained import asked, matched
from fhir_server.storage.sql.page import Cursor, behind, cursor, page, signature, total, touched
from fhir_server.storage.sql.plan import Planner
from fhir_server.storage.sql.text import FALSE, Sql
from fhir_server.storage.sql.tree import Resource, Tree
from fhir_server.storage.sqlite.hits import hits
from fhir_server.storage.sqlite.reads import Reads
from fhir_server.storage.sqlite.rows import version_of

REMEMBERED = 1000  # statements, of each connection
MOST_ARGUMENTS = 50


def search(reads: Reads, access: Access, query: SearchQuery) -> Page:
    """See Reader.search."""
    place = cursor(query.after, query.sort) if query.after is not None else None
    with reads.snapshot():
        newest = reads.newest()
        position = place.position if place else newest
        same = _same(reads, access, query)
        if same is not None and (statement := reads.statements.get(same)) is not None:
            return _page(reads, access, query, run(reads, statement), None, position)
        misses = reads.names.misses
        planner = Planner(Tree(reads.names), lambda rids: count(reads, rids), newest, reads.amounts)
        plans = [planner.plan(type_, node, access) for type_, node in query.where.items()]
        plans = [plan for plan in plans if not plan.empty]
        wanted = query.total is not Total.NONE or query.count == 0
        if not plans:
            return Page((), total=0 if wanted else None)
        matches = run(reads, total(plans, position))[0][0] if wanted else None
        if query.count == 0:
            return Page((), total=matches)
        if query.sort and query.sort[0].param == "_lastUpdated":
            for plan in plans:
                plan.visit_by_time(planner)
        statement = page(query, plans, place, position)
        if same is not None and not planner.counted and reads.names.misses == misses:
            _remember(reads, same, statement)
        rows = run(reads, statement)
        found = _page(reads, access, query, rows, place, position)
        missed = 0
        if query.sort and place is not None and found.next is None:
            missed = run(reads, touched(plans, position))[0][0]
    return Page(found.hits, found.next, found.previous, matches, missed)


def _same(reads: Reads, access: Access, query: SearchQuery) -> object | None:
    """What two first pages have in common that one statement answers; None where the statement may not be kept."""
    plain = query.after is None and query.total is Total.NONE and query.count > 0
    if not (plain and access.everything and not access.where and reads.names.lasting and len(query.where) == 1):
        return None
    return (*query.where.items(), query.sort, query.count)


def _remember(reads: Reads, same: object, statement: Sql) -> None:
    """The statement serves again: neither names that may yet come nor counts had a part in it."""
    if len(statement.args) > MOST_ARGUMENTS:
        return
    if len(reads.statements) >= REMEMBERED:
        del reads.statements[next(iter(reads.statements))]
    reads.statements[same] = statement


def after(reads: Reads, access: Access, query: SearchQuery, rid: int) -> tuple[list[Version], int]:
    """The next `query.count` matches in the order of creation behind the resource `rid`, and the last one's rid."""
    with reads.snapshot():
        planner = Planner(Tree(reads.names), lambda rids: count(reads, rids), reads.newest(), reads.amounts)
        plans = [planner.plan(type_, node, access) for type_, node in query.where.items()]
        plans = [plan for plan in plans if not plan.empty]
        rows = run(reads, behind(plans, rid, query.count)) if plans else []
    text = reads.names.text
    return [version_of(text(row[0]), row[1], row[2:6]) for row in rows], rows[-1][-1] if rows else rid


def count(reads: Reads, rids: Sql) -> tuple[int, int | None]:
    """How many rows the statement yields, and the lowest rid among them."""
    row: Any = reads.db.execute(f"SELECT count(*), min(rid) FROM ({rids.text})", rids.args).fetchone()
    return row[0], row[1]


def run(reads: Reads, statement: Sql) -> list[tuple[Any, ...]]:
    return reads.db.execute(statement.text, statement.args).fetchall()


def _contained(reads: Reads, access: Access, query: SearchQuery, rows: list[tuple[Any, ...]]) -> dict[int, list[str]]:
    """The ids of the contained resources that make the rows matches, by rid."""
    ids: dict[int, list[str]] = {}
    for type_, node in query.where.items():
        if not asked(node):
            continue
        number = reads.names.of_type(type_)
        rids = msgspec.json.encode([row[-1] for row in rows if row[0] == number]).decode()
        given = Sql("SELECT value FROM json_each(?)", (rids,))
        statement = matched(Tree(reads.names), node, type_, Resource("r.rid", "r", image=True), access, given)
        for rid, id_ in run(reads, statement) if statement != FALSE else ():
            ids.setdefault(rid, []).append(id_)
    return ids


def _page(
    reads: Reads,
    access: Access,
    query: SearchQuery,
    rows: list[tuple[Any, ...]],
    place: Cursor | None,
    position: int,
) -> Page:
    """The page of these rows, of which there is one too many when the search goes on in its direction."""
    forward = place is None or place.forward
    more = len(rows) > query.count
    rows = rows[: query.count]
    if not forward:
        rows.reverse()
    if not rows:
        return Page(())
    sorts = signature(query.sort)
    later = more if forward else True
    earlier = place is not None if forward else more
    return Page(
        hits(reads, query, rows, _contained(reads, access, query, rows)),
        Cursor(sorts, True, position, rows[-1][6:-1], rows[-1][-1]).text() if later else None,
        Cursor(sorts, False, position, rows[0][6:-1], rows[0][-1]).text() if earlier else None,
    )
