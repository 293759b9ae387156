"""Works: coroutines that await nothing but their transaction, which never lets them wait on the request loop."""

from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


def finished(work: Awaitable[T]) -> T:
    """The result of a coroutine that awaits nothing but its transaction. Raises TypeError for one that does."""
    coroutine: Any = work
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise TypeError("a work may await nothing but its transaction")
