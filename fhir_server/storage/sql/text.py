"""Pieces of SQL with their arguments, joined without ever writing a value into the text.

The text of a piece depends on the shape of a search alone, so that equal shapes share one prepared statement.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Sql(NamedTuple):
    """Text with `?` in it, and the arguments for them in order."""

    text: str
    args: tuple[Any, ...] = ()

    def __add__(self, other: "Sql | str") -> "Sql":  # type: ignore[override]
        if isinstance(other, str):
            return Sql(self.text + other, self.args)
        return Sql(self.text + other.text, self.args + other.args)


TRUE = Sql("TRUE")
FALSE = Sql("FALSE")


def join(separator: str, parts: Sequence[Sql]) -> Sql:
    return Sql(separator.join([part.text for part in parts]), tuple([arg for part in parts for arg in part.args]))


def all_of(parts: Sequence[Sql]) -> Sql:
    """The condition that all parts hold."""
    if FALSE in parts:
        return FALSE
    parts = [part for part in parts if part != TRUE]
    if len(parts) < 2:
        return parts[0] if parts else TRUE
    return _nested(" AND ", parts)


def any_of(parts: Sequence[Sql]) -> Sql:
    """The condition that at least one part holds."""
    if TRUE in parts:
        return TRUE
    parts = [part for part in parts if part != FALSE]
    if len(parts) < 2:
        return parts[0] if parts else FALSE
    return _nested(" OR ", parts)


def negated(part: Sql) -> Sql:
    if part == TRUE:
        return FALSE
    return TRUE if part == FALSE else Sql(f"NOT ({part.text})", part.args)


def _nested(separator: str, parts: Sequence[Sql]) -> Sql:
    """Joined as a balanced tree: databases limit the depth of an expression, and a search may hold a thousand values."""
    if len(parts) <= 32:
        joined = join(separator, parts)
        return Sql(f"({joined.text})", joined.args)
    step = (len(parts) + 31) // 32
    return _nested(separator, [_nested(separator, parts[i : i + step]) for i in range(0, len(parts), step)])
