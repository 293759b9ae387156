"""Functions that wait in place: they run in a greenlet, and what they wait for is awaited on the request loop.

https://greenlet.readthedocs.io. So the planner, pages and histories are written once, for a store that answers in microseconds and for
one across a network: no thread is taken, and no function has a twin.
"""

import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")


async def in_place(function: Callable[..., T], *args: Any) -> T:
    """The result of the function, which may `wait`."""
    running = greenlet(function)
    running.gr_context = contextvars.copy_context()
    asked: Any = running.switch(*args)
    while not running.dead:
        try:
            answer = await asked
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            asked = running.throw(error)
        else:
            asked = running.switch(answer)
    result: T = asked
    return result


def wait(for_: Awaitable[T]) -> T:
    """The result, once it is there; meanwhile others run. Only within `in_place`."""
    parent = getcurrent().parent
    assert parent is not None, "a store across a network is asked within in_place"
    result: T = parent.switch(for_)
    return result
