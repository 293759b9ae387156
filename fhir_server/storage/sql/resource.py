"""A resource in a statement, and what conditions on it are written with.

http://hl7.org/fhir/R4/search.html
"""

from dataclasses import dataclass
from typing import Protocol

from fhir_server.search.query import Access, Match, Node
from fhir_server.storage.sql.compare import Alternative
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import Names
from fhir_server.storage.sql.text import Sql


@dataclass(slots=True)
class Resource:
    """A resource in a statement: `rid` is an expression for its number, `row` an alias of its row in `resource`.

    `used` tells afterwards whether the row itself was needed. An `image` is a version that need not be current: its row has
    the packed entries, the tables of entries know nothing of it. So it is with what a `container` contains: `row` is then an
    alias of its row in the packed entries of the container.
    """

    rid: str
    row: str
    used: bool = False
    image: bool = False
    container: "Resource | None" = None

    def column(self, name: str) -> str:
        self.used = True
        return f"{self.row}.{name}" if self.container is None else f"({self.row}.value {_CONTAINED[name]})"

    def inside(self, row: str) -> "Resource":
        """The resource within the same container whose packed row is `row`."""
        return Resource(self.rid, row, image=True, container=self.container or self)


_CONTAINED = {"id": "->> 0", "entries": "-> 2"}  # the columns that a contained resource has


class Conditions(Protocol):
    """Writes the conditions of one statement (see tree.Tree)."""

    names: Names
    dialect: Dialect

    def alias(self, letter: str) -> str: ...

    def alternatives(self, node: Match, type_: str) -> list[Alternative]: ...

    def holds(self, node: Node, type_: str, resource: Resource, access: Access) -> Sql: ...
