"""A connection of a relational store: its statements run when they are asked for, and their caller waits in place.

What waits for the network does so beneath this (see storage.postgres.connection): planner, pages and histories are written once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Database(Protocol):
    """Statements have `?` for arguments. What `execute` returns has `fetchall`, `fetchone`, `get` (the first value of the first row)
    and can be iterated.
    """

    def execute(self, statements: str, bindings: Any = (), /) -> Any: ...

    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]], /) -> Any: ...
