"""Many rows in few statements.

https://www.sqlite.org/lang_insert.html. A statement gives up the interpreter lock at every step, and the request loop takes it:
with one statement a row the writer would wait for the loop as many times.
"""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import apsw

MOST_VALUES = 1024  # bound to one statement


def insert(connection: apsw.Connection, statement: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows by (what stands before them, how one is written, what stands behind them).

    In statements of 2ⁿ rows, so that few distinct texts are prepared.
    """
    most, first = 1 << ((MOST_VALUES // len(rows[0])).bit_length() - 1), 0
    while first < len(rows):
        count = min(most, 1 << ((len(rows) - first).bit_length() - 1))
        values = tuple(chain.from_iterable(rows[first : first + count]))
        connection.execute(_text(*statement, count), values)
        first += count


@cache
def _text(start: str, row: str, end: str, count: int) -> str:
    return start + ", ".join([row] * count) + end
