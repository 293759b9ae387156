"""One page of a search: the order, the place where an earlier page ended, and what may be on it.

http://hl7.org/fhir/R4/http.html#paging, http://hl7.org/fhir/R4/search.html#sort

A page continues behind the last resource of the page before it, told by the whole sort tuple (keyset paging). Nothing is kept on
the server: links survive a restart and cost the same on page one and page one thousand.
"""

import base64
import binascii
from dataclasses import dataclass

import msgspec

from fhir_server.outcome import BadRequest
from fhir_server.search.query import SearchQuery, Sort
from fhir_server.storage.sql.layout import PROFILE, SORTED_BY, path, table_of
from fhir_server.storage.sql.near import distance
from fhir_server.storage.sql.plan import Plan
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of, any_of, join

Key = str | int | float | None

_ALWAYS = ("_id", "_lastUpdated")  # every resource has them


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place between two resources of a search. `position`: the newest sequence number when page one was made."""

    sorts: str
    forward: bool
    position: int
    keys: tuple[Key, ...]
    rid: int

    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).rstrip(b"=").decode()


def cursor(after: str, sort: tuple[Sort, ...]) -> Cursor:
    """The cursor that `after` holds. Raises BadRequest where it is none, or belongs to another order."""
    try:
        raw = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadRequest("This page link is not one that this server made.", expression="http.after") from error
    numbers = (found.position, found.rid, *(key for key in found.keys if isinstance(key, int)))
    if found.sorts != signature(sort) or len(found.keys) != len(sort) or any(abs(each) >= 2**63 for each in numbers):
        raise BadRequest("This page link belongs to another search.", expression="http.after")
    return found


def signature(sort: tuple[Sort, ...]) -> str:
    """Tells orders apart."""
    return ",".join(
        f"{'-' if each.descending else ''}{each.param} {each.kind.__name__ if each.kind else ''}{each.origin or ''}"
        for each in sort
    )


@dataclass(frozen=True, slots=True)
class Order:
    """The sort tuple of a query, forwards or backwards."""

    sort: tuple[Sort, ...]
    forward: bool

    def columns(self, plan: Plan) -> Sql:
        """The sort tuple of the plan's resource: k0, k1 …, rid."""
        keys = [self._key(each, plan) + f" AS k{index}" for index, each in enumerate(self.sort)]
        return join(", ", [*keys, Sql(f"{plan.resource.rid} AS rid")])

    def terms(self) -> str:
        terms = []
        for index, each in enumerate(self.sort):
            down = each.descending is self.forward
            if each.param not in _ALWAYS:
                terms.append(f"k{index} IS NULL{'' if self.forward else ' DESC'}")
            terms.append(f"k{index}{' DESC' if down else ''}")
        return ", ".join([*terms, "rid DESC" if self.forward else "rid"])

    def beyond(self, place: Cursor) -> Sql:
        """The condition on a sort tuple that it comes behind the place (before it, when going backwards)."""
        condition = Sql(f"rid {'<' if self.forward else '>'} ?", (place.rid,))
        for index in reversed(range(len(self.sort))):
            column, key = f"k{index}", place.keys[index]
            if key is None:
                further = FALSE if self.forward else Sql(f"{column} IS NOT NULL")
                same = Sql(f"{column} IS NULL")
            else:
                sign = "<" if self.sort[index].descending is self.forward else ">"
                further = Sql(f"({column} {sign} ?{f' OR {column} IS NULL' if self.forward else ''})", (key,))
                same = Sql(f"{column} = ?", (key,))
            condition = any_of([further, all_of([same, condition])])
        return condition

    def from_time(self, plan: Plan, place: Cursor | None) -> Sql:
        """Where the plan visits by time: the condition that begins at the place, so that nothing before it is visited."""
        if place is None or not plan.by_time:
            return TRUE
        return Sql(f"{plan.updated} {'<=' if self.sort[0].descending is self.forward else '>='} ?", (place.keys[0],))

    def _key(self, sort: Sort, plan: Plan) -> Sql:
        if sort.chain:
            raise BadRequest("Sorting by what a reference leads to is not possible here yet", code="not-supported")
        if sort.param == "_id":
            return Sql(plan.resource.column("id"))
        if sort.param == "_lastUpdated":
            return Sql(plan.updated)
        entry = plan.tree.names.of_entry(plan.type, sort.param, sort.kind) if sort.kind else None
        if entry is None or sort.kind is None:
            return Sql("NULL")
        choose, alias = "max" if sort.descending else "min", plan.tree.alias("s")
        rows = Sql(f" FROM json_each({plan.resource.column('entries')}, ?) {alias}", (path(entry),))
        if sort.origin is not None:
            far = distance(f"{alias}.value", sort.origin)
            return Sql(f"(SELECT {choose}({far.text})", far.args) + rows + ")"
        column, table = SORTED_BY[sort.kind][sort.descending], table_of(sort.kind, sort.param)
        if table is PROFILE:
            uri = "substr(text, 1, instr(text, char(10)) - 1)"
            return Sql(f"(SELECT {choose}({uri})") + rows + f" CROSS JOIN name ON number = {alias}.value ->> 0)"
        return Sql(f"(SELECT {choose}({alias}.value ->> {table.columns.index(column)})") + rows + ")"


