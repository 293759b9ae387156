"""One page of a search: the order, the place where an earlier page ended, and what may be on it.

http://hl7.org/fhir/R4/http.html#paging, http://hl7.org/fhir/R4/search.html#sort

A page continues behind the last resource of the page before it, told by the whole sort tuple (keyset paging). Nothing is kept on
the server: links survive a restart and cost the same on page one and page one thousand.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from fhir_server.outcome import BadRequest
from fhir_server.search.query import Missing, SearchQuery, Sort
from fhir_server.storage.sql.branch import Branch, changed_since
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.keys import key
from fhir_server.storage.sql.plan import Plan
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of, any_of, join

GATHERED, SORTED = (
    12,
    40,
)  # instructions of the virtual machine that it takes to gather a resource, and to sort it as well

Key = str | int | float | None

END = -1
_ALWAYS = ("_id", "_lastUpdated")  # every resource has them


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place between two resources of a search. `position`: the state of the database when page one was made. `rid` END: the
    place behind all of them. `weights`: those of Ranked.
    """

    sorts: str
    forward: bool
    position: Position
    keys: tuple[Key, ...]
    rid: int
    weights: str = ""

    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).rstrip(b"=").decode()


def cursor(after: str, sort: tuple[Sort, ...]) -> Cursor:
    """The cursor that `after` holds. Raises BadRequest where it is none, or belongs to another order."""
    try:
        raw = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadRequest("This page link is not one that this server made.", expression="http.after") from error
    numbers = [each for each in (found.position, found.rid, *found.keys) if isinstance(each, int)]
    if found.sorts != signature(sort) or len(found.keys) != len(sort) or any(abs(each) >= 2**63 for each in numbers):
        raise BadRequest("This page link belongs to another search.", expression="http.after")
    return found


def signature(sort: tuple[Sort, ...]) -> str:
    """Tells orders apart."""
    return ",".join(
        f"{'-' if each.descending else ''}{each.param} {each.kind.__name__ if each.kind else ''}{each.origin or ''}"
        + "".join(f" {param}:{target}" for param, target in each.chain)
        for each in sort
    )


