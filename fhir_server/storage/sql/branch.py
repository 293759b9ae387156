"""One way through the tables to resources of one type: where they come from, and what is looked up for each.

A branch is a statement but for its columns, its order and one more condition.
"""

from collections.abc import Callable

from fhir_server.storage.sql.arms import Arm
from fhir_server.storage.sql.dialect import Position
from fhir_server.storage.sql.resource import Resource
from fhir_server.storage.sql.text import TRUE, Sql, all_of
from fhir_server.storage.sql.tree import Tree

NOTHING_MORE = Sql("")


class Branch:
    """`resource` is what the columns are taken from; `updated` the expression for the time of its current version."""

    def __init__(self, tree: Tree, type_: str, head: Callable[["Branch"], Sql], *, own_row: bool = False) -> None:
        """`own_row`: the head names the row of the resource itself, which need not be joined."""
        self.tree, self.type, self._head = tree, type_, head
        self.alias = tree.alias("d")
        self.resource = Resource(f"{self.alias}.rid", tree.alias("r"))
        if own_row:
            self.resource.rid, self.resource.used = f"{self.resource.row}.rid", True
        self.updated = ""
        self.where = TRUE
        self.distinct = False

    def statement(self, columns: Sql, more: Sql = TRUE, end: Sql = NOTHING_MORE) -> Sql:
        """The SELECT of `columns` under one more condition; `end` is ORDER BY and LIMIT."""
        where = all_of([self.where, more])
        return Sql(f"SELECT {'DISTINCT ' if self.distinct else ''}") + columns + self._head(self) + where + end

    def joined(self) -> str:
        """The join of the resource's row, where something in the statement needs it."""
        row = self.resource.row
        return f"{self.tree.dialect.join}resource {row} ON {row}.rid = {self.alias}.rid" if self.resource.used else ""


def along(tree: Tree, type_: str, arm: Arm, *, once: bool) -> Branch:
    """Resources in the order of a stretch."""
    branch = Branch(
        tree,
        type_,
        lambda self: (
            Sql(f" FROM {arm.source(tree.dialect, self.alias)}{self.joined()} WHERE ") + arm.where(self.alias) + " AND "
        ),
    )
    branch.distinct = not once
    return branch


def among(tree: Tree, type_: str, rids: Sql, *, once: bool, order: str = "") -> Branch:
    """Resources of a set, in the `order` DESC or ASC of their creation, or in none.

    The limit that is none keeps the order: what is asked of each resource is then asked no further than the page goes.
    """
    given = rids if once else Sql("SELECT DISTINCT rid FROM (") + rids + ") q"
    if order:
        given = Sql("SELECT rid FROM (") + given + f") q ORDER BY rid {order}{tree.dialect.unlimited}"
    return Branch(tree, type_, lambda self: Sql(" FROM (") + given + f") {self.alias}{self.joined()} WHERE ")


def all_of_type(tree: Tree, type_: str, number: int) -> Branch:
    """All resources of the type in the order of their creation."""
    return Branch(
        tree,
        type_,
        lambda self: Sql(
            f" FROM resource {self.resource.row}{tree.dialect.by('resource_type')}"
            f" WHERE {self.resource.row}.type = ? AND {self.resource.row}.body IS NOT NULL AND ",
            (number,),
        ),
        own_row=True,
    )


def by_id(tree: Tree, type_: str, number: int) -> Branch:
    """All resources of the type in the order of their ids."""
    return Branch(
        tree,
        type_,
        lambda self: Sql(
            f" FROM resource {self.resource.row}{tree.dialect.by('sqlite_autoindex_resource_1')}"
            f" WHERE {self.resource.row}.type = ? AND {self.resource.row}.body IS NOT NULL AND ",
            (number,),
        ),
        own_row=True,
    )


def by_time(tree: Tree, type_: str, number: int) -> Branch:
    """All resources of the type in the order of the last changes to them."""
    branch = Branch(
        tree,
        type_,
        lambda self: Sql(
            f" FROM version {self.alias}{_current(self)} WHERE {self.alias}.type = ? AND {self.resource.row}.body IS NOT NULL AND ",
            (number,),
        ),
        own_row=True,
    )
    branch.updated = f"{branch.alias}.updated"
    return branch


def changed_since(tree: Tree, type_: str, number: int, position: Position) -> Branch:
    """The resources of the type that were there at the position and were changed after it."""
    return Branch(
        tree,
        type_,
        lambda self: (
            Sql(f" FROM version {self.alias}{_current(self)} WHERE ")
            + tree.dialect.touched(self.alias, self.resource, position)
            + Sql(f" AND {self.resource.row}.type = ? AND {self.resource.row}.body IS NOT NULL AND ", (number,))
        ),
        own_row=True,
    )


def _current(branch: Branch) -> str:
    """The join of the resource whose current version a row of `version` tells of."""
    row = branch.resource.row
    return f"{branch.tree.dialect.join}resource {row} ON {row}.rid = {branch.alias}.rid AND {row}.changed = {branch.alias}.sequence"