def page(query: SearchQuery, plans: list[Plan], place: Cursor | None, position: int) -> Sql:
    """The statement of the page's rows and one more, if there is one: type, id, version, updated, method, body, keys …, rid."""
    order = Order(query.sort, place is None or place.forward)
    names = ", ".join([*(f"k{index}" for index in range(len(query.sort))), "rid"])
    end = Sql(f" ORDER BY {order.terms()} LIMIT ?", (query.count + 1,))
    parts = []
    for plan in plans:
        columns = order.columns(plan)
        if not query.sort:
            where = _created(plan, place, position, forward=order.forward)
            parts.append(plan.statement(columns, where, end))
            continue
        where = all_of([_unchanged(plan, place, position), order.from_time(plan, place)])
        inner = plan.statement(columns, where)
        where = order.beyond(place) if place else TRUE
        parts.append(Sql(f"SELECT {names} FROM (") + inner + ") WHERE " + where + end)
    return _with_bodies(parts, names, end, order.terms().replace("rid", "m.rid"))


def behind(plans: list[Plan], rid: int, count: int) -> Sql:
    """The statement of the first `count` matches created after the resource `rid`, oldest first; columns as of `page`."""
    end = Sql(" ORDER BY rid LIMIT ?", (count,))
    parts = [
        plan.statement(Sql(f"{plan.resource.rid} AS rid"), Sql(f"{plan.resource.rid} > ?", (rid,)), end)
        for plan in plans
    ]
    return _with_bodies(parts, "rid", end, "m.rid")


def _with_bodies(parts: list[Sql], names: str, end: Sql, terms: str) -> Sql:
    """The rows of all parts together, with the resources; the bodies are fetched for those alone that are on the page."""
    rows = parts[0]
    if len(parts) > 1:
        union = join(" UNION ALL ", [Sql(f"SELECT {names} FROM (") + part + ")" for part in parts])
        rows = Sql("SELECT * FROM (") + union + ")" + end
    return (
        Sql("SELECT r.type, r.id, r.version, r.updated, r.method, r.body, m.* FROM (")
        + rows
        + f") m CROSS JOIN resource r ON r.rid = m.rid ORDER BY {terms}"
    )


def _unchanged(plan: Plan, place: Cursor | None, position: int) -> Sql:
    """The condition for sorts: what was changed after page one may stand elsewhere now, and is left out."""
    return TRUE if place is None else Sql(f"{plan.resource.column('changed')} <= ?", (position,))


def _created(plan: Plan, place: Cursor | None, position: int, *, forward: bool) -> Sql:
    """The condition on rid for the default order. What was created after page one never shows."""
    if place is None:
        return TRUE
    if forward:
        return Sql(f"{plan.resource.rid} < ?", (place.rid,))
    return Sql(f"({plan.resource.rid} > ? AND {plan.resource.rid} <= ?)", (place.rid, position))


def total(plans: list[Plan], position: int) -> Sql:
    """The statement of the number of matches that were created up to the position."""
    parts = [
        plan.statement(Sql(f"{plan.resource.rid} AS rid"), Sql(f"{plan.resource.rid} <= ?", (position,)))
        for plan in plans
    ]
    return (
        Sql("SELECT count(*) FROM (")
        + join(" UNION ALL ", [Sql("SELECT rid FROM (") + part + ")" for part in parts])
        + ")"
    )


def touched(plans: list[Plan], position: int) -> Sql:
    """The statement of the number of matches that existed at the position and were changed since."""
    parts = []
    for plan in plans:
        resource = plan.resource
        parts.append(
            plan.statement(
                Sql(f"{resource.rid} AS rid"),
                Sql(
                    f"{resource.rid} IN (SELECT rid FROM version WHERE sequence > ?) AND {resource.rid} <= ?",
                    (position, position),
                ),
            )
        )
    return (
        Sql("SELECT count(*) FROM (")
        + join(" UNION ALL ", [Sql("SELECT rid FROM (") + part + ")" for part in parts])
        + ")"
    )