@dataclass(frozen=True, slots=True)
class Order:
    """The sort tuple of a query, forwards or backwards. Equal ones come by their creation, in the direction of the first rule."""

    sort: tuple[Sort, ...]
    forward: bool

    @property
    def newest_first(self) -> bool:
        return (self.sort[0].descending if self.sort else True) is self.forward

    def keys(self, branch: Branch, plan: Plan, visited: str = "") -> list[Sql]:
        """The sort tuple of the branch's resource, but for its rid; `visited` is the first one where an index gives it."""
        return [
            Sql(visited) if visited and index == 0 else key(each, branch, plan) for index, each in enumerate(self.sort)
        ]

    def terms(self, *, visited: bool = False) -> str:
        """What follows ORDER BY; `visited`: none lacks the first key."""
        terms = []
        for index, each in enumerate(self.sort):
            down, nulls = each.descending is self.forward, ""
            if each.param not in _ALWAYS and not (visited and index == 0):
                nulls = f" NULLS {'LAST' if self.forward else 'FIRST'}"
            terms.append(f"k{index}{' DESC' if down else ''}{nulls}")
        return ", ".join([*terms, f"rid{' DESC' if self.newest_first else ''}"])

    def beyond(self, place: Cursor, keys: Sequence[Sql], rid: str) -> Sql:
        """The condition on a sort tuple that it comes behind the place (before it, when going backwards)."""
        if place.rid == END:
            return TRUE
        condition = Sql(f"{rid} {'<' if self.newest_first else '>'} ?", (place.rid,))
        for index in reversed(range(len(self.sort))):
            column, key = keys[index], place.keys[index]
            if key is None:
                further = FALSE if self.forward else column + " IS NOT NULL"
                same = column + " IS NULL"
            else:
                sign = "<" if self.sort[index].descending is self.forward else ">"
                further = column + Sql(f" {sign} ?", (key,))
                further = any_of([further, column + " IS NULL"]) if self.forward else further
                same = column + Sql(" = ?", (key,))
            condition = any_of([further, all_of([same, condition])])
        return condition

    def from_here(self, place: Cursor | None, visited: str) -> Sql:
        """The bound of what an index gives, so that nothing before the place is visited."""
        if place is None or place.rid == END or place.keys[0] is None:
            return TRUE
        return Sql(f"{visited} {'<=' if self.sort[0].descending is self.forward else '>='} ?", (place.keys[0],))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One statement of a page: rows of type, id, version, updated, method, body, keys …, rid. What it finds comes before what
    the next stretch finds. Where it takes more than `steps`, the page is made by the course `instead`.
    """

    statement: Callable[[], Sql]
    steps: int = 0
    instead: Callable[[], "list[Stretch]"] | None = None


def course(query: SearchQuery, plans: list[Plan], place: Cursor | None, position: Position) -> list[Stretch]:
    """The stretches of a page and one row more, if there is one; later ones only matter where earlier ones leave room."""
    pages = Pages(query, plans, place, position)
    return pages.sorted() if query.sort else pages.created()


class Pages:
    """Writes the statements of one page."""

    def __init__(self, query: SearchQuery, plans: list[Plan], place: Cursor | None, position: Position) -> None:
        self.query, self.plans, self.place, self.position = query, plans, place, position
        self.order = Order(query.sort, place is None or place.forward)

    # ---- newest created first

    def created(self) -> list[Stretch]:
        order = "DESC" if self.order.newest_first else "ASC"
        passing = [plan.worth_passing(self.query.count) for plan in self.plans]
        sets = [
            plan
            for plan, passed in zip(self.plans, passing, strict=True)
            if passed or plan.instead is not None or (plan.lead and plan.sets(plan.lead))
        ]
        steps = 1 + sum(int(plan.amount * plan.cost) * GATHERED for plan in sets)
        by_order = lambda: self._by_creation(  # noqa: E731
            [
                each
                for plan, passed in zip(self.plans, passing, strict=True)
                for each in plan.stream(order, passing=passed)
            ]
        )
        if not sets:
            return [Stretch(by_order)]
        gathered = Stretch(lambda: self._by_creation([plan.gather(order) for plan in self.plans]))
        return [Stretch(by_order, steps, lambda: [gathered])]

    def _by_creation(self, branches: list[Branch]) -> Sql:
        end = Sql(f" ORDER BY rid{' DESC' if self.order.newest_first else ''}")
        limit = Sql(" LIMIT ?", (self.query.count + 1,))
        parts = [branch.statement(Sql(f"{branch.resource.rid} AS rid"), self._since(branch)) for branch in branches]
        return _with_bodies(self.plans[0], join(" UNION ", parts) + end + limit, end.text.replace("rid", "m.rid"))

    def _since(self, branch: Branch) -> Sql:
        """The condition on rid for the default order. What was created after page one never shows."""
        place, rid = self.place, branch.resource.rid
        if place is None:
            return TRUE
        dialect = branch.tree.dialect
        if place.forward and dialect.ordered:
            return Sql(f"{rid} < ?", (place.rid,))
        there = dialect.created(branch.resource, self.position)
        return all_of([Sql(f"{rid} {'<' if place.forward else '>'} ?", (place.rid,)), there])

    # ---- in the order of keys

    def sorted(self) -> list[Stretch]:
        first = self.query.sort[0]
        visits = [plan.worth_visiting(first, self.query.count) for plan in self.plans]
        gathered = Stretch(lambda: self._united([self._gathered(plan) for plan in self.plans]))
        if not any(visits):
            return [gathered]
        steps = 1 + sum(int(plan.amount) * SORTED for plan in self.plans if plan.amount < float("inf"))
        bounded = all(plan.amount < float("inf") for plan in self.plans)
        stretches = [Stretch(lambda: self._united(self._with_key(visits)), steps if bounded else 0, lambda: [gathered])]
        if any(self._may_lack(plan) for plan in self.plans):
            stretches.append(Stretch(lambda: self._united([self._without_key(plan) for plan in self.plans])))
        place = self.place
        if place is not None and place.rid != END and (place.keys[0] is None) is self.order.forward:
            return stretches[1:] if self.order.forward else stretches[:1]
        return stretches if self.order.forward else stretches[::-1]

    def _with_key(self, visits: list[bool]) -> list[Sql]:
        parts = []
        for plan, worth in zip(self.plans, visits, strict=True):
            branch = plan.visit(self.query.sort[0]) if worth else None
            parts.append(self._gathered(plan, "k0 IS NOT NULL") if branch is None else self._visited(plan, branch))
        return parts

    def _visited(self, plan: Plan, branch: Branch) -> Sql:
        first = self.query.sort[0]
        place = plan.sorted_by(first)
        visited = self.order.keys(branch, plan)[0].text if place is None else f"{branch.alias}.{place[2]}"
        keys = self.order.keys(branch, plan, visited)
        rid = branch.resource.rid
        where = [self.order.from_here(self.place, visited), self._unchanged(branch)]
        if self.place is not None:
            where.append(self.order.beyond(self.place, keys, rid))
        columns = join(", ", [*(key + f" AS k{index}" for index, key in enumerate(keys)), Sql(f"{rid} AS rid")])
        return branch.statement(columns, all_of(where), self._end(visited=True))

    def _gathered(self, plan: Plan, only: str = "TRUE") -> Sql:
        branch = plan.gather()
        keys = self.order.keys(branch, plan)
        columns = join(
            ", ", [*(key + f" AS k{index}" for index, key in enumerate(keys)), Sql(f"{branch.resource.rid} AS rid")]
        )
        inner = branch.statement(columns, self._unchanged(branch))
        beyond = TRUE
        if self.place is not None:
            beyond = self.order.beyond(self.place, [Sql(f"k{index}") for index in range(len(keys))], "rid")
        return Sql(f"SELECT {self._names()} FROM (") + inner + ") q WHERE " + all_of([Sql(only), beyond]) + self._end()

    def _without_key(self, plan: Plan) -> Sql:
        """Those that lack the first key."""
        first = self.query.sort[0]
        lacking = plan.also(Missing(first.param, (first.kind,))) if first.kind else None
        if lacking is None or lacking.empty:
            return self._gathered(plan, "FALSE")
        return self._gathered(lacking)

    def _may_lack(self, plan: Plan) -> bool:
        first = self.query.sort[0]
        if first.param in _ALWAYS or first.kind is None:
            return False
        place = plan.sorted_by(first)
        return place is None or bool(plan.planner.lacking(plan.type, [place[1]]))

    def _unchanged(self, branch: Branch) -> Sql:
        """The condition for sorts: what was changed after page one may stand elsewhere now, and is left out."""
        return TRUE if self.place is None else branch.tree.dialect.unchanged(branch.resource, self.position)

    def _names(self) -> str:
        return ", ".join([*(f"k{index}" for index in range(len(self.query.sort))), "rid"])

    def _end(self, *, visited: bool = False) -> Sql:
        return Sql(f" ORDER BY {self.order.terms(visited=visited)} LIMIT ?", (self.query.count + 1,))

    def _united(self, parts: list[Sql]) -> Sql:
        rows = parts[0]
        if len(parts) > 1:
            union = join(" UNION ALL ", [Sql(f"SELECT {self._names()} FROM (") + part + ") q" for part in parts])
            rows = Sql("SELECT * FROM (") + union + ") q" + self._end()
        return _with_bodies(self.plans[0], rows, f" ORDER BY {self.order.terms().replace('rid', 'm.rid')}")


def behind(plans: list[Plan], rid: int, count: int) -> Sql:
    """The statement of the first `count` matches created after the resource `rid`, oldest first; columns as of a Stretch."""
    parts = []
    for plan in plans:
        for branch in plan.stream():
            own = branch.resource.rid
            parts.append(branch.statement(Sql(f"{own} AS rid"), Sql(f"{own} > ?", (rid,))))
    return _with_bodies(plans[0], join(" UNION ", parts) + Sql(" ORDER BY rid LIMIT ?", (count,)), " ORDER BY m.rid")


def _with_bodies(plan: Plan, rows: Sql, end: str) -> Sql:
    """The rows with the resources; the bodies are fetched for those alone that are on the page."""
    return (
        Sql("SELECT r.type, r.id, r.version, r.updated, r.method, r.body, m.* FROM (")
        + rows
        + f") m{plan.tree.dialect.join}resource r ON r.rid = m.rid{end}"
    )


def total(plans: list[Plan], position: Position) -> Sql:
    """The statement of the number of matches that were created up to the position."""
    branches = [plan.gather() for plan in plans]
    return _count([(each, each.tree.dialect.created(each.resource, position)) for each in branches])


def touched(plans: list[Plan], position: Position) -> Sql:
    """The statement of the number of matches that existed at the position and were changed since."""
    return _count(
        [(plan.only(changed_since(plan.tree, plan.type, plan.number or 0, position)), TRUE) for plan in plans]
    )


def _count(branches: Iterable[tuple[Branch, Sql]]) -> Sql:
    parts = [branch.statement(Sql(f"{branch.resource.rid} AS rid"), more) for branch, more in branches]
    return (
        Sql("SELECT count(*) FROM (")
        + join(" UNION ALL ", [Sql("SELECT rid FROM (") + part + ") q" for part in parts])
        + ") q"
    )
